//! Names of indices: where a span of a moment is written, and which indices a stretch of time is read from.
//! Facts: `jaegertracing/jaeger internal/storage/elasticsearch/{config/config.go,indices}`.

mod family;
mod period;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use spoor_model::{TimeRange, UnixNanos};

pub(crate) use family::Family;
use family::Rotation;
pub use period::Frequency;
use period::Layout;
pub(crate) use period::Period;

use crate::{IndexConfig, OpenError};

/// Index lists of one family longer than this become patterns; servers take 4096 bytes for the whole request line, in which two
/// families may stand.
const MAX_LIST_BYTES: usize = 1_536;
const NOT_IN_A_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*').remove(b':');
/// What index names cannot hold (Elasticsearch's and OpenSearch's rule), and what separates names in a list.
const FORBIDDEN: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];

/// How far beyond a window the spans of a trace may lie and still be found.
pub(crate) const SLACK: Duration = Duration::from_secs(24 * 3600);

/// Names, aliases and patterns of indices to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets(Vec<String>);

impl Targets {
    /// Each local target, followed by the same one of every remote cluster.
    fn with_remotes(local: Vec<String>, remotes: &[String]) -> Self {
        if remotes.is_empty() {
            return Self(local);
        }
        let everywhere = local.into_iter().flat_map(|name| {
            let remote: Vec<String> = remotes.iter().map(|cluster| format!("{cluster}:{name}")).collect();
            std::iter::once(name).chain(remote)
        });
        Self(everywhere.collect())
    }

    /// Bytes that a name takes in an address, those of its remote twins included.
    fn address_bytes(name: &str, remotes: &[String]) -> usize {
        let own = encoded(name).len() + 1;
        own + remotes.iter().map(|cluster| encoded(cluster).len() + 1 + own).sum::<usize>()
    }

    /// These and others.
    fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// For the path of an address.
    pub(crate) fn path(&self) -> String {
        self.0.iter().map(|name| encoded(name)).collect::<Vec<_>>().join(",")
    }

    /// For a body.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

pub(crate) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NOT_IN_A_PATH).to_string()
}

/// The names of all families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexNames {
    /// Spans in Jaeger's layout.
    pub(crate) spans: Family,
    /// Spans in the compact layout.
    pub(crate) compact: Family,
    pub(crate) services: Family,
    /// Whether documents of services are written: nobody asks an archive for its services, and Jaeger's rollover tool makes no alias
    /// of them there.
    pub(crate) has_services: bool,
    pub(crate) dependencies: Family,
    pub(crate) sampling: Family,
    /// The one index of locks. No pattern of a family or of Jaeger's tools takes it in.
    pub(crate) locks: String,
}

impl IndexNames {
    /// The families of a store.
    pub(crate) fn new(config: &IndexConfig) -> Result<Self, OpenError> {
        let maker = Maker::new(config)?;
        let [span_aliases, service_aliases, compact_aliases] = all_custom_aliases(config)?;
        Ok(Self {
            spans: maker.family("jaeger-span", config.rollover_frequency_spans, span_aliases),
            // A name that no pattern of Jaeger's matches: it would not understand these documents.
            compact: maker.family("spoor-span", config.rollover_frequency_spans, compact_aliases),
            services: maker.family("jaeger-service", config.rollover_frequency_services, service_aliases),
            has_services: true,
            // Jaeger's are daily whatever is set, and only its own rollover tool makes aliases for them.
            dependencies: maker.family("jaeger-dependencies", Frequency::Day, None),
            sampling: maker.local().family("jaeger-sampling", config.rollover_frequency_sampling, None),
            locks: format!("{}jaeger-spoor-locks", maker.prefix),
        })
    }

    /// What may hold spans of the window, in either layout.
    pub(crate) fn span_targets(&self, window: TimeRange) -> Targets {
        self.spans.targets(window).and(self.compact.targets(window))
    }

    /// What may hold spans of the window in Jaeger's layout.
    pub(crate) fn jaeger_span_targets(&self, window: TimeRange) -> Targets {
        self.spans.targets(window)
    }

    /// The families of a store whose spans and services are read without regard to their age.
    pub(crate) fn ageless(config: &IndexConfig) -> Result<Self, OpenError> {
        let names = Self::new(config)?;
        let (spans, compact) = (names.spans.ageless(), names.compact.ageless());
        Ok(Self { spans, compact, services: names.services.ageless(), ..names })
    }

