//! A structured filter as a condition on documents of both layouts. What documents cannot answer is refused: every attribute's value is
//! one keyword, whatever its type was, so that there are no sizes and no types to compare; scopes and links are not indexed apart.
//! Places: as `jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/core/filter.go`.

use serde_json::{Value, json};
use spoor_model::UnixNanos;
use spoor_model::filter::{
    Comparison, Constant, Field, Filter, Level, Operand, Operator, Pattern, Reference,
};
use spoor_model::jaeger::{
    EVENT, SCOPE_NAME, SCOPE_VERSION, SPAN_KIND, STATUS_CODE, STATUS_DESCRIPTION, TRACE_STATE,
};

use super::{Patterns, Places, any_of, compact, exact, lucene, or_marked, plain_tag, spellings};
use crate::long_values;

/// Nanoseconds of the unit in which documents keep times and durations.
const MICRO: u128 = 1_000;

/// The condition; in words what of it the store cannot answer.
pub(in crate::reader) fn condition(filter: &Filter, dots: &str) -> Result<Value, String> {
    let all = |filters: &[Filter]| -> Result<Vec<Value>, String> {
        filters.iter().map(|filter| condition(filter, dots)).collect()
    };
    Ok(match filter {
        Filter::All(filters) => json!({ "bool": { "filter": all(filters)? } }),
        Filter::Any(filters) => any_of(all(filters)?.into_iter()),
        Filter::Not(filter) => not(&condition(filter, dots)?),
        Filter::Exists(subject) => Subject::of(subject)?.exists(dots),
        Filter::Compare(comparison) => comparison_of(comparison, dots)?,
        Filter::Matches(subject, pattern) => Subject::of(subject)?.matches(pattern, dots)?,
        Filter::OneOf { subject, list, negated } => {
            let of_list = Subject::of(subject)?;
            let equal: Result<Vec<_>, _> =
                list.iter().map(|value| of_list.compares(Operator::Eq, value, dots)).collect();
            let listed = any_of(equal?.into_iter());
            if *negated { present_but(&of_list.exists(dots), &listed) } else { listed }
        }
        Filter::Some(..) => {
            return Err(
                "\"some\" is not supported by this store; conditions on any event or link are".to_owned()
            );
        }
    })
}

fn not(condition: &Value) -> Value {
    json!({ "bool": { "must_not": [condition] } })
}

/// There is a value, and none of this kind.
fn present_but(present: &Value, equal: &Value) -> Value {
    json!({ "bool": { "filter": [present], "must_not": [equal] } })
}

fn comparison_of(comparison: &Comparison, dots: &str) -> Result<Value, String> {
    if let Some(failed) = comparison.of_failure() {
        return Ok(super::failure(failed, dots));
    }
    let Comparison { subject, operator, operand } = comparison;
    let Operand::Constant(value) = operand else {
        return Err(format!(
            "{:?} of two values of one span is not supported by this store",
            operator.name()
        ));
    };
    let subject = Subject::of(subject)?;
    match operator {
        Operator::Ne => Ok(present_but(&subject.exists(dots), &subject.compares(Operator::Eq, value, dots)?)),
        _ => subject.compares(*operator, value, dots),
    }
}

