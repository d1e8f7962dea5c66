//! Routes by HTTP, and what they take.

/// Routes and what they take. `{…}` is drawn, too.
pub(crate) const ROUTES: [(&str, &[&str]); 19] = [
    ("/api/services", &["prettyPrint"]),
    ("/api/services/{text}/operations", &["prettyPrint"]),
    ("/api/operations", &["service", "spanKind"]),
    (
        "/api/traces",
        &[
            "service",
            "operation",
            "start",
            "end",
            "limit",
            "minDuration",
            "maxDuration",
            "tag",
            "tags",
            "traceID",
            "raw",
            "lookback",
        ],
    ),
    ("/api/traces", &["service", "tags", "tags", "tag", "minDuration"]),
    ("/api/traces/{id}", &["start", "end", "raw", "prettyPrint"]),
    ("/api/archive/{id}", &["start", "end"]),
    ("/api/transform", &["prettyPrint"]),
    ("/api/dependencies", &["endTs", "lookback", "service"]),
    ("/api/v3/services", &[]),
    ("/api/v3/operations", &["service", "spanKind", "span_kind"]),
    ("/api/v3/traces/{id}", &["startTime", "endTime", "rawTraces", "raw_traces"]),
    ("/api/v3/traces", SEARCH),
    ("/api/v3/trace-summaries", SEARCH),
    ("/api/v3/traces", FILTERED),
    ("/api/v3/trace-summaries", FILTERED),
    ("/api/v3/dependencies", &["startTime", "endTime"]),
    ("/api/deep-dependencies", &["service"]),
    ("/api/{text}", &["service"]),
];
const SEARCH: &[&str] = &[
    "query.startTimeMin",
    "query.startTimeMax",
    "query.serviceName",
    "query.operationName",
    "query.searchDepth",
    "query.durationMin",
    "query.durationMax",
    "query.attributes",
    "query.pageToken",
    "query.rawTraces",
];
const FILTERED: &[&str] = &["query.startTimeMin", "query.startTimeMax", "query.filter", "query.searchDepth"];
pub(crate) const METRICS: [(&str, &[&str]); 4] = [
    (
        "/api/metrics/latencies",
        &["service", "quantile", "spanKind", "groupByOperation", "endTs", "lookback", "step", "ratePer"],
    ),
    (
        "/api/metrics/calls",
        &["service", "spanKind", "groupByOperation", "endTs", "lookback", "step", "ratePer"],
    ),
    (
        "/api/metrics/errors",
        &["service", "spanKind", "groupByOperation", "endTs", "lookback", "step", "ratePer"],
    ),
    ("/api/metrics/minstep", &[]),
];