    /// The families of an archive as Jaeger v1 names them: one index for ever, or two aliases, and no dates. The families
    /// that an archive does not have, services among them, are those of an ordinary store.
    pub(crate) fn archive(config: &IndexConfig) -> Result<Self, OpenError> {
        let maker = Maker::new(config)?;
        let archive = |base: &str, custom: Option<Rotation>| {
            let base = format!("{}{base}-archive", maker.prefix);
            let rotation = match (config.use_aliases, custom) {
                (true, Some(custom)) => custom,
                (true, None) => default_aliases(&base),
                (false, _) => Rotation::One(base.clone()),
            };
            Family::new(base, rotation, maker.remotes.clone())
        };
        let [spans, _, compact] = all_custom_aliases(config)?;
        Ok(Self {
            spans: archive("jaeger-span", spans),
            compact: archive("spoor-span", compact),
            has_services: false,
            ..Self::new(config)?
        })
    }
}

/// What the families of a store have in common.
#[derive(Debug, Clone)]
struct Maker {
    /// Empty, or with a dash at its end.
    prefix: String,
    separator: String,
    use_aliases: bool,
    remotes: Vec<String>,
}

impl Maker {
    fn new(config: &IndexConfig) -> Result<Self, OpenError> {
        let (prefix, separator) = (config.prefix.as_str(), config.date_separator.as_str());
        if is_no_name(prefix) || prefix.starts_with(['-', '_', '+', '.']) {
            return Err(OpenError::IndexPrefix(prefix.to_owned()));
        }
        if is_no_name(separator) {
            return Err(OpenError::DateSeparator(separator.to_owned()));
        }
        let remotes: Vec<String> = config.remotes().map(str::to_owned).collect();
        // Patterns of cluster names are taken by servers, too.
        if let Some(bad) = remotes.iter().find(|name| name.contains([',', ':', '/', ' ', '"', '\\'])) {
            return Err(OpenError::RemoteCluster(bad.clone()));
        }
        let joined =
            if prefix.is_empty() || prefix.ends_with('-') { prefix.to_owned() } else { format!("{prefix}-") };
        Ok(Self { prefix: joined, separator: separator.to_owned(), use_aliases: config.use_aliases, remotes })
    }

    /// The same without remote clusters.
    fn local(&self) -> Self {
        Self { remotes: Vec::new(), ..self.clone() }
    }

    fn family(&self, base: &str, frequency: Frequency, aliases: Option<Rotation>) -> Family {
        let base = format!("{}{base}", self.prefix);
        let rotation = match (self.use_aliases, aliases) {
            (true, Some(custom)) => custom,
            (true, None) => default_aliases(&base),
            (false, _) => Rotation::Periodic(Layout { separator: self.separator.clone(), frequency }),
        };
        Family::new(base, rotation, self.remotes.clone())
    }
}

fn default_aliases(base: &str) -> Rotation {
    Rotation::Aliases { read: format!("{base}-read"), write: format!("{base}-write") }
}

/// The aliases that the settings name for spans, services, and spans of the compact layout.
fn all_custom_aliases(config: &IndexConfig) -> Result<[Option<Rotation>; 3], OpenError> {
    let all = [
        custom_aliases(config, "span", config.span_read_alias.as_ref(), config.span_write_alias.as_ref())?,
        custom_aliases(
            config,
            "service",
            config.service_read_alias.as_ref(),
            config.service_write_alias.as_ref(),
        )?,
        custom_aliases(
            config,
            "compact-span",
            config.compact_span_read_alias.as_ref(),
            config.compact_span_write_alias.as_ref(),
        )?,
    ];
    // Documents of two kinds behind one alias would be taken for one another.
    let mut names: Vec<&str> = all.iter().flatten().flat_map(Rotation::alias_names).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(OpenError::SharedAlias(pair[0].to_owned())),
        None => Ok(all),
    }
}

/// The aliases that the settings name for a family; both or none, and only with aliases in use.
fn custom_aliases(
    config: &IndexConfig,
    family: &'static str,
    read: Option<&String>,
    write: Option<&String>,
) -> Result<Option<Rotation>, OpenError> {
    match (read, write) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) if !config.use_aliases => Err(OpenError::AliasesNotUsed(family)),
        (Some(read), Some(write)) => {
            if let Some(bad) = [read, write].into_iter().find(|name| name.is_empty() || is_no_name(name)) {
                return Err(OpenError::Alias(bad.clone()));
            }
            Ok(Some(Rotation::Aliases { read: read.clone(), write: write.clone() }))
        }
        (Some(_), None) | (None, Some(_)) => Err(OpenError::HalfAnAliasPair(family)),
    }
}

fn is_no_name(text: &str) -> bool {
    text.contains(FORBIDDEN) || text.chars().any(char::is_uppercase)
}

/// The moment of the call.
pub(crate) fn now() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

/// The window, longer by so much at both ends.
pub(crate) fn widened(window: TimeRange, by: Duration) -> TimeRange {
    TimeRange { start: window.start.saturating_sub(by), end: window.end.saturating_add(by) }
}
