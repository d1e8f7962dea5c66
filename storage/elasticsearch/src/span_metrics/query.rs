//! The body of a question for metrics: one page of the steps that have spans, over all series, each with what is counted in it.
//! Pages of a composite aggregation are exact and have no most popular ten; empty steps are not sent at all.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use spoor_model::jaeger::{ERROR, SPAN_KIND};
use spoor_model::{SpanKind, SpanMetricsQuery, TimeRange};
use spoor_storage::tally::Steps;

use crate::document::token;

/// Where the compact layout has a span's own tags: those of fields, and attributes.
const TOKENS: [&str; 2] = ["span.d", "span.a"];

/// All that have a name.
const KINDS: [SpanKind; 5] =
    [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) query: &'a SpanMetricsQuery,
    pub(super) steps: Steps,
    /// The starts of the spans that count.
    pub(super) range: TimeRange,
    /// Which latency; counts of errors without.
    pub(super) quantile: Option<f64>,
    pub(super) dot_replacement: &'a str,
}

impl Question<'_> {
    /// One page, behind that key.
    pub(super) fn body(&self, size: u32, after: Option<&RawValue>) -> Value {
        let mut sources = vec![json!({ "service": { "terms": { "field": "process.serviceName" } } })];
        if self.query.by_operation {
            sources.push(json!({ "operation": { "terms": { "field": "operationName" } } }));
        }
        let interval = format!("{}ms", self.steps.step);
        sources.push(json!({
            "step": { "date_histogram": { "field": "startTimeMillis", "fixed_interval": interval } },
        }));
        let mut composite = json!({ "size": size, "sources": sources });
        if let Some(after) = after {
            composite["after"] =
                serde_json::from_str(after.get()).expect("the store's own JSON, read before");
        }
        json!({
            "size": 0,
            "track_total_hits": false,
            "query": { "bool": { "filter": self.filters() } },
            "aggs": { "steps": { "composite": composite, "aggs": self.counted() } },
        })
    }

    fn filters(&self) -> Vec<Value> {
        let (start, end) = (self.range.start.millis(), self.range.end.millis());
        let mut filters = vec![
            json!({ "terms": { "process.serviceName": self.query.services } }),
            json!({ "range": { "startTimeMillis": { "gte": start, "lte": end, "format": "epoch_millis" } } }),
        ];
        if !self.query.kinds.is_empty() {
            filters.push(self.kinds());
        }
        filters
    }

    /// Any of the kinds; a span of no kind has no tag of it.
    fn kinds(&self) -> Value {
        let names: Vec<&str> =
            self.query.kinds.iter().map(|kind| kind.name()).filter(|name| !name.is_empty()).collect();
        let mut should = Vec::new();
        if !names.is_empty() {
            should.push(self.has_tag(SPAN_KIND, &names));
        }
        if self.query.kinds.contains(&SpanKind::Unspecified) {
            let field = json!({ "exists": { "field": self.field(SPAN_KIND) } });
            let listed = nested(&json!({ "term": { "tags.key": SPAN_KIND } }));
            let named = KINDS.into_iter().map(SpanKind::name);
            let none = [field, listed].into_iter().chain(compact(SPAN_KIND, named)).collect::<Vec<_>>();
            should.push(json!({ "bool": { "must_not": none } }));
        }
        any_of(&should)
    }

    /// What is counted in each step.
    fn counted(&self) -> Value {
        match self.quantile {
            // Not keyed: the key would be the percentage as a text of few digits.
            Some(quantile) => json!({
                "latency": { "percentiles": { "field": "duration", "percents": [quantile * 100.0], "keyed": false } },
            }),
            None => json!({ "errors": { "filter": self.has_tag(ERROR, &["true"]) } }),
        }
    }

    /// A tag of the span with one of the values: in Jaeger's layout as a field or in the list, in the compact one as a token.
    fn has_tag(&self, key: &str, values: &[&str]) -> Value {
        let field = json!({ "terms": { self.field(key): values } });
        let listed = nested(&json!({
            "bool": { "filter": [{ "term": { "tags.key": key } }, { "terms": { "tags.value": values } }] },
        }));
        let tokens = compact(key, values.iter().copied());
        any_of(&[field, listed].into_iter().chain(tokens).collect::<Vec<_>>())
    }

    fn field(&self, key: &str) -> String {
        format!("tag.{}", key.replace('.', self.dot_replacement))
    }
}

fn compact<'a>(key: &str, values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Value> {
    let tokens: Vec<String> = values.flat_map(|value| token::tokens_of(key, value)).collect();
    TOKENS.into_iter().map(move |field| json!({ "terms": { field: tokens } }))
}

fn nested(query: &Value) -> Value {
    json!({ "nested": { "path": "tags", "query": query } })
}

fn any_of(should: &[Value]) -> Value {
    json!({ "bool": { "should": should, "minimum_should_match": 1 } })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use spoor_model::UnixNanos;

    use super::*;

    fn query(kinds: Vec<SpanKind>, by_operation: bool) -> SpanMetricsQuery {
        let start = UnixNanos::from_millis(1_787_184_000_000);
        SpanMetricsQuery {
            services: vec!["shop".to_owned(), "cart".to_owned()],
            kinds,
            by_operation,
            range: TimeRange { start, end: start.saturating_add(Duration::from_secs(3_600)) },
            step: Duration::from_secs(5),
            rate_per: Duration::from_secs(600),
        }
    }

    fn body(query: &SpanMetricsQuery, quantile: Option<f64>, after: Option<&str>) -> Value {
        let steps = Steps::of(query).unwrap();
        let range = if quantile.is_some() { steps.of_latencies() } else { steps.of_rates() };
        let question = Question { query, steps, range, quantile, dot_replacement: "@" };
        question.body(5_000, after.map(|text| serde_json::from_str(text).unwrap()))
    }

    #[test]
    fn the_requests_are_the_reviewed_ones() {
        let golden = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let counts = body(&query(vec![SpanKind::Server, SpanKind::Unspecified], false), None, None);
        assert_eq!(counts, golden(include_str!("golden/counts.json")));
        let after = r#"{"service":"cart","operation":"buy","step":1787184005000}"#;
        let latencies = body(&query(Vec::new(), true), Some(0.9999), Some(after));
        assert_eq!(latencies, golden(include_str!("golden/latencies_by_operation.json")));
    }
}
