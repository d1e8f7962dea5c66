//! What documents of Jaeger's layout tell: every attribute's value is one keyword, whatever its type was, so that there are no sizes and no
//! types to compare; scopes and links are not indexed apart, nanoseconds are not there at all. Anything else is an error in words.
//! Places: as `jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/core/filter.go`.

use serde_json::{Value, json};
use spoor_model::filter::{Constant, Field, Level, Operator, Pattern, Reference};
use spoor_model::jaeger::{
    ERROR, EVENT, SCOPE_NAME, SCOPE_VERSION, SPAN_KIND, STATUS_CODE, STATUS_DESCRIPTION, TRACE_STATE,
};

use super::super::{EVERYWHERE, Patterns, Places, any_of, exact, lucene, or_marked, plain_tag, spellings};
use super::compact::nanos_of;
use crate::document::token::Number;
use crate::long_values;

const MICRO: u128 = 1_000;

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

const ON_SPAN: Places = Places { fields: &["tag"], lists: &["tags"] };
const ON_RESOURCE: Places = Places { fields: &["process.tag"], lists: &["process.tags"] };
const ON_EITHER: Places = Places { fields: &["tag", "process.tag"], lists: &["tags", "process.tags"] };
const ON_EVENTS: Places = Places { fields: &[], lists: &["logs.fields"] };

