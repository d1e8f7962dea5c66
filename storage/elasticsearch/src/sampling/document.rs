//! Sampling documents in Jaeger's two shapes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use spoor_model::{ByOperation, SamplingProbabilities, Throughput, UnixNanos};
use spoor_storage::ReadError;
use xxhash_rust::xxh3::xxh3_128;

use crate::access::{parse_json, rfc3339};
use crate::scroll::Hit;
use crate::wholeness::Shards;

/// What one writer said of one operation at one moment.
pub(super) fn throughput_id(writer: u64, at: UnixNanos, seen: &Throughput) -> String {
    let mut facts = at.0.to_le_bytes().to_vec();
    facts.extend_from_slice(&seen.service.len().to_le_bytes());
    facts.extend_from_slice(seen.service.as_bytes());
    facts.extend_from_slice(seen.operation.as_bytes());
    format!("{writer:016x}_{:032x}", xxh3_128(&facts))
}

/// What one writer calculated at one moment.
pub(super) fn probabilities_id(writer: u64, at: UnixNanos) -> String {
    format!("{writer:016x}_{}", at.0)
}

pub(super) fn throughput(at: UnixNanos, seen: &Throughput) -> Value {
    let Throughput { service, operation, count, probabilities } = seen;
    let probabilities: BTreeMap<&str, Value> =
        probabilities.iter().map(|text| (text.as_str(), json!({}))).collect();
    json!({
        "timestamp": rfc3339(at),
        "throughputs": { "Service": service, "Operation": operation, "Count": count, "Probabilities": probabilities },
    })
}

pub(super) fn probabilities(at: UnixNanos, calculated: &SamplingProbabilities) -> Value {
    let SamplingProbabilities { host, probabilities, qps } = calculated;
    json!({
        "timestamp": rfc3339(at),
        "probabilitiesandqps": { "Hostname": host, "Probabilities": probabilities, "QPS": qps },
    })
}

/// True when JSON can say all its numbers.
pub(super) fn is_finite(calculated: &SamplingProbabilities) -> bool {
    let mut numbers = [&calculated.probabilities, &calculated.qps]
        .into_iter()
        .flat_map(|all| all.values())
        .flat_map(BTreeMap::values);
    numbers.all(|number| number.is_finite())
}

#[derive(Debug, Deserialize)]
struct ThroughputDocument {
    throughputs: StoredThroughput,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredThroughput {
    service: String,
    operation: String,
    count: u64,
    /// Jaeger writes null for none.
    #[serde(default)]
    probabilities: Option<BTreeMap<String, IgnoredAny>>,
}

pub(super) fn parse_throughput(hit: &Hit<'_>, attempted: &str) -> Result<Throughput, ReadError> {
    let ThroughputDocument { throughputs } = parse_json(hit.source.get().as_bytes(), attempted)?;
    let StoredThroughput { service, operation, count, probabilities } = throughputs;
    let probabilities = probabilities.unwrap_or_default().into_keys().collect();
    Ok(Throughput { service, operation, count, probabilities })
}

#[derive(Debug, Deserialize)]
struct Newest<'a> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(default, borrow)]
    hits: NewestHits<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct NewestHits<'a> {
    #[serde(default, borrow)]
    hits: Vec<NewestHit<'a>>,
}

#[derive(Debug, Deserialize)]
struct NewestHit<'a> {
    #[serde(rename = "_source", borrow)]
    source: &'a RawValue,
    /// The moment in milliseconds.
    sort: [u64; 1],
}

#[derive(Debug, Deserialize)]
struct ProbabilitiesDocument {
    probabilitiesandqps: StoredProbabilities,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredProbabilities {
    hostname: String,
    #[serde(default)]
    probabilities: Option<ByOperation>,
    #[serde(default, rename = "QPS")]
    qps: Option<ByOperation>,
}

/// Reads the answer to the question for the newest probabilities.
pub(super) fn parse_probabilities(
    body: &[u8],
    attempted: &str,
) -> Result<Option<(UnixNanos, SamplingProbabilities)>, ReadError> {
    let answer: Newest<'_> = parse_json(body, attempted)?;
    answer.shards.check(answer.timed_out, attempted)?;
    let Some(newest) = answer.hits.hits.first() else { return Ok(None) };
    let ProbabilitiesDocument { probabilitiesandqps } =
        parse_json(newest.source.get().as_bytes(), attempted)?;
    let StoredProbabilities { hostname, probabilities, qps } = probabilitiesandqps;
    let calculated = SamplingProbabilities {
        host: hostname,
        probabilities: probabilities.unwrap_or_default(),
        qps: qps.unwrap_or_default(),
    };
    Ok(Some((UnixNanos::from_millis(newest.sort[0]), calculated)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const AT: UnixNanos = UnixNanos(1_787_184_000_123_456_789);

    fn seen(service: &str, operation: &str) -> Throughput {
        let probabilities = BTreeSet::from(["0.001000".to_owned()]);
        Throughput { service: service.to_owned(), operation: operation.to_owned(), count: 7, probabilities }
    }

    #[test]
    fn documents_are_jaegers() {
        let golden: Value = serde_json::from_str(include_str!("golden/documents.json")).unwrap();
        let numbers = ByOperation::from([("shop".to_owned(), BTreeMap::from([("a.b".to_owned(), 0.5)]))]);
        let calculated =
            SamplingProbabilities { host: "h".to_owned(), probabilities: numbers.clone(), qps: numbers };
        assert_eq!(json!([throughput(AT, &seen("shop", "buy")), probabilities(AT, &calculated)]), golden);
    }

    #[test]
    fn the_id_is_that_of_writer_moment_service_and_operation() {
        let id = throughput_id(1, AT, &seen("ab", "c"));
        assert_eq!(id, throughput_id(1, AT, &Throughput { count: 9, ..seen("ab", "c") }));
        for other in [
            throughput_id(2, AT, &seen("ab", "c")),
            throughput_id(1, UnixNanos(AT.0 + 1), &seen("ab", "c")),
            throughput_id(1, AT, &seen("a", "bc")),
        ] {
            assert_ne!(id, other);
        }
    }
}
