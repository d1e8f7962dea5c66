//! Service documents: which service has which operations, of which kinds. One per pair and index period, with Jaeger's `_id`
//! and words; and one per pair and kind beside it, which Jaeger reads as the pair once more (docs/adr/0012-kinds-of-operations.md).
//! A document counts as known only once it is stored, and only for its period: a new day's index gets it again.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use spoor_model::SpanKind;
use xxhash_rust::xxh3::xxh3_64;

use crate::index::Period;

/// Documents remembered; Jaeger remembers as many pairs.
const CAPACITY: usize = 100_000;
const DEFAULT_TTL: Duration = Duration::from_secs(12 * 3600);

/// A service and operation in a period, told by 128 bits of hash; with the kind, where the document is about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceKey {
    period: Period,
    service: u64,
    operation: u64,
    kind: Option<SpanKind>,
}

/// A map of them. Every span asks one; the default hasher took a sixth of a document's time for it.
pub(crate) type ServiceMap<V> = HashMap<ServiceKey, V, foldhash::fast::RandomState>;

/// What tells nearly all keys apart, in one word: the names are hashes already.
impl Hash for ServiceKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let kind = self.kind.map_or(0, |kind| kind as u64 + 1);
        state.write_u64(self.service.rotate_left(7) ^ self.operation ^ (kind << 56));
    }
}

impl ServiceKey {
    /// The pair, whatever its kinds.
    #[inline]
    pub(crate) fn new(period: Period, service_hash: u64, operation: &[u8]) -> Self {
        Self { period, service: service_hash, operation: xxh3_64(operation), kind: None }
    }

    /// The pair with spans of this kind.
    #[inline]
    pub(crate) fn of_kind(self, kind: SpanKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The pair alone.
    pub(crate) fn pair(self) -> Self {
        Self { kind: None, ..self }
    }

    /// The stored name of the kind that the document is about, if it is about one.
    pub(crate) fn kind_name(self) -> Option<&'static str> {
        self.kind.map(|kind| if kind == SpanKind::Unspecified { UNSPECIFIED } else { kind.name() })
    }

    /// The `_id` of the document about a kind: longer than any of Jaeger's.
    pub(crate) fn kind_document_id(self, kind: &str) -> String {
        format!("{:016x}{:016x}-{kind}", self.service, self.operation)
    }
}

/// What is stored for spans that say no kind: unlike those of which nobody stored the kind.
pub(crate) const UNSPECIFIED: &str = "unspecified";
/// The field of the kind. Below `tag`, every template that Jaeger ever had makes a field an exact text; in an index made by
/// Jaeger's template a new field elsewhere would be full text, which cannot be listed.
pub(crate) const KIND_FIELD: &str = "spanKind";

/// Jaeger's `_id` of a service document: FNV-1a (64 bits) over both names without anything between, lower hex, unpadded.
pub(crate) fn document_id(service: &[u8], operation: &[u8]) -> String {
    let hash = service.iter().chain(operation).fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:x}")
}

/// The pairs whose documents are known to be stored.
#[derive(Debug)]
pub(crate) struct ServiceCache {
    ttl: Duration,
    generations: Mutex<Generations>,
}

/// Bounded without bookkeeping per use: when the young generation is half of the capacity, it becomes the old one, and
/// what nobody asked for since the last change is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: ServiceMap<Instant>,
    old: ServiceMap<Instant>,
}

impl ServiceCache {
    /// `ttl` of zero means Jaeger's 12 hours.
    pub(crate) fn new(ttl: Duration) -> Self {
        let ttl = if ttl.is_zero() { DEFAULT_TTL } else { ttl };
        Self { ttl, generations: Mutex::default() }
    }