/// What a reference is in documents.
enum Subject<'a> {
    /// A keyword of its own, and what finds values too long for it.
    Keyword(&'static str, fn(&str) -> Option<Value>),
    /// A number of µs.
    Micros(&'static str),
    /// An id, however it is spelled.
    TraceId,
    SpanId,
    /// An attribute at these places.
    Attribute(&'a str, Places),
    /// A field that is a tag at these places.
    Tag(&'static str, Places),
    /// `span.kind`, where no tag means no kind.
    Kind,
    /// What two tags say together.
    Status,
}

const ON_SPAN: Places = Places { fields: &["tag"], lists: &["tags"], tokens: &["span.a", "span.d"] };
const ON_RESOURCE: Places =
    Places { fields: &["process.tag"], lists: &["process.tags"], tokens: &["process.a"] };
const ON_EITHER: Places = Places {
    fields: &["tag", "process.tag"],
    lists: &["tags", "process.tags"],
    tokens: &["span.a", "span.d", "process.a"],
};
const ON_EVENTS: Places = Places { fields: &[], lists: &["logs.fields"], tokens: &["span.e"] };
const OF_FIELDS: Places = Places { fields: &["tag"], lists: &["tags"], tokens: &["span.d"] };
const OF_SCOPE: Places = Places { fields: &["tag"], lists: &["tags"], tokens: &["scope.d"] };

impl<'a> Subject<'a> {
    fn of(reference: &'a Reference) -> Result<Self, String> {
        let unsupported = || Err(format!("{reference} cannot be searched for in this store"));
        Ok(match reference {
            Reference::Attribute { key, level } => match level {
                None => Self::Attribute(key, ON_EITHER),
                Some(Level::Span) => Self::Attribute(key, ON_SPAN),
                Some(Level::Resource) => Self::Attribute(key, ON_RESOURCE),
                Some(Level::Event) => Self::Attribute(key, ON_EVENTS),
                Some(Level::Scope | Level::Link) => return unsupported(),
            },
            Reference::Field(field) => match field {
                Field::TraceId => Self::TraceId,
                Field::SpanId => Self::SpanId,
                Field::Name => Self::Keyword("operationName", long_values::has_operation),
                Field::Service => Self::Keyword("process.serviceName", long_values::has_service),
                Field::StartTime => Self::Micros("startTime"),
                Field::Duration => Self::Micros("duration"),
                Field::Kind => Self::Kind,
                Field::Status => Self::Status,
                Field::StatusMessage => Self::Tag(STATUS_DESCRIPTION, OF_FIELDS),
                Field::TraceState => Self::Tag(TRACE_STATE, OF_FIELDS),
                Field::ScopeName => Self::Tag(SCOPE_NAME, OF_SCOPE),
                Field::ScopeVersion => Self::Tag(SCOPE_VERSION, OF_SCOPE),
                Field::EventName => Self::Tag(EVENT, ON_EVENTS),
                Field::ParentSpanId
                | Field::EndTime
                | Field::ResourceSchemaUrl
                | Field::ScopeSchemaUrl
                | Field::EventTime
                | Field::EventTimeSinceStart
                | Field::LinkTraceId
                | Field::LinkSpanId
                | Field::LinkTraceState => return unsupported(),
            },
        })
    }

    fn exists(&self, dots: &str) -> Value {
        match self {
            Self::Attribute(key, places) | Self::Tag(key, places) => any_of(tag_exists(key, *places, dots)),
            // Every span has them.
            Self::Keyword(..)
            | Self::Micros(_)
            | Self::TraceId
            | Self::SpanId
            | Self::Kind
            | Self::Status => {
                json!({ "match_all": {} })
            }
        }
    }

    fn compares(&self, operator: Operator, value: &Constant, dots: &str) -> Result<Value, String> {
        match self {
            Self::Micros(field) => micros(field, operator, value),
            Self::Keyword(field, marked) => {
                let text = text_of(value)?;
                if operator == Operator::Eq {
                    return Ok(or_marked(exact(field, text), marked(text)));
                }
                Ok(json!({ "range": { *field: { operator.name(): text } } }))
            }
            _ if operator != Operator::Eq => Err(format!(
                "{:?} is not supported by this store for attributes and ids: it keeps their texts alone",
                operator.name()
            )),
            Self::TraceId => Ok(match text_of(value)?.parse() {
                Ok(id) => json!({ "terms": { "traceID": spellings(id) } }),
                Err(_) => json!({ "match_none": {} }),
            }),
            Self::SpanId => Ok(exact("spanID", text_of(value)?)),
            Self::Attribute(key, places) => Ok(any_of(tag_is(key, untyped(key, value)?, *places, dots))),
            Self::Tag(key, places) => Ok(any_of(tag_is(key, text_of(value)?, *places, dots))),
            Self::Kind => Ok(match text_of(value)? {
                "unspecified" => not(&any_of(tag_exists(SPAN_KIND, OF_FIELDS, dots))),
                kind => any_of(tag_is(SPAN_KIND, kind, OF_FIELDS, dots)),
            }),
            Self::Status => Ok(match text_of(value)? {
                "error" => super::failure(true, dots),
                "ok" => json!({ "bool": { "filter": [
                    any_of(tag_is(STATUS_CODE, "OK", OF_FIELDS, dots)), super::failure(false, dots),
                ] } }),
                _ => json!({ "bool": { "must_not": [
                    any_of(tag_is(STATUS_CODE, "OK", OF_FIELDS, dots)), super::failure(true, dots),
                ] } }),
            }),
        }
    }

    fn matches(&self, pattern: &Pattern, dots: &str) -> Result<Value, String> {
        let expression = lucene::containing(pattern)?;
        let regexp = |field: &str| json!({ "regexp": { field: { "value": expression, "flags": "NONE" } } });
        match self {
            Self::Keyword(field, _) => Ok(regexp(field)),
            Self::Attribute(key, places) | Self::Tag(key, places) => {
                let tokens = compact::token_pattern(key, &expression);
                Ok(any_of(in_places(
                    key,
                    *places,
                    dots,
                    &regexp,
                    |field| json!({ "regexp": { field: { "value": tokens, "flags": "NONE" } } }),
                )))
            }
            _ => Err("\"regex\" is not supported by this store for ids, kinds and status".to_owned()),
        }
    }
}

/// The text to compare a field's with.
fn text_of(value: &Constant) -> Result<&str, String> {
    match value {
        Constant::Any(text) | Constant::Text(text) => Ok(text),
        _ => Err("a constant of this type cannot be compared with a text in this store".to_owned()),
    }
}

/// The text to compare an attribute's with: without a type, since the store keeps none to be searched for.
fn untyped<'a>(key: &str, value: &'a Constant) -> Result<&'a str, String> {
    match value {
        Constant::Any(text) if long_values::has_tag(key, text).is_some() => Err(
            "a value of more than 256 characters can be searched for in this store by `query.attributes` alone".to_owned(),
        ),
        Constant::Any(text) => Ok(text),
        _ => Err("constants with a type are not supported by this store for attributes: it keeps their texts alone; leave the type out, and write \"in\" as an \"or\" of \"eq\"".to_owned()),
    }
}

/// Times in documents are whole µs; what they are compared with may lie between two.
fn micros(field: &str, operator: Operator, value: &Constant) -> Result<Value, String> {
    let nanos = match value {
        Constant::Duration(duration) => duration.as_nanos(),
        Constant::Time(UnixNanos(nanos)) => u128::from(*nanos),
        _ => return Err(format!("{field} is compared with a constant that is no time")),
    };
    let clamped = |micros: u128| u64::try_from(micros).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned());
    let (below, above) = (clamped(nanos / MICRO), clamped(nanos.div_ceil(MICRO)));
    Ok(match operator {
        Operator::Eq | Operator::Ne if below != above => json!({ "match_none": {} }),
        Operator::Eq | Operator::Ne => json!({ "term": { field: below } }),
        Operator::Gt | Operator::Lte => json!({ "range": { field: { operator.name(): below } } }),
        Operator::Gte | Operator::Lt => json!({ "range": { field: { operator.name(): above } } }),
    })
}

