//! The bodies of searches. Pure: from a question to JSON. Conditions are filters: nothing is scored.
//! Facts: `jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/core/reader.go` (clauses, `error`, regular expressions).

mod compact;
mod doomed;
mod filter;
mod in_doubt;
mod lucene;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use spoor_model::jaeger::{ERROR, STATUS_CODE};
use spoor_model::{FoundTrace, TraceId, TraceQuery};

use crate::long_values;
use crate::service::KIND_FIELD;
pub(crate) use doomed::doomed_query;
pub(super) use filter::{Bounds, Condition, Untold};
pub(super) use in_doubt::{any_span, candidates};

/// As many kinds as an operation can have, the unspecified one included.
pub(super) const KINDS: u32 = 6;
/// The longest regular expression servers take by default (`index.max_regex_length`).
const MAX_PATTERN_CHARS: usize = 1_000;
/// Characters that mean something in Lucene's regular expressions (all optional operators on, as servers have them). `^` and
/// `$` are not among them: an expression is of the whole value anyway, and `^` means something between brackets only.
const OPERATORS: &[char] =
    &['.', '?', '+', '*', '|', '{', '}', '[', ']', '(', ')', '"', '\\', '#', '@', '&', '<', '>', '~'];

/// How tag values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patterns {
    /// A value with operators is a regular expression (of the whole value), and itself.
    Allowed,
    /// Every value is itself: for when the store does not take the expression.
    Literal,
}

/// True when a tag value would be tried as a regular expression.
pub(super) fn has_patterns(query: &TraceQuery) -> bool {
    query.tags.iter().any(|(_, value)| is_pattern(value))
}

fn is_pattern(value: &str) -> bool {
    value.contains(OPERATORS) && value.chars().count() <= MAX_PATTERN_CHARS
}

/// What of the matching spans a question is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// All.
    Whole,
    /// Those behind this place. Ids that are not spelled with 32 digits may be found again in the microsecond of the place.
    Behind(FoundTrace),
    /// Those of these traces that are not older than the microsecond of this place.
    NotOlder(FoundTrace, &'a [TraceId]),
}

/// The newest traces with a matching span, each spelling of an id once, by their newest matching span. `condition` is what the query's
/// filter says.
pub(super) fn find_trace_ids(
    query: &TraceQuery,
    condition: Option<&Value>,
    dot_replacement: &str,
    patterns: Patterns,
    part: Part<'_>,
    size: usize,
) -> Value {
    let filters = filters_of_part(query, condition, dot_replacement, patterns, part);
    json!({
        "size": size,
        // Not even `_id`, for which a block of documents would be unpacked for every hit: id and time come from columns.
        "stored_fields": "_none_",
        "track_total_hits": false,
        "query": { "bool": { "filter": filters } },
        "collapse": { "field": "traceID" },
        "sort": [
            { "startTime": { "order": "desc", "unmapped_type": "long" } },
            { "traceID": { "order": "asc", "unmapped_type": "keyword" } },
        ],
    })
}

fn filters_of_part(
    query: &TraceQuery,
    condition: Option<&Value>,
    dot_replacement: &str,
    patterns: Patterns,
    part: Part<'_>,
) -> Vec<Value> {
    let mut filters = filters(query, condition, dot_replacement, patterns);
    match part {
        Part::Whole => {}
        Part::Behind(place) => {
            let (micros, id) = (place.newest_match_micros, place.trace_id.to_string());
            let older = json!({ "range": { "startTime": { "lt": micros } } });
            let same = json!({ "term": { "startTime": micros } });
            let next = json!({ "bool": { "filter": [same, { "range": { "traceID": { "gt": id } } }] } });
            filters.push(json!({ "bool": { "should": [older, next], "minimum_should_match": 1 } }));
        }
        Part::NotOlder(place, trace_ids) => {
            let ids: Vec<String> = trace_ids.iter().copied().flat_map(spellings).collect();
            filters.push(json!({ "range": { "startTime": { "gte": place.newest_match_micros } } }));
            filters.push(json!({ "terms": { "traceID": ids } }));
        }
    }
    filters
}

