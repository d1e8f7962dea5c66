//! What the index tells of documents of the compact layout. Conditions on the fields that Jaeger's documents have as well (names, times,
//! ids) find those, too: these fields mean the same in both.

use serde_json::{Value, json};
use spoor_model::UnixNanos;
use spoor_model::filter::{Constant, Field, Level, Operator, Pattern, Reference};
use spoor_model::jaeger::{
    ERROR, EVENT, NO_SERVICE_NAME, SCOPE_NAME, SCOPE_VERSION, SPAN_KIND, STATUS_CODE, STATUS_DESCRIPTION,
    TRACE_STATE,
};

use super::super::{exact, lucene, or_marked, spellings};
use super::bounds::{Bounds, all, any, not};
use super::tokens::Tokens;
use crate::document::token;
use crate::long_values;

/// Nanoseconds of the unit in which documents keep times and durations where they are searched.
const MICRO: u128 = 1_000;

/// Where the tokens of a field of the span stand.
const OF_FIELDS: &str = "span.d";
const NAME_OF_EVENT: Tokens<'static> = Tokens { field: "span.e", key: EVENT };
const KIND: Tokens<'static> = Tokens { field: OF_FIELDS, key: SPAN_KIND };
const STATUS: Tokens<'static> = Tokens { field: OF_FIELDS, key: STATUS_CODE };