impl<'a> Subject<'a> {
    fn of(reference: &'a Reference) -> Result<Self, String> {
        let unsupported = || Err(untold_text(&format!("{reference} is not indexed apart")));
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
                Field::StatusMessage => Self::Tag(STATUS_DESCRIPTION, ON_SPAN),
                Field::TraceState => Self::Tag(TRACE_STATE, ON_SPAN),
                Field::ScopeName => Self::Tag(SCOPE_NAME, ON_SPAN),
                Field::ScopeVersion => Self::Tag(SCOPE_VERSION, ON_SPAN),
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
}

/// Says of a condition that these documents do not tell it.
pub(super) fn untold(what: &str) -> Result<Value, String> {
    Err(untold_text(what))
}

fn untold_text(what: &str) -> String {
    format!("{what} in Jaeger's layout")
}

/// There is a value.
pub(super) fn exists(reference: &Reference, dots: &str) -> Result<Value, String> {
    Ok(match Subject::of(reference)? {
        Subject::Attribute(key, places) => tag_exists(key, places, dots),
        Subject::Tag(key, places) => tag_exists(key, places, dots),
        // Every span has them.
        Subject::Keyword(..)
        | Subject::Micros(_)
        | Subject::TraceId
        | Subject::SpanId
        | Subject::Kind
        | Subject::Status => json!({ "match_all": {} }),
    })
}

/// A value compares like this with the constant. `Ne` is not one of the operators here.
pub(super) fn compares(
    reference: &Reference,
    operator: Operator,
    value: &Constant,
    dots: &str,
) -> Result<Value, String> {
    match Subject::of(reference)? {
        Subject::Micros(field) => micros(field, operator, value),
        Subject::Keyword(field, marked) => {
            let text = text_of(value)?;
            if operator == Operator::Eq {
                return Ok(or_marked(exact(field, text), marked(text)));
            }
            Ok(json!({ "range": { field: { operator.name(): text } } }))
        }
        _ if operator != Operator::Eq => untold(&format!(
            "{:?} is not told for attributes and ids, of which texts alone are indexed",
            operator.name()
        )),
        Subject::TraceId => Ok(match text_of(value)?.parse() {
            Ok(id) => json!({ "terms": { "traceID": spellings(id) } }),
            Err(_) => json!({ "match_none": {} }),
        }),
        Subject::SpanId => Ok(exact("spanID", text_of(value)?)),
        Subject::Attribute(key, places) => Ok(tag_is(key, untyped(key, value)?, places, dots)),
        Subject::Tag(key, places) => Ok(tag_is(key, text_of(value)?, places, dots)),
        Subject::Kind => Ok(match text_of(value)? {
            // Of the word for none it is asked whether there is one; see `is_absence`.
            "unspecified" => tag_exists(SPAN_KIND, ON_SPAN, dots),
            kind => tag_is(SPAN_KIND, kind, ON_SPAN, dots),
        }),
        Subject::Status => {
            let ok = tag_is(STATUS_CODE, "OK", ON_SPAN, dots);
            Ok(match text_of(value)? {
                "error" => failure(dots),
                "ok" => json!({ "bool": { "filter": [ok], "must_not": [failure(dots)] } }),
                _ => any_of([ok, failure(dots)].into_iter()),
            })
        }
    }
}

/// A part of a value's text matches.
pub(super) fn matches(reference: &Reference, pattern: &Pattern, dots: &str) -> Result<Value, String> {
    let expression = lucene::containing(pattern)?;
    let regexp = |field: &str| json!({ "regexp": { field: { "value": expression, "flags": "NONE" } } });
    match Subject::of(reference)? {
        Subject::Keyword(field, _) => Ok(regexp(field)),
        Subject::Attribute(key, places) => Ok(in_places(key, places, dots, &regexp)),
        Subject::Tag(key, places) => Ok(in_places(key, places, dots, &regexp)),
        _ => untold("\"regex\" is not told for ids, kinds and status"),
    }
}

/// The span failed.
pub(super) fn failure(dots: &str) -> Value {
    any_of(plain_tag(ERROR, "true", dots, Patterns::Literal, EVERYWHERE))
}

/// The text to compare a field's with.
fn text_of(value: &Constant) -> Result<&str, String> {
    match value {
        Constant::Any(text) | Constant::Text(text) => Ok(text),
        _ => Err("a constant of this type cannot be compared with a text".to_owned()),
    }
}

/// The text to compare an attribute's with: without a type, since none is indexed.
fn untyped<'a>(key: &str, value: &'a Constant) -> Result<&'a str, String> {
    let Constant::Any(text) = value else {
        return Err(untold_text(
            "the types of attributes are not indexed (leave the type out, and write \"in\" as an \"or\" of \"eq\")",
        ));
    };
    if long_values::has_tag(key, text).is_some() {
        return Err(untold_text(
            "which attribute has a value of more than 256 characters is not indexed (`query.attributes` finds it)",
        ));
    }
    let other_spelling = |number| match number {
        Number::Int(number) => number.to_string() != *text,
        Number::Double(number) => spoor_model::ValueView::Double(number).to_text() != *text,
    };
    if Number::read(text).is_some_and(other_spelling) {
        return Err(untold_text(&format!("numbers are indexed as they are shown, which {text:?} is not")));
    }
    Ok(text)
}

/// Times in documents are whole µs; what they are compared with may lie between two.
fn micros(field: &str, operator: Operator, value: &Constant) -> Result<Value, String> {
    let Some(nanos) = nanos_of(value) else {
        return Err(format!("{field} is compared with a constant that is no time"));
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

fn tag_is(key: &str, value: &str, places: Places, dots: &str) -> Value {
    any_of(plain_tag(key, value, dots, Patterns::Literal, places))
}

fn tag_exists(key: &str, places: Places, dots: &str) -> Value {
    in_places(key, places, dots, &|field| json!({ "exists": { "field": field } }))
}

/// In one of the places the field that holds the value is as asked.
fn in_places(key: &str, places: Places, dots: &str, of_value: &dyn Fn(&str) -> Value) -> Value {
    let field = key.replace('.', dots);
    let named = places.fields.iter().filter(|_| !field.is_empty());
    let as_fields = named.map(|path| of_value(&format!("{path}.{field}")));
    let in_lists = places.lists.iter().map(|path| {
        let filter = [exact(&format!("{path}.key"), key), of_value(&format!("{path}.value"))];
        json!({ "nested": { "path": path, "query": { "bool": { "filter": filter } } } })
    });
    any_of(as_fields.chain(in_lists))
}
