//! The bodies of searches for reports.

use serde_json::{Value, json};
use spoor_model::TimeRange;

/// The reports whose moments lie in the range, both ends included.
pub(super) fn reports(range: TimeRange) -> Value {
    let (start, end) = (range.start.millis(), range.end.millis());
    let within = json!({ "gte": start, "lte": end, "format": "epoch_millis" });
    json!({
        "track_total_hits": false,
        "query": { "bool": { "filter": [{ "range": { "timestamp": within } }] } },
        "sort": [{ "timestamp": { "order": "asc", "unmapped_type": "date" } }],
    })
}

#[cfg(test)]
mod tests {
    use spoor_model::UnixNanos;

    use super::*;

    #[test]
    fn the_request_is_the_reviewed_one() {
        let golden: Value = serde_json::from_str(include_str!("golden/reports.json")).unwrap();
        let range = TimeRange {
            start: UnixNanos::from_millis(1_787_184_000_000),
            end: UnixNanos(1_787_270_400_000_999_999),
        };
        assert_eq!(reports(range), golden);
    }
}
