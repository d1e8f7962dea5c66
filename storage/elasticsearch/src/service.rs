//! Service documents: which service has which operations. One per pair and index period, with Jaeger's `_id`.
//! A pair counts as known only once its document is stored, and only for its period: a new day's index gets it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use crate::index::Period;

/// Pairs remembered, as in Jaeger.
const CAPACITY: usize = 100_000;
const DEFAULT_TTL: Duration = Duration::from_secs(12 * 3600);

/// A service and operation in a period, told by 128 bits of hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ServiceKey {
    period: Period,
    service: u64,
    operation: u64,
}

impl ServiceKey {
    #[inline]
    pub(crate) fn new(period: Period, service_hash: u64, operation: &[u8]) -> Self {
        Self { period, service: service_hash, operation: xxh3_64(operation) }
    }
}

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
    young: HashMap<ServiceKey, Instant>,
    old: HashMap<ServiceKey, Instant>,
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
