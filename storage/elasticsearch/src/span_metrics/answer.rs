//! What comes back of a question for metrics.

use serde::Deserialize;
use serde_json::value::RawValue;
use spoor_storage::ReadError;

use crate::access::parse_json;
use crate::wholeness::Shards;

/// What is read of an answer besides what tells that it is whole.
pub(super) const FILTER: &str = "aggregations.steps";

#[derive(Debug, Deserialize)]
struct Answer<'a> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    /// Nothing where no index exists.
    #[serde(default, borrow)]
    aggregations: Option<Aggregations<'a>>,
}

#[derive(Debug, Deserialize)]
struct Aggregations<'a> {
    #[serde(borrow)]
    steps: Page<'a>,
}

/// One page of steps.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) buckets: Vec<Bucket>,
    /// Where the next page goes on; as the store wrote it, it goes back unread.
    #[serde(default, borrow)]
    pub(super) after_key: Option<&'a RawValue>,
}

/// One step of one series.
#[derive(Debug, Deserialize)]
pub(super) struct Bucket {
    pub(super) key: Key,
    pub(super) doc_count: u64,
    #[serde(default)]
    errors: Option<Counted>,
    #[serde(default)]
    latency: Option<Percentiles>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub(super) service: String,
    #[serde(default)]
    pub(super) operation: Option<String>,
    /// Milliseconds since 1970.
    pub(super) step: u64,
}

#[derive(Debug, Deserialize)]
struct Counted {
    doc_count: u64,
}

#[derive(Debug, Deserialize)]
struct Percentiles {
    values: Vec<Percentile>,
}

#[derive(Debug, Deserialize)]
struct Percentile {
    /// Microseconds.
    value: Option<f64>,
}

impl Bucket {
    pub(super) fn errors(&self) -> u64 {
        self.errors.as_ref().map_or(0, |errors| errors.doc_count)
    }

    pub(super) fn latency_millis(&self) -> Option<f64> {
        self.latency.as_ref()?.values.first()?.value.map(|micros| micros / 1_000.0)
    }
}

/// Reads an answer and makes sure that it is whole.
pub(super) fn parse<'a>(body: &'a [u8], attempted: &str) -> Result<Page<'a>, ReadError> {
    let answer: Answer<'a> = parse_json(body, attempted)?;
    answer.shards.check(answer.timed_out, attempted)?;
    Ok(answer.aggregations.map(|found| found.steps).unwrap_or_default())
}
