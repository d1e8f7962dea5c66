//! The bodies of searches among sampling documents. The two shapes share an index and nothing tells them apart but what they have;
//! Jaeger's dynamic mapping keeps empty texts in the `keyword` only, and does not have that of ours.

use serde_json::{Value, json};
use spoor_model::{TimeRange, UnixNanos};

/// Throughput of the range, both ends included, in the order of moments.
pub(super) fn throughput(range: TimeRange) -> Value {
    let within = json!({ "gte": range.start.millis(), "lte": range.end.millis(), "format": "epoch_millis" });
    json!({
        "track_total_hits": false,
        "query": { "bool": { "filter": [{ "range": { "timestamp": within } }, has("throughputs.Service")] } },
        "sort": [{ "timestamp": { "order": "asc", "unmapped_type": "date" } }],
    })
}

/// The newest probabilities since that moment.
pub(super) fn latest_probabilities(since: UnixNanos) -> Value {
    let within = json!({ "gte": since.millis(), "format": "epoch_millis" });
    json!({
        "size": 1,
        "track_total_hits": false,
        "query": { "bool": { "filter": [{ "range": { "timestamp": within } }, has("probabilitiesandqps.Hostname")] } },
        "sort": [{ "timestamp": { "order": "desc", "unmapped_type": "date" } }],
    })
}

fn has(field: &str) -> Value {
    let own = json!({ "exists": { "field": field } });
    let keyword = json!({ "exists": { "field": format!("{field}.keyword") } });
    json!({ "bool": { "should": [own, keyword], "minimum_should_match": 1 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_the_reviewed_ones() {
        let golden = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let start = UnixNanos::from_millis(1_787_184_000_000);
        let range = TimeRange { start, end: UnixNanos::from_millis(1_787_184_060_000) };
        assert_eq!(throughput(range), golden(include_str!("golden/throughput.json")));
        assert_eq!(latest_probabilities(start), golden(include_str!("golden/latest_probabilities.json")));
    }
}
