//! Opening the store: the pieces put together from the configuration.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::access::Access;
use crate::bulk::{BulkMetrics, BulkWriter, Limits};
use crate::client::{Client, Server, check_writer};
use crate::config::Layout;
use crate::document::TagFields;
use crate::encode::BulkEncoder;
use crate::index::IndexNames;
use crate::setup::{Pace, Plan, Readiness, Setup, SetupMetrics, Watched};
use crate::template::Kind;
use crate::{
    ArchiveConfig, ArchiveNames, Config, ConnectionError, ElasticsearchDependencies, ElasticsearchReader,
    ElasticsearchSampling, ElasticsearchSpanMetrics, ElasticsearchWriter, SamplingConfig, TemplateConfig,
};

/// A configuration that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No node named.
    #[error("--es.server-urls names no server")]
    NoServers,
    /// A version that does not exist.
    #[error(
        "--es.version={0} is not supported; 7, 8, 9 are Elasticsearch, 101, 102, 103 OpenSearch, 0 asks the server"
    )]
    Version(u32),
    /// A prefix that index names cannot have.
    #[error(
        "--es.index-prefix={0} cannot begin the name of an index; it must be lower case, without spaces and \\/*?\"<>|,#:"
    )]
    IndexPrefix(String),
    /// A separator that index names cannot have.
    #[error("--es.index-date-separator={0} cannot be part of the name of an index")]
    DateSeparator(String),
    /// A name that no remote cluster can have.
    #[error("--es.remote-read-clusters names {0:?}, which cannot be the name of a cluster")]
    RemoteCluster(String),
    /// A name that no alias can have.
    #[error("{0:?} cannot be the name of an alias; it must be lower case, without spaces and \\/*?\"<>|,#:")]
    Alias(String),
    /// One alias of a pair.
    #[error("--es.{0}-read-alias and --es.{0}-write-alias go together: set both or none")]
    HalfAnAliasPair(&'static str),
    /// Aliases that nobody uses.
    #[error("--es.{0}-read-alias and --es.{0}-write-alias need --es.use-aliases")]
    AliasesNotUsed(&'static str),
    /// One alias for two purposes.
    #[error(
        "the alias {0:?} is named twice; each of --es.span-…, --es.service-… and --es.compact-span-read-alias and -write-alias needs a name of its own"
    )]
    SharedAlias(String),
    /// A setting of something that no role of this version does.
    #[error("{0}; remove it")]
    NoEffect(&'static str),
    /// An archive that cannot be told from the store, or with settings that cannot be.
    #[error("the archive cannot be opened: {0}")]
    Archive(String),
    /// Settings of templates that contradict one another.
    #[error("{0}")]
    Templates(&'static str),
    /// A list of keys that cannot be read.
    #[error("read the tag keys of --es.tags-as-fields.config-file={}: {source}", path.display())]
    TagKeys {
        /// The file.
        path: std::path::PathBuf,
        #[expect(missing_docs, reason = "the error's own words")]
        source: std::io::Error,
    },
    /// A connection that cannot be made.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// An Elasticsearch or OpenSearch cluster, to write to and to read from.
///
/// Opening does not wait for the store: version detection and the templates are tried in the background until they
/// succeed, and reads and writes are answered as unavailable with the reason meanwhile.
#[derive(Debug)]
pub struct ElasticsearchStore {
    writer: Arc<ElasticsearchWriter>,
    reader: Arc<ElasticsearchReader>,
    sampling: Arc<ElasticsearchSampling>,
    setup: Arc<Setup>,
}

impl Config {
    /// Checks what a single flag cannot tell, without touching the network, for a role that does not sample adaptively.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open`].
    pub fn validate(&self) -> Result<(), OpenError> {
        self.refuse_what_has_no_effect()?;
        self.validate_with_sampling()
    }

    /// As [`Config::validate`], for a role that samples adaptively.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open`].
    pub fn validate_with_sampling(&self) -> Result<(), OpenError> {
        IndexNames::new(&self.indices)?;
        TagFields::new(&self.documents)?;
        parts(self).map(drop)
    }

    /// What only adaptive sampling heeds.
    fn refuse_what_has_no_effect(&self) -> Result<(), OpenError> {
        let no_effect = if self.templates.sampling_priority != 0 {
            "--es.prioirity-sampling-template would have no effect: nothing is sampled adaptively here (--sampling.config-type)"
        } else if self.sampling != SamplingConfig::default() {
            "--es.adaptive-sampling.lookback would have no effect: nothing is sampled adaptively here (--sampling.config-type)"
        } else {
            return Ok(());
        };
        Err(OpenError::NoEffect(no_effect))
    }
}

impl ElasticsearchStore {
    /// Opens the store for writing and reading. Needs a Tokio runtime around it. The metrics go into `registry`.
    ///
    /// # Errors
    /// [`OpenError`] for settings that cannot work; a store that is down is no error.
    pub fn open(config: &Config, registry: &mut Registry) -> Result<Self, OpenError> {
        let names = IndexNames::new(&config.indices)?;
        let families = watched(config, &names, false);
        Self::open_named(config, names, families, registry)
    }

    /// Opens the archive that stands beside a store with the settings `store`. Its metrics have the prefix `archive_`.
    ///
    /// # Errors
    /// [`OpenError`] for settings that cannot work, among them an archive that would be the store itself.
    pub fn open_archive(
        archive: &ArchiveConfig,
        store: &Config,
        registry: &mut Registry,
    ) -> Result<Self, OpenError> {
        let config = archive_config(archive, store)?;
        let names = match archive.names() {
            ArchiveNames::Single => IndexNames::archive(&config.indices)?,
            ArchiveNames::Dated => IndexNames::ageless(&config.indices)?,
        };
        config
            .templates
            .validate(config.indices.use_aliases)
            .map_err(|error| OpenError::Archive(error.to_string()))?;
        let families = watched(&config, &names, archive.names() == ArchiveNames::Single);
        Self::open_named(&config, names, families, registry.sub_registry_with_prefix("archive"))
    }

    /// Checks the settings of an archive that stands beside a store with the settings `store`, without touching the network.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open_archive`].
    pub fn validate_archive(archive: &ArchiveConfig, store: &Config) -> Result<(), OpenError> {
        archive_config(archive, store)?.validate_with_sampling()
    }

    fn open_named(
        config: &Config,
        names: IndexNames,
        watched: Families,
        registry: &mut Registry,
    ) -> Result<Self, OpenError> {
        check_writer(&config.connection)?;
        let (client, known) = parts(config)?;
        client.start();
        let metrics = BulkMetrics::register(registry);
        let plan = plan(config, known, watched, Some(config.templates.clone()));
        let setup = Arc::new(Setup::start(client.clone(), plan, SetupMetrics::register(registry)));
        let bulk = BulkWriter::start(client.clone(), limits(config), metrics);
        let writer = ElasticsearchWriter::new(
            setup.clone(),
            bulk,
            BulkEncoder::named(config, names.clone())?,
            registry,
        );
        let access = Access::new(client, setup.clone(), config);
        let sampling = ElasticsearchSampling::new(access.clone(), &names, config);
        let reader = ElasticsearchReader::new(access, names, config);
        Ok(Self { writer: Arc::new(writer), reader: Arc::new(reader), sampling, setup })
    }

    /// Opens the store for reading only: no templates are installed, nothing is written.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open`].
    pub fn open_reader(config: &Config) -> Result<Arc<ElasticsearchReader>, OpenError> {
        Ok(Self::open_with_locks(config)?.0)
    }

    /// As [`ElasticsearchStore::open_reader`], with the locks by which processes elect one of them, and what adaptive sampling remembers. What
    /// the elected one writes (dependencies, probabilities) brings its template along.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open`].
    pub fn open_with_locks(
        config: &Config,
    ) -> Result<(Arc<ElasticsearchReader>, Arc<ElasticsearchSampling>), OpenError> {
        let (client, known) = parts(config)?;
        let names = IndexNames::new(&config.indices)?;
        client.start();
        let plan = plan(config, known, watched(config, &names, false), None);
        let setup = Arc::new(Setup::start(client.clone(), plan, SetupMetrics::default()));
        let access = Access::new(client, setup, config);
        let locks = ElasticsearchSampling::new(access.clone(), &names, config);
        Ok((Arc::new(ElasticsearchReader::new(access, names, config)), locks))
    }

    /// The door in.
    #[must_use]
    pub fn writer(&self) -> Arc<ElasticsearchWriter> {
        self.writer.clone()
    }

    /// The door out.
    #[must_use]
    pub fn reader(&self) -> Arc<ElasticsearchReader> {
        self.reader.clone()
    }

    /// Who calls whom.
    #[must_use]
    pub fn dependencies(&self) -> ElasticsearchDependencies {
        self.reader.dependencies()
    }

    /// What adaptive sampling remembers, and its locks.
    #[must_use]
    pub fn sampling(&self) -> Arc<ElasticsearchSampling> {
        self.sampling.clone()
    }

    /// Rates and latencies of services.
    #[must_use]
    pub fn span_metrics(&self) -> ElasticsearchSpanMetrics {
        self.reader.span_metrics()
    }

    /// Whether the store can be used in every way, and if not, why: now and whenever it changes. Each door has a readiness of its own.
    #[must_use]
    pub fn readiness(&self) -> tokio::sync::watch::Receiver<Readiness> {
        self.setup.readiness()
    }
}

/// The archive's settings, of which none is without effect.
fn archive_config(archive: &ArchiveConfig, store: &Config) -> Result<Config, OpenError> {
    let config = archive.beside(store)?;
    archive.refuse_what_has_no_effect(&config, store)?;
    Ok(config)
}

pub(crate) fn parts(config: &Config) -> Result<(Arc<Client>, Option<Server>), OpenError> {
    let known = match config.connection.version {
        0 => None,
        number => Some(Server::from_number(number).ok_or(OpenError::Version(number))?),
    };
    config.templates.validate(config.indices.use_aliases)?;
    Ok((Arc::new(Client::new(config)?), known))
}

/// The families that are looked after.
struct Families {
    /// Of spans, in the layout that is written, and of services where they are written.
    written: Vec<Watched>,
    other_layout: Watched,
}

/// `archive` when the families have an archive's names.
fn watched(config: &Config, names: &IndexNames, archive: bool) -> Families {
    let watched = |(kind, family)| Watched::new(kind, family, archive, config.indices.max_span_age);
    let (jaeger, compact) = ((Kind::Span, &names.spans), (Kind::CompactSpan, &names.compact));
    let (spans, other) = match config.layout.layout {
        Layout::Jaeger => (jaeger, compact),
        Layout::Compact => (compact, jaeger),
    };
    let services = names.has_services.then_some((Kind::Service, &names.services));
    Families {
        written: std::iter::once(spans).chain(services).map(watched).collect(),
        other_layout: watched(other),
    }
}

fn plan(
    config: &Config,
    known: Option<Server>,
    families: Families,
    templates: Option<TemplateConfig>,
) -> Plan {
    Plan {
        known,
        families: families.written,
        other_layout: Some(families.other_layout),
        templates,
        use_ilm: config.templates.use_ilm,
        remotes: config.indices.remotes().map(str::to_owned).collect(),
        pace: Pace::default(),
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        bulk_bytes: config.bulk.size as usize,
        bulk_items: config.bulk.actions as usize,
        queue_bytes: config.bulk.queue_size as usize,
        workers: config.bulk.workers as usize,
        flush_interval: config.bulk.flush_interval,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn settings_that_cannot_work_are_named() {
        let refused = |config: Config| {
            ElasticsearchStore::open(&config, &mut Registry::default()).expect_err("refused").to_string()
        };
        let refused_with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            refused(config)
        };
        assert!(refused_with(|config| config.connection.version = 6).contains("--es.version=6"));
        assert!(refused_with(|config| config.indices.prefix = "Ä*".into()).contains("--es.index-prefix"));
        assert!(refused_with(|config| config.connection.server_urls.clear()).contains("--es.server-urls"));
        assert!(refused_with(|config| config.templates.use_ilm = true).contains("--es.use-aliases"));
    }
}