/// One page of a trace's spans, in the order (startTime, spanID).
pub(super) fn trace_page(trace_id: TraceId, size: usize, after: Option<&RawValue>) -> Value {
    let mut body = json!({
        "size": size,
        "track_total_hits": false,
        "query": { "bool": { "filter": [{ "terms": { "traceID": spellings(trace_id) } }] } },
        "sort": [
            { "startTime": { "order": "asc", "unmapped_type": "long" } },
            { "spanID": { "order": "asc", "unmapped_type": "keyword" } },
        ],
    });
    if let Some(after) = after {
        body["search_after"] = serde_json::from_str(after.get()).expect("the store's own JSON, read before");
    }
    body
}

/// One page of the distinct values of a keyword field, in order.
pub(super) fn names(field: &str, of_service: Option<&str>, size: u32, after: Option<&str>) -> Value {
    let mut composite = json!({ "size": size, "sources": [{ "name": { "terms": { "field": field } } }] });
    if let Some(after) = after {
        composite["after"] = json!({ "name": after });
    }
    let mut body =
        json!({ "size": 0, "track_total_hits": false, "aggs": { "names": { "composite": composite } } });
    if let Some(service) = of_service {
        body["query"] = json!({ "bool": { "filter": [{ "term": { "serviceName": service } }] } });
    }
    body
}

/// [`names`] of operations, each with the kinds that documents tell of it.
pub(super) fn operations(of_service: &str, size: u32, after: Option<&str>) -> Value {
    let mut body = names("operationName", Some(of_service), size, after);
    let field = format!("tag.{KIND_FIELD}");
    body["aggs"]["names"]["aggs"] = json!({ "kinds": { "terms": { "field": field, "size": KINDS } } });
    body
}

/// Every way in which writers spelled the id: 32 digits; where the high half is zero, 16; before 1.16 no leading zeros. The id
/// of zeros, which Jaeger since 2.7 stores as empty text, has no digit left then.
pub(super) fn spellings(trace_id: TraceId) -> Vec<String> {
    let full = trace_id.to_string();
    let mut all = vec![full.clone()];
    if trace_id.high() == 0 {
        all.push(full[16..].to_owned());
    }
    let stripped = full.trim_start_matches('0');
    if !all.iter().any(|known| known == stripped) {
        all.push(stripped.to_owned());
    }
    all
}

fn filters(
    query: &TraceQuery,
    condition: Option<&Value>,
    dot_replacement: &str,
    patterns: Patterns,
) -> Vec<Value> {
    let (start, end) = (query.start.start, query.start.end);
    let mut filters = vec![
        // In milliseconds, by which indices and shards are passed over; in microseconds, exactly.
        json!({ "range": { "startTimeMillis": { "gte": start.millis(), "lte": end.millis() } } }),
        json!({ "range": { "startTime": { "gte": start.micros(), "lte": end.micros() } } }),
    ];
    let micros = |duration: std::time::Duration| {
        u64::try_from(duration.as_micros()).unwrap_or(i64::MAX.cast_unsigned())
    };
    if let Some(min) = query.duration_min {
        filters.push(json!({ "range": { "duration": { "gte": micros(min) } } }));
    }
    if let Some(max) = query.duration_max {
        filters.push(json!({ "range": { "duration": { "lte": micros(max) } } }));
    }
    if let Some(service) = query.service.as_deref() {
        let named = exact("process.serviceName", service);
        filters.push(or_marked(named, long_values::has_service(service)));
    }
    if let Some(operation) = query.operation.as_deref() {
        let named = exact("operationName", operation);
        filters.push(or_marked(named, long_values::has_operation(operation)));
    }
    filters.extend(condition.cloned());
    filters.extend(query.tags.iter().map(|(key, value)| tag(key, value, dot_replacement, patterns)));
    filters
}

