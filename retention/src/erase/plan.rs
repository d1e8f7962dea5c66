//! What is to go, and what it is called where it must not be told.

use sha2::{Digest, Sha256};
use spoor_model::UnixNanos;
use spoor_storage::{Doomed, Inventory, Pace};

use crate::name::span_index;

/// Digits of a hash that are told.
const DIGITS: usize = 16;

/// What one removal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What stands before the names of all indices.
    pub prefix: String,
    /// Which spans, of any age.
    pub doomed: Doomed,
    /// Seconds that are kept, before now.
    pub keeps: Option<i64>,
    /// Whether spans go from the archive, too.
    pub with_archive: bool,
    /// How fast.
    pub pace: Pace,
    /// Whether the disk space is given back at once.
    pub expunges: bool,
}

/// One thing that is said of the spans, for the log: what is not anybody's own as it is, the rest as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// `service`, `operation`, `trace`, or the key of a tag.
    pub key: String,
    /// The first digits of the SHA-256 of the value.
    pub hash: String,
}

impl Plan {
    /// The same for the same request, today and tomorrow: by it the store's work is found again.
    #[must_use]
    pub fn mark(&self) -> String {
        let Doomed { service, operation, tags, trace_ids, before: _ } = &self.doomed;
        let said = (&self.prefix, service, operation, tags, trace_ids, self.keeps, self.with_archive);
        format!("spoor-erase-{}", hash(&format!("{said:?}")))
    }

    /// The spans as of `now`, in seconds of the epoch.
    #[must_use]
    pub fn doomed(&self, now: i64) -> Doomed {
        let before = self.keeps.map(|keeps| {
            let seconds = u64::try_from(now.saturating_sub(keeps)).unwrap_or(0);
            UnixNanos(seconds.saturating_mul(1_000_000_000))
        });
        Doomed { before, ..self.doomed.clone() }
    }

    /// What is said of the spans, without any value.
    #[must_use]
    pub fn criteria(&self) -> Vec<Criterion> {
        let criterion = |key: &str, value: &str| Criterion { key: key.to_owned(), hash: hash(value) };
        let Doomed { service, operation, tags, trace_ids, before: _ } = &self.doomed;
        let service = service.iter().map(|value| criterion("service", value));
        let operation = operation.iter().map(|value| criterion("operation", value));
        let tags = tags.iter().map(|(key, value)| criterion(key, value));
        let traces = trace_ids.iter().map(|id| criterion("trace", &id.to_string()));
        service.chain(operation).chain(tags).chain(traces).collect()
    }

    /// The indices that may hold such spans, the oldest first.
    pub(crate) fn indices(&self, inventory: &Inventory) -> Vec<String> {
        let with_archive = self.with_archive;
        let ours = inventory.indices.iter().filter(|index| {
            span_index(&index.name, &self.prefix).is_some_and(|is_archive| with_archive || !is_archive)
        });
        let mut ours: Vec<_> = ours.map(|index| (index.created, index.name.clone())).collect();
        ours.sort_unstable();
        ours.into_iter().map(|(_, name)| name).collect()
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: &str, user: &str) -> Plan {
        Plan {
            prefix: "prod".to_owned(),
            doomed: Doomed {
                service: Some(service.to_owned()),
                tags: vec![("user.id".to_owned(), user.to_owned())],
                ..Doomed::default()
            },
            keeps: Some(86_400),
            with_archive: false,
            pace: Pace { per_second: None, slices: None },
            expunges: false,
        }
    }

    #[test]
    fn the_mark_is_that_of_the_request_whatever_the_time_and_the_pace() {
        let plan = of("shop", "anna");
        let slower = Plan { pace: Pace { per_second: Some(5), slices: Some(2) }, ..plan.clone() };
        assert_eq!(plan.mark(), slower.mark());
        assert_ne!(plan.mark(), of("shop", "bert").mark());
        assert_ne!(plan.mark(), Plan { keeps: Some(1), ..plan.clone() }.mark());
        assert!(plan.doomed(100_000).before < plan.doomed(200_000).before);
    }

    #[test]
    fn no_value_is_told() {
        let plan = of("shop", "anna");
        let told = format!("{:?} {}", plan.criteria(), plan.mark());
        assert!(told.contains("user.id") && !told.contains("anna") && !told.contains("shop"), "{told}");
    }
}