/// What a reference is in documents.
enum Subject<'a> {
    /// An attribute, in these fields.
    Attribute(Vec<Tokens<'a>>),
    /// A field that is a token.
    Token(Tokens<'static>),
    /// A keyword of its own, and what finds values too long for it.
    Keyword(&'static str, fn(&str) -> Option<Value>),
    /// A number of µs, beside which the nanoseconds are kept.
    Micros(&'static str),
    TraceId,
    SpanId,
    Kind,
    Status,
    NameOfEvent,
    /// Every event has it.
    OfEvents,
    /// Kept, and not indexed.
    Kept,
}

impl<'a> Subject<'a> {
    fn of(reference: &'a Reference) -> Self {
        match reference {
            Reference::Attribute { key, level } => {
                let fields = fields_of(key, *level);
                Self::Attribute(fields.into_iter().map(|field| Tokens { field, key }).collect())
            }
            Reference::Field(field) => match field {
                Field::TraceId => Self::TraceId,
                Field::SpanId => Self::SpanId,
                Field::Name => Self::Keyword("operationName", long_values::has_operation),
                Field::Service => Self::Keyword("process.serviceName", long_values::has_service),
                Field::StartTime => Self::Micros("startTime"),
                Field::Duration => Self::Micros("duration"),
                Field::Kind => Self::Kind,
                Field::Status => Self::Status,
                Field::StatusMessage => Self::Token(Tokens { field: OF_FIELDS, key: STATUS_DESCRIPTION }),
                Field::TraceState => Self::Token(Tokens { field: OF_FIELDS, key: TRACE_STATE }),
                Field::ScopeName => Self::Token(Tokens { field: "scope.d", key: SCOPE_NAME }),
                Field::ScopeVersion => Self::Token(Tokens { field: "scope.d", key: SCOPE_VERSION }),
                Field::EventName => Self::NameOfEvent,
                Field::EventTime | Field::EventTimeSinceStart => Self::OfEvents,
                Field::ParentSpanId
                | Field::EndTime
                | Field::ResourceSchemaUrl
                | Field::ScopeSchemaUrl
                | Field::LinkTraceId
                | Field::LinkSpanId
                | Field::LinkTraceState => Self::Kept,
            },
        }
    }
}

/// The fields that hold attributes of this key at the level; fields of the span and its scope that Jaeger shows as tags are the
/// span's, too.
fn fields_of(key: &str, level: Option<Level>) -> Vec<&'static str> {
    let derived = match key {
        SCOPE_NAME | SCOPE_VERSION => Some("scope.d"),
        SPAN_KIND | STATUS_CODE | ERROR | STATUS_DESCRIPTION | TRACE_STATE => Some(OF_FIELDS),
        _ => None,
    };
    let of_span = std::iter::once("span.a").chain(derived);
    match level {
        None => of_span.chain(["process.a"]).collect(),
        Some(Level::Span) => of_span.collect(),
        Some(Level::Resource) => vec!["process.a"],
        Some(Level::Scope) => vec!["scope.a"],
        Some(Level::Event) => vec!["span.e"],
        Some(Level::Link) => vec!["span.l"],
    }
}

/// The name of an event looks like an attribute called `event`: what is found of such a key may be either.
fn told(tokens: Tokens<'_>, bounds: Bounds) -> Bounds {
    if tokens.field == "span.e" && tokens.key == EVENT { Bounds::possible(bounds.most) } else { bounds }
}

/// There is a value.
pub(super) fn exists(reference: &Reference) -> Bounds {
    match Subject::of(reference) {
        Subject::Attribute(fields) => {
            Bounds::any(fields.into_iter().map(|tokens| told(tokens, tokens.exists())))
        }
        Subject::Token(tokens) => tokens.exists(),
        // Every span has them.
        Subject::Keyword(..)
        | Subject::Micros(_)
        | Subject::TraceId
        | Subject::SpanId
        | Subject::Kind
        | Subject::Status => Bounds::exact(json!({ "match_all": {} })),
        Subject::NameOfEvent | Subject::OfEvents => there_is_an_event(),
        Subject::Kept if matches!(reference, Reference::Field(Field::EndTime)) => {
            Bounds::exact(json!({ "match_all": {} }))
        }
        Subject::Kept => Bounds::unknown(),
    }
}

/// A value compares like this with the constant. `Ne` is not one of the operators here.
pub(super) fn compares(reference: &Reference, operator: Operator, value: &Constant) -> Bounds {
    let text = match value {
        Constant::Any(text) | Constant::Text(text) => text.as_str(),
        _ => "",
    };
    match Subject::of(reference) {
        Subject::Attribute(fields) => {
            Bounds::any(fields.into_iter().map(|tokens| told(tokens, tokens.compares(operator, value))))
        }
        Subject::Token(tokens) => tokens.texts(&[token::TEXT], operator, text),
        Subject::Keyword(field, marked) => keyword(field, marked, operator, text),
        Subject::Micros(field) => micros(field, operator, value),
        Subject::TraceId if operator == Operator::Eq => Bounds::exact(match text.parse() {
            Ok(id) => json!({ "terms": { "traceID": spellings(id) } }),
            Err(_) => json!({ "match_none": {} }),
        }),
        Subject::SpanId if operator == Operator::Eq => Bounds::exact(exact("spanID", text)),
        Subject::Kind => Bounds::exact(match text {
            // Of the word for none it is asked whether there is one; see `is_absence`.
            "unspecified" => KIND.with_sign(token::TEXT),
            kind => KIND.terms([KIND.text(token::TEXT, kind)]),
        }),
        Subject::Status => Bounds::exact(match text {
            "error" => STATUS.terms([STATUS.text(token::TEXT, "ERROR")]),
            "ok" => STATUS.terms([STATUS.text(token::TEXT, "OK")]),
            _ => STATUS.with_sign(token::TEXT),
        }),
        Subject::NameOfEvent => name_of_event(operator, text),
        Subject::OfEvents => Bounds::possible(there_is_an_event().most),
        Subject::TraceId | Subject::SpanId | Subject::Kept => Bounds::unknown(),
    }
}

/// A part of a value's text matches.
pub(super) fn matches(reference: &Reference, pattern: &Pattern) -> Bounds {
    match Subject::of(reference) {
        Subject::Attribute(fields) => {
            Bounds::any(fields.into_iter().map(|tokens| told(tokens, tokens.matches(pattern))))
        }
        Subject::Token(tokens) => tokens.matches(pattern),
        Subject::Keyword(field, _) => match lucene::containing(pattern) {
            Ok(expression) if expression.chars().count() <= super::tokens::LONGEST_EXPRESSION => {
                let found = json!({ "regexp": { field: { "value": expression, "flags": "NONE" } } });
                unless_nameless(field, found)
            }
            _ => Bounds::unknown(),
        },
        Subject::NameOfEvent | Subject::OfEvents => Bounds::possible(there_is_an_event().most),
        _ => Bounds::unknown(),
    }
}

/// The span failed, as [`spoor_model::jaeger::is_failed`] has it.
pub(super) fn failure() -> Value {
    any([
        json!({ "term": { OF_FIELDS: "error?true" } }),
        json!({ "terms": { "span.a": ["error?true", "error=true"] } }),
    ])
}

/// Every event has a name, which may be empty.
fn there_is_an_event() -> Bounds {
    let names = [token::TEXT, token::SILENT].map(|sign| NAME_OF_EVENT.with_sign(sign));
    Bounds::certain_or(any(names), NAME_OF_EVENT.long())
}

/// A name is one that searches by tag find, or a silent one. An attribute `event` looks like the former, and where there is one, there
/// is a silent name.
fn name_of_event(operator: Operator, name: &str) -> Bounds {
    let signs = [token::TEXT, token::SILENT];
    let any_sign = NAME_OF_EVENT.texts(&signs, operator, name);
    if operator != Operator::Eq {
        return Bounds::possible(any_sign.most);
    }
    let silent = any([NAME_OF_EVENT.with_sign(token::SILENT), NAME_OF_EVENT.long()]);
    let [plain, hidden] = signs.map(|sign| NAME_OF_EVENT.terms([NAME_OF_EVENT.text(sign, name)]));
    Bounds { least: any([hidden, all([plain, not(&silent)])]), most: any_sign.most }
}

/// A name that is too long to be indexed may have a mark; where it has none, no name is indexed.
fn keyword(field: &'static str, marked: fn(&str) -> Option<Value>, operator: Operator, text: &str) -> Bounds {
    if operator != Operator::Eq {
        return unless_nameless(field, json!({ "range": { field: { operator.name(): text } } }));
    }
    let mark = marked(text);
    let is_long = mark.is_some();
    let found = or_marked(exact(field, text), mark);
    if is_long || text.is_empty() || text == NO_SERVICE_NAME {
        unless_nameless(field, found)
    } else {
        Bounds::exact(found)
    }
}

/// What is found, but for spans whose name is not indexed, or is written in place of none.
fn unless_nameless(field: &'static str, found: Value) -> Bounds {
    let no_name =
        any([not(&json!({ "exists": { "field": field } })), json!({ "term": { field: NO_SERVICE_NAME } })]);
    Bounds::certain_or(all([found, not(&no_name)]), no_name)
}

/// The index has whole µs, what it is compared with may lie between two: then spans of that µs are in doubt.
fn micros(field: &str, operator: Operator, value: &Constant) -> Bounds {
    let Some(nanos) = nanos_of(value) else { return Bounds::never() };
    let whole = |micros: u128| u64::try_from(micros).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned());
    let (micro, is_whole) = (whole(nanos / MICRO), nanos.is_multiple_of(MICRO));
    let range = |operator: &str| json!({ "range": { field: { operator: micro } } });
    let beside = || json!({ "term": { field: micro } });
    match operator {
        Operator::Eq | Operator::Ne => Bounds::possible(beside()),
        Operator::Gte if is_whole => Bounds::exact(range("gte")),
        Operator::Lt if is_whole => Bounds::exact(range("lt")),
        Operator::Gt | Operator::Gte => Bounds::certain_or(range("gt"), beside()),
        Operator::Lt | Operator::Lte => Bounds::certain_or(range("lt"), beside()),
    }
}

/// The nanoseconds of a length or a moment.
pub(super) fn nanos_of(value: &Constant) -> Option<u128> {
    match value {
        Constant::Duration(duration) => Some(duration.as_nanos()),
        Constant::Time(UnixNanos(nanos)) => Some(u128::from(*nanos)),
        _ => None,
    }
}