    /// For each key, whether its document is stored.
    pub(crate) fn known(&self, keys: &[ServiceKey], now: Instant) -> Vec<bool> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |stored: Instant| now.saturating_duration_since(stored) < self.ttl;
        keys.iter()
            .map(|key| {
                if let Some(&stored) = generations.young.get(key) {
                    return fresh(stored);
                }
                let Some(stored) = generations.old.remove(key) else { return false };
                generations.insert(*key, stored);
                fresh(stored)
            })
            .collect()
    }

    /// Remembers that these documents are stored.
    pub(crate) fn confirm(&self, keys: impl Iterator<Item = ServiceKey>, now: Instant) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        keys.for_each(|key| generations.insert(key, now));
    }
}

impl Generations {
    fn insert(&mut self, key: ServiceKey, stored: Instant) {
        if self.young.len() >= CAPACITY / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, stored);
    }
}

#[cfg(test)]
mod tests {
    use spoor_model::UnixNanos;

    use super::*;
    use crate::Frequency;

    fn key(day: u64, operation: usize) -> ServiceKey {
        let period = Frequency::Day.period(UnixNanos(day * 86_400_000_000_000));
        ServiceKey::new(period, 7, operation.to_string().as_bytes())
    }

    #[test]
    fn the_id_is_jaegers() {
        assert_eq!(document_id(b"test-service", b"test-operation"), "cb42af354c445afb");
        assert_eq!(document_id(b"ab", b"c"), document_id(b"a", b"bc"), "as there, nothing lies between");
    }

    #[test]
    fn documents_about_kinds_have_ids_of_their_own() {
        let pair = key(1, 0);
        let kinds =
            [SpanKind::Unspecified, SpanKind::Server, SpanKind::Client].map(|kind| pair.of_kind(kind));
        let names = kinds.map(|key| key.kind_name().unwrap());
        assert_eq!(names, ["unspecified", "server", "client"]);
        let ids: Vec<_> = kinds.iter().zip(names).map(|(key, name)| key.kind_document_id(name)).collect();
        assert!(ids.iter().all(|id| id.len() > 33 && id.starts_with(&ids[0][..33])), "{ids:?}");
        assert_eq!(kinds.map(ServiceKey::pair), [pair; 3]);
        assert_eq!(pair.kind_name(), None);
    }

    #[test]
    fn a_pair_is_known_once_confirmed_and_only_for_its_day() {
        let cache = ServiceCache::new(Duration::ZERO);
        let now = Instant::now();
        assert_eq!(cache.known(&[key(1, 0)], now), [false]);
        assert_eq!(cache.known(&[key(1, 0)], now), [false], "asking confirms nothing");
        cache.confirm([key(1, 0)].into_iter(), now);
        assert_eq!(cache.known(&[key(1, 0), key(2, 0), key(1, 1)], now), [true, false, false]);
    }

    #[test]
    fn a_pair_is_written_again_after_its_time() {
        let cache = ServiceCache::new(Duration::from_secs(5));
        let now = Instant::now();
        cache.confirm([key(1, 0)].into_iter(), now);
        assert_eq!(cache.known(&[key(1, 0)], now + Duration::from_secs(4)), [true]);
        assert_eq!(cache.known(&[key(1, 0)], now + Duration::from_secs(5)), [false]);
    }

    #[test]
    fn a_time_of_0_is_that_of_jaeger_which_is_twelve_hours() {
        let (cache, now) = (ServiceCache::new(Duration::ZERO), Instant::now());
        let hours = |hours: u64| now + Duration::from_secs(hours * 3_600);
        cache.confirm([key(1, 0)].into_iter(), now);
        assert_eq!(cache.known(&[key(1, 0)], hours(12) - Duration::from_secs(1)), [true]);
        assert_eq!(cache.known(&[key(1, 0)], hours(12)), [false]);
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let cache = ServiceCache::new(Duration::ZERO);
        let now = Instant::now();
        for operation in 0..3 * CAPACITY {
            cache.confirm([key(1, operation)].into_iter(), now);
            if operation % 1_000 == 0 {
                assert_eq!(cache.known(&[key(1, 0)], now), [true], "at {operation}");
            }
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= CAPACITY);
    }
}
