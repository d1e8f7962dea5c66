//! The question for a trace's summary, and its answer. Pure. What is counted is what reading the whole trace would count.

use serde::Deserialize;
use serde_json::{Value, json};
use spoor_model::TraceId;
use spoor_model::jaeger::{ERROR, SPAN_KIND, STATUS_CODE};

use super::query::spellings;

/// Spans told of one trace that may be its root. In Jaeger's layout the first one is; in the compact layout the store does not
/// know which spans have a parent, so the earliest ones are told, and a trace whose root is none of them is read whole.
pub(super) const ROOT_CANDIDATES: usize = 20;
/// Services told of one trace; a trace with more is read whole.
const SERVICES: u32 = 1_000;
/// Where Jaeger, and so the reader, takes a failure from if nothing else tells of one.
const HTTP_STATUS: &str = "http.response.status_code";
/// The end of a span; one without a duration ends where it starts.
const END: &str = "doc['startTime'].value + (doc['duration'].size() == 0 ? 0 : doc['duration'].value)";

/// What is to come back of the answer.
pub(super) const FILTER: &str = "hits.hits._source,aggregations.*.value,\
aggregations.services.sum_other_doc_count,aggregations.services.buckets.key,aggregations.services.buckets.doc_count,\
aggregations.services.buckets.failed.doc_count";

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
    pub(super) failed: Failed,
}

#[derive(Debug, Deserialize)]
pub(super) struct Failed {
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
pub(super) fn summary(trace_id: TraceId, dot_replacement: &str) -> Value {
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
    let failed = failed(dot_replacement);
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
            "services": {
                "terms": { "field": "process.serviceName", "size": SERVICES },
                "aggs": { "failed": { "filter": failed } },
            },
        },
    })
}

/// The spans that the reader takes for failed (`spoor_model::jaeger::{TagInterpreter, is_failed}`): by the tag `error`, by the
/// status, or else by an HTTP status.
fn failed(dot_replacement: &str) -> Value {
    let tag = |key: &str, value: fn(&str) -> Value| span_tag(key, dot_replacement, value);
    let server = tag(SPAN_KIND, |field| json!({ "terms": { field: ["server", "Server", "SERVER"] } }));
    let good = ["OK", "Ok", "ok", "UNSET", "Unset", "unset"];
    let other_status = span_tag(STATUS_CODE, dot_replacement, |field| json!({ "terms": { field: good } }));
    let client_error = tag(HTTP_STATUS, |field| json!({ "regexp": { field: { "value": "4[0-9][0-9]" } } }));
    let no_success = tag(HTTP_STATUS, |field| {
        let number = json!({ "regexp": { field: { "value": "-?[0-9]+" } } });
        let others = json!({ "regexp": { field: { "value": "[1-4][0-9][0-9]" } } });
        json!({ "bool": { "filter": [number], "must_not": [others] } })
    });
    any(vec![
        tag(ERROR, |field| json!({ "term": { field: "true" } })),
        tag(STATUS_CODE, |field| json!({ "terms": { field: ["ERROR", "Error", "error"] } })),
        json!({ "bool": { "filter": [no_success], "must_not": [other_status] } }),
        json!({ "bool": { "filter": [client_error], "must_not": [other_status, server] } }),
        // In the compact layout the status is told by itself.
        json!({ "term": { "span.d": "error?true" } }),
        json!({ "terms": { "span.a": ["error?true", "error=true"] } }),
    ])
}

/// A tag of the span itself, as a field or in the list.
fn span_tag(key: &str, dot_replacement: &str, value: impl Fn(&str) -> Value) -> Value {
    let field = format!("tag.{}", key.replace('.', dot_replacement));
    let conditions = [json!({ "term": { "tags.key": key } }), value("tags.value")];
    let listed = json!({ "nested": { "path": "tags", "query": { "bool": { "filter": conditions } } } });
    any(vec![value(&field), listed])
}

fn any(conditions: Vec<Value>) -> Value {
    json!({ "bool": { "should": Value::Array(conditions), "minimum_should_match": 1 } })
}