/// Clauses of which one must hold for the tag to be there with this value.
fn tag_is(key: &str, value: &str, places: Places, dots: &str) -> impl Iterator<Item = Value> {
    plain_tag(key, value, dots, Patterns::Literal, places).chain(compact::tokens(key, value, places.tokens))
}

/// Clauses of which one must hold for the tag to be there.
fn tag_exists(key: &str, places: Places, dots: &str) -> impl Iterator<Item = Value> {
    let tokens = compact::token_pattern(key, ".*");
    in_places(
        key,
        places,
        dots,
        &|field| json!({ "exists": { "field": field } }),
        move |field| json!({ "regexp": { field: { "value": tokens, "flags": "NONE" } } }),
    )
    .collect::<Vec<_>>()
    .into_iter()
}

/// One clause for each place: `of_value` on the field that holds the value, `of_tokens` on tokens.
fn in_places<'a>(
    key: &'a str,
    places: Places,
    dots: &'a str,
    of_value: &'a dyn Fn(&str) -> Value,
    of_tokens: impl Fn(&str) -> Value + 'a,
) -> impl Iterator<Item = Value> + 'a {
    let field = key.replace('.', dots);
    let named = places.fields.iter().filter(move |_| !field.is_empty());
    let as_fields = named.map(move |path| of_value(&format!("{path}.{}", key.replace('.', dots))));
    let in_lists = places.lists.iter().map(move |path| {
        let value = of_value(&format!("{path}.value"));
        let filter = [exact(&format!("{path}.key"), key), value];
        json!({ "nested": { "path": path, "query": { "bool": { "filter": filter } } } })
    });
    as_fields.chain(in_lists).chain(places.tokens.iter().map(move |field| of_tokens(field)))
}
