//! The questions for a trace's summary, and the answer. Pure. What is counted is what reading the whole trace would count.

use serde::Deserialize;
use serde_json::{Value, json};
use spoor_model::TraceId;
use spoor_model::jaeger::{ERROR, STATUS_CODE};

use super::query::spellings;

/// Spans told of one trace that may be its root. In Jaeger's layout the first one is; in the compact layout the store does not
/// know which spans have a parent, so the earliest ones are told, and a trace whose root is none of them is read whole.
pub(super) const ROOT_CANDIDATES: usize = 20;
/// Services told of one trace; a trace with more is read whole.
const SERVICES: u32 = 1_000;
/// Spans told of traces that may have failed; where there are more, each trace is asked for by itself, and one with more is read whole.
pub(super) const SUSPECTS: usize = 1_000;
/// Where Jaeger, and so the reader, takes a failure from if nothing else tells of one.
const HTTP_STATUS: &str = "http.response.status_code";
/// The end of a span; one without a duration ends where it starts.
const END: &str = "doc['startTime'].value + (doc['duration'].size() == 0 ? 0 : doc['duration'].value)";

/// What tags that tell of failures say when nothing failed. A store asks itself for each of up to 16 values only at the spans of
/// the trace in question; for more, or for a pattern, it would first go through all the spans it has, for every trace.
const GOOD: [&str; 16] = [
    "false", "OK", "Ok", "ok", "UNSET", "Unset", "unset", "200", "201", "202", "204", "206", "301", "302",
    "304", "308",
];

/// What is to come back of the answers.
pub(super) const FILTER: &str = "hits.hits._source,aggregations.*.value,\
aggregations.services.sum_other_doc_count,aggregations.services.buckets.key,aggregations.services.buckets.doc_count";

/// The answer.
#[derive(Debug, Deserialize)]
pub(super) struct Sums {
    pub(super) spans: Sum,
    /// µs since the epoch.
    pub(super) start: Sum,
    /// µs since the epoch.
    pub(super) end: Sum,
    pub(super) services: Services,
}

/// A number over all spans; none without spans.
#[derive(Debug, Deserialize)]
pub(super) struct Sum {
    value: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Services {
    /// Spans of services that are not among the buckets.
    pub(super) sum_other_doc_count: u64,
    #[serde(default)]
    pub(super) buckets: Vec<ServiceBucket>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServiceBucket {
    pub(super) key: String,
    pub(super) doc_count: u64,
}

impl Sum {
    /// As a whole number; 0 when there is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts, and microseconds until the year 2255, are whole in a double; what is below zero becomes zero"
    )]
    pub(super) fn whole(&self) -> u64 {
        self.value.unwrap_or_default() as u64
    }
}

/// Sums over a trace's spans, and as hits, earliest first, those that may be its root: the spans without a parent as far as
/// the store knows. The parent is a field or, in documents of Jaeger before 2.20, a reference within the trace.
pub(super) fn sums(trace_id: TraceId) -> Value {
    let ids = spellings(trace_id);
    let parent_field = json!({ "bool": {
        "filter": [{ "exists": { "field": "parentSpanID" } }],
        "must_not": [{ "term": { "parentSpanID": "" } }],
    } });
    let parent_reference = json!({ "nested": {
        "path": "references",
        // Documents of the compact layout have the parent as a field alone.
        "ignore_unmapped": true,
        "query": { "terms": { "references.traceID": ids } },
    } });
    json!({
        "size": ROOT_CANDIDATES,
        "track_total_hits": false,
        "query": { "bool": { "filter": [{ "terms": { "traceID": ids } }] } },
        "post_filter": { "bool": { "must_not": [parent_field, parent_reference] } },
        "sort": [
            { "startTime": { "order": "asc", "unmapped_type": "long" } },
            { "spanID": { "order": "asc", "unmapped_type": "keyword" } },
        ],
        "_source": ["traceID", "spanID", "parentSpanID", "startTime", "operationName", "process.serviceName"],
        "aggs": {
            "spans": { "value_count": { "field": "startTime" } },
            "start": { "min": { "field": "startTime" } },
            "end": { "max": { "script": { "lang": "painless", "source": END } } },
            "services": { "terms": { "field": "process.serviceName", "size": SERVICES } },
        },
    })
}

/// The spans of these traces that the reader may take for failed (`spoor_model::jaeger::{TagInterpreter, is_failed}`), with what it takes
/// that from: those with a tag that tells of failures and does not say that all is well.
pub(super) fn suspects(trace_ids: &[TraceId], dot_replacement: &str) -> Value {
    let ids: Vec<String> = trace_ids.iter().copied().flat_map(spellings).collect();
    let good = |field: &str| json!({ "terms": { field: GOOD } });
    let keys = [ERROR, STATUS_CODE, HTTP_STATUS];
    let listed = json!({ "nested": { "path": "tags", "query": { "bool": {
        "filter": [{ "terms": { "tags.key": keys } }],
        "must_not": [good("tags.value")],
    } } } });
    let mut any = vec![
        listed,
        // In the compact layout the status is told by itself.
        json!({ "term": { "span.d": "error?true" } }),
        json!({ "terms": { "span.a": ["error?true", "error=true"] } }),
    ];
    any.extend(keys.map(|key| {
        let field = format!("tag.{}", key.replace('.', dot_replacement));
        let told = json!({ "exists": { "field": field } });
        json!({ "bool": { "filter": [told], "must_not": [good(&field)] } })
    }));
    json!({
        "size": SUSPECTS,
        "track_total_hits": false,
        "query": { "bool": {
            "filter": [{ "terms": { "traceID": ids } }],
            "should": any,
            "minimum_should_match": 1,
        } },
        "_source": { "excludes": ["logs", "references", "process.tags", "process.tag"] },
    })
}
