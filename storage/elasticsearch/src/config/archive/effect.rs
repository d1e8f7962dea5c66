//! Settings that an archive has no use for. Given with the store's own value they change nothing, and nobody is misled; with another
//! one they are refused.

use super::{ArchiveNames, PREFIX};
use crate::Config;

/// A setting, whether it is another one than the store's, and why it is without effect.
type Check = (&'static str, fn(&Config, &Config) -> bool, &'static str);

const SAMPLING: &str = "an archive holds nothing about sampling";
const DATES: &str = "with --es-archive.names=single its index has no date";
const SERVICES: &str = "with --es-archive.names=single no services are written to it";

/// Of every archive.
const ALWAYS: [Check; 4] = [
    (
        "prioirity-dependencies-template",
        |own, store| own.templates.dependencies_priority != store.templates.dependencies_priority,
        "an archive holds no dependencies",
    ),
    (
        "prioirity-sampling-template",
        |own, store| own.templates.sampling_priority != store.templates.sampling_priority,
        SAMPLING,
    ),
    ("adaptive-sampling.lookback", |own, store| own.sampling != store.sampling, SAMPLING),
    (
        "index-rollover-frequency-adaptive-sampling",
        |own, store| own.indices.rollover_frequency_sampling != store.indices.rollover_frequency_sampling,
        SAMPLING,
    ),
];

/// Of one that is called as Jaeger v1 calls it.
const SINGLE: [Check; 5] = [
    ("index-date-separator", |own, store| own.indices.date_separator != store.indices.date_separator, DATES),
    (
        "index-rollover-frequency-spans",
        |own, store| own.indices.rollover_frequency_spans != store.indices.rollover_frequency_spans,
        DATES,
    ),
    (
        "index-rollover-frequency-services",
        |own, store| own.indices.rollover_frequency_services != store.indices.rollover_frequency_services,
        SERVICES,
    ),
    (
        "prioirity-service-template",
        |own, store| own.templates.service_priority != store.templates.service_priority,
        SERVICES,
    ),
    (
        "service-cache-ttl",
        |own, store| own.documents.service_cache_ttl != store.documents.service_cache_ttl,
        SERVICES,
    ),
];

/// What to say of the first setting of the archive that would have no effect, if there is one.
pub(super) fn refusal(names: ArchiveNames, own: &Config, store: &Config) -> Option<String> {
    let single = SINGLE.iter().filter(|_| names == ArchiveNames::Single);
    let (name, _, why) = ALWAYS.iter().chain(single).find(|(_, differs, _)| differs(own, store))?;
    Some(format!("--{PREFIX}{name} would have no effect: {why}; remove it"))
}