/// One tag, with what two keys mean beyond their text: `error=false` is every span that is not failed, and the status
/// `ERROR`, which the APIs show as a tag, is stored in Jaeger's layout as `error=true` alone.
fn tag(key: &str, value: &str, dot_replacement: &str, patterns: Patterns) -> Value {
    match (key, crate::go_bool(value)) {
        (ERROR, Some(failed)) => failure(failed, dot_replacement),
        _ => {
            let failed = || plain_tag(ERROR, "true", dot_replacement, Patterns::Literal, EVERYWHERE);
            let failed = (key == STATUS_CODE && value == "ERROR").then(failed);
            let plain = plain_tag(key, value, dot_replacement, patterns, EVERYWHERE);
            any_of(failed.into_iter().flatten().chain(plain).chain(compact::tag(key, value, patterns)))
        }
    }
}

/// Spans that failed, or those that did not.
fn failure(failed: bool, dot_replacement: &str) -> Value {
    let plain = plain_tag(ERROR, "true", dot_replacement, Patterns::Literal, EVERYWHERE);
    let has_failed = any_of(plain.chain(compact::failed()));
    if failed { has_failed } else { json!({ "bool": { "must_not": [has_failed] } }) }
}

/// Where a tag may stand in Jaeger's layout.
#[derive(Clone, Copy)]
struct Places {
    /// As a field.
    fields: &'static [&'static str],
    /// In a list.
    lists: &'static [&'static str],
}

/// On the span or its process, in a log.
const EVERYWHERE: Places =
    Places { fields: &["tag", "process.tag"], lists: &["tags", "process.tags", "logs.fields"] };

fn any_of(clauses: impl Iterator<Item = Value>) -> Value {
    json!({ "bool": { "should": clauses.collect::<Vec<_>>(), "minimum_should_match": 1 } })
}

/// A tag in Jaeger's layout, at these places. One that is too long for the index is found by its mark, wherever it is.
fn plain_tag(
    key: &str,
    value: &str,
    dot_replacement: &str,
    patterns: Patterns,
    places: Places,
) -> impl Iterator<Item = Value> + use<> {
    let field = key.replace('.', dot_replacement);
    let mut should = Vec::with_capacity(5);
    // An empty key is not a field's name.
    if !field.is_empty() {
        // Where no type stands beside it, a whole double is written with its point.
        let with_point = is_whole_number(value).then(|| format!("{value}.0"));
        for path in places.fields {
            let field = format!("{path}.{field}");
            should.push(matches(&field, value, patterns));
            should.extend(with_point.as_deref().map(|value| exact(&field, value)));
        }
    }
    for path in places.lists {
        let key = exact(&format!("{path}.key"), key);
        let value = matches(&format!("{path}.value"), value, patterns);
        should.push(json!({ "nested": { "path": path, "query": { "bool": { "filter": [key, value] } } } }));
    }
    should.extend(long_values::has_tag(key, value));
    should.into_iter()
}

/// The text of a whole double as it is shown.
fn is_whole_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    (1..=21).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
}

/// A name as it is indexed; one that is too long for that may have a mark.
fn or_marked(named: Value, marked: Option<Value>) -> Value {
    match marked {
        None => named,
        Some(marked) => json!({ "bool": { "should": [named, marked], "minimum_should_match": 1 } }),
    }
}

/// The longest text that an index can hold, in bytes; newer servers refuse to be asked for a longer one.
const LONGEST_TERM: usize = 32_766;

/// Exactly this text; nothing where no index can hold it.
fn exact(field: &str, text: &str) -> Value {
    if text.len() > LONGEST_TERM { json!({ "match_none": {} }) } else { json!({ "term": { field: text } }) }
}

/// The value as it is; where it holds operators also the values that match it as a regular expression, as in Jaeger (`\`
/// takes an operator its meaning).
fn matches(field: &str, value: &str, patterns: Patterns) -> Value {
    let literal = exact(field, value);
    if patterns == Patterns::Literal || !is_pattern(value) {
        return literal;
    }
    let pattern = json!({ "regexp": { field: { "value": value } } });
    json!({ "bool": { "should": [literal, pattern], "minimum_should_match": 1 } })
}

#[cfg(test)]
mod tests;
