//! Index templates in Jaeger's schema: what makes tags nested and ids exact.
//! Facts: `jaegertracing/jaeger internal/storage/elasticsearch/esclient` (names, patterns, priorities, fields, lifecycle settings).

pub(crate) mod applied;
mod compact;
pub(crate) mod fit;
#[cfg(test)]
mod golden;
mod mappings;

use serde_json::{Map, Value, json};

use crate::TemplateConfig;
use crate::client::Server;
use crate::index::Family;

/// A family of indices, by what its documents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In Jaeger's layout.
    Span,
    /// Spans in the compact layout.
    CompactSpan,
    Service,
    Dependencies,
    Sampling,
}

impl Kind {
    /// What the indices hold.
    pub(crate) fn documents(self) -> &'static str {
        match self {
            Self::Span | Self::CompactSpan => "spans",
            Self::Service => "services",
            Self::Dependencies => "dependencies",
            Self::Sampling => "adaptive sampling",
        }
    }

    /// Whether they are spans, in either layout.
    pub(crate) fn is_of_spans(self) -> bool {
        matches!(self, Self::Span | Self::CompactSpan)
    }

    /// Whether Jaeger and its tools know the family.
    pub(crate) fn is_jaegers(self) -> bool {
        self != Self::CompactSpan
    }

    /// The setting that orders the family's template among composable ones.
    pub(crate) fn priority_flag(self) -> &'static str {
        match self {
            Self::Span | Self::CompactSpan => "--es.prioirity-span-template",
            Self::Service => "--es.prioirity-service-template",
            Self::Dependencies => "--es.prioirity-dependencies-template",
            Self::Sampling => "--es.prioirity-sampling-template",
        }
    }

    fn priority(self, config: &TemplateConfig) -> u32 {
        match self {
            Self::Span | Self::CompactSpan => config.span_priority,
            Self::Service => config.service_priority,
            Self::Dependencies => config.dependencies_priority,
            Self::Sampling => config.sampling_priority,
        }
    }
}

/// What a family's template is called and which indices it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateNames {
    pub(crate) kind: Kind,
    /// `prod-jaeger-span`
    pub(crate) name: String,
    /// `prod-jaeger-span-*`
    pub(crate) pattern: String,
    /// An archive with Jaeger v1's names: `jaeger-span-archive`, which the store's own template takes in as well. The archive's
    /// goes before it, so that it has its own shards and is not handed to the store's lifecycle policy.
    pub(crate) archive: bool,
    /// Where the family is written and read by aliases.
    pub(crate) aliases: Option<Aliases>,
}

/// The two aliases of a family that rolls over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aliases {
    pub(crate) read: String,
    pub(crate) write: String,
}

impl TemplateNames {
    /// Of this family. `archive` says that it has an archive's names.
    pub(crate) fn of(kind: Kind, family: &Family, archive: bool) -> Self {
        let aliases =
            family.aliases().map(|(read, write)| Aliases { read: read.to_owned(), write: write.to_owned() });
        let name = family.base_name().to_owned();
        // An archive may be one index, which has the bare name.
        let pattern = if archive { format!("{name}*") } else { family.pattern() };
        Self { kind, name, pattern, archive, aliases }
    }
}

/// One template to install.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pub(crate) kind: Kind,
    /// Address to `PUT` it to.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// The family's template for this server.
pub(crate) fn template(server: Server, names: &TemplateNames, config: &TemplateConfig) -> Template {
    let TemplateNames { kind, name, pattern, archive, aliases } = names;
    let lifecycle = aliases.as_ref().filter(|_| config.use_ilm);
    let mut body = json!({
        "settings": settings(server, *kind, config, lifecycle),
        "mappings": mappings::of(*kind),
        // Each new index is read from the moment it is made.
        "aliases": lifecycle.map_or_else(Map::new, |aliases| Map::from_iter([(aliases.read.clone(), json!({}))])),
    });
    if *kind == Kind::CompactSpan && knows_field_names(server) {
        body["mappings"]["_field_names"] = json!({ "enabled": false });
    }
    if is_composable(server, config) {
        return Template {
            kind: *kind,
            path: format!("/_index_template/{name}"),
            body: json!({
                "priority": kind.priority(config).saturating_add(u32::from(*archive)),
                "index_patterns": pattern,
                "template": body,
            }),
        };
    }
    if *archive {
        body["order"] = 1.into();
        body["index_patterns"] = pattern.as_str().into();
    } else {
        // The leading star is Jaeger's: a template without prefix also serves prefixed indices.
        body["index_patterns"] = format!("*{pattern}").into();
    }
    Template { kind: *kind, path: format!("/_template/{name}"), body }
}

/// Whether a server notes with each value of a field without doc values that the field is there, and can be told not to: a tenth
/// of its work for compact documents, and of no use to anybody. Elasticsearch since 8 notes it once a document and takes no such
/// setting.
fn knows_field_names(server: Server) -> bool {
    match server {
        Server::Elasticsearch(major) => major < 8,
        Server::OpenSearch(_) => true,
    }
}

/// Whether templates are installed as composable ones.
pub(crate) fn is_composable(server: Server, config: &TemplateConfig) -> bool {
    config.composable || server.has_composable_templates()
}

fn settings(server: Server, kind: Kind, config: &TemplateConfig, lifecycle: Option<&Aliases>) -> Value {
    let mut settings = json!({
        "index.number_of_shards": config.num_shards,
        "index.number_of_replicas": config.num_replicas,
        "index.mapping.nested_fields.limit": 50,
        "index.requests.cache.enable": kind != Kind::Sampling,
    });
    if kind == Kind::CompactSpan {
        settings["index.codec"] = "best_compression".into();
    }
    match (lifecycle, server) {
        (None, _) => {}
        (Some(aliases), Server::Elasticsearch(_)) => {
            settings["lifecycle"] =
                json!({ "name": config.ilm_policy_name, "rollover_alias": aliases.write });
        }
        // Policies of OpenSearch take their indices by an ism_template of their own.
        (Some(aliases), Server::OpenSearch(_)) => {
            settings["plugins.index_state_management.rollover_alias"] = aliases.write.as_str().into();
        }
    }
    settings
}
