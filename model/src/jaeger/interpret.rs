//! From Jaeger's tags back to the span's own fields, while a decoder pushes tags one by one.
//! Rules: `error`=true is the last word on failure; else `otel.status_code`; else the HTTP status code (which attribute that is, differs between
//! Jaeger's translators). What says nothing
//! about a field stays an attribute.

use super::{ERROR, SCOPE_NAME, SCOPE_VERSION, SPAN_KIND, STATUS_CODE, STATUS_DESCRIPTION, TRACE_STATE};
use crate::{SpanBatchBuilder, SpanKind, StatusCode, Text, Value};

/// Takes a span's tags in turn; see [`TagInterpreter::push`].
#[derive(Debug)]
pub struct TagInterpreter {
    http_code_key: &'static str,
    kind: Option<SpanKind>,
    failed: bool,
    status: Option<StatusCode>,
    description: Option<(Text, Text)>,
    http_message: Option<Text>,
    http_code: Option<i64>,
    trace_state: Option<Text>,
    scope_name: Option<Text>,
    scope_version: Option<(Text, Text)>,
}

/// What a span's tags said about its fields.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Interpreted {
    /// From `span.kind`.
    pub kind: SpanKind,
    /// From `error`, `otel.status_code` or the HTTP status code.
    pub status: StatusCode,
    /// From `otel.status_description` or `http.status_message`.
    pub status_message: Text,
    /// From `w3c.tracestate`.
    pub trace_state: Text,
    /// From `otel.scope.name`.
    pub scope_name: Text,
    /// From `otel.scope.version`.
    pub scope_version: Text,
}

/// For tags on their way in: the HTTP status code is `http.status_code`, as for Jaeger's receivers
/// (`open-telemetry/opentelemetry-collector-contrib pkg/translator/jaeger/jaegerproto_to_traces.go`).
impl Default for TagInterpreter {
    fn default() -> Self {
        Self::new("http.status_code")
    }
}

impl TagInterpreter {
    /// For tags out of a store: the HTTP status code is `http.response.status_code`, as where Jaeger since 2.9 reads
    /// documents (`jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/from_dbmodel.go`).
    #[must_use]
    pub fn of_stored_tags() -> Self {
        Self::new("http.response.status_code")
    }

    fn new(http_code_key: &'static str) -> Self {
        Self {
            http_code_key,
            kind: None,
            failed: false,
            status: None,
            description: None,
            http_message: None,
            http_code: None,
            trace_state: None,
            scope_name: None,
            scope_version: None,
        }
    }

    /// Takes one tag: keeps it aside when it stands for a field, else pushes it as an attribute of the run being written.
    pub fn push(&mut self, builder: &mut SpanBatchBuilder, key: Text, value: Value) {
        if !self.takes(builder, key, value) {
            builder.push_attribute(key, value);
        }
    }

    /// True when the tag is consumed.
    fn takes(&mut self, builder: &SpanBatchBuilder, key: Text, value: Value) -> bool {
        let batch = builder.batch();
        match (batch.str(key), value) {
            (SPAN_KIND, Value::Str(text)) => match SpanKind::from_name(batch.str(text)) {
                Some(kind) => takes_first(&mut self.kind, kind),
                None => false,
            },
            (ERROR, Value::Bool(true)) => {
                self.failed = true;
                true
            }
            (STATUS_CODE, Value::Str(text)) => match status_from_name(batch.str(text)) {
                Some(status) => takes_first(&mut self.status, status),
                None => false,
            },
            (STATUS_DESCRIPTION, Value::Str(text)) => takes_first(&mut self.description, (key, text)),
            (TRACE_STATE, Value::Str(text)) => takes_first(&mut self.trace_state, text),
            (SCOPE_NAME, Value::Str(text)) => takes_first(&mut self.scope_name, text),
            (SCOPE_VERSION, Value::Str(text)) => takes_first(&mut self.scope_version, (key, text)),
            ("http.status_message", Value::Str(text)) => {
                self.http_message = Some(text);
                false
            }
            (key, value) if key == self.http_code_key => {
                self.http_code = http_code(batch.str(text_of(value)), value);
                false
            }
            _ => false,
        }
    }

    /// Ends the run: tags that turned out to say nothing go back among the attributes. Call it before
    /// [`SpanBatchBuilder::attributes_since`].
    pub fn finish(self, builder: &mut SpanBatchBuilder) -> Interpreted {
        let status =
            if self.failed { Some(StatusCode::Error) } else { self.status.or_else(|| self.http_status()) };
        let mut status_message = Text::EMPTY;
        match (status, self.description) {
            (Some(_), Some((_, text))) => status_message = text,
            (None, Some((key, text))) => builder.push_attribute(key, Value::Str(text)),
            (Some(StatusCode::Error), None) => status_message = self.http_message.unwrap_or_default(),
            _ => {}
        }
        let mut scope_version = Text::EMPTY;
        match self.scope_version {
            Some((key, text)) if self.scope_name.is_none_or(Text::is_empty) => {
                builder.push_attribute(key, Value::Str(text));
            }
            Some((_, text)) => scope_version = text,
            None => {}
        }
        Interpreted {
            kind: self.kind.unwrap_or_default(),
            status: status.unwrap_or_default(),
            status_message,
            trace_state: self.trace_state.unwrap_or_default(),
            scope_name: self.scope_name.unwrap_or_default(),
            scope_version,
        }
    }

    /// 4xx is a failure unless the span is the server's; 5xx is one, and what is no answer's code at all.
    fn http_status(&self) -> Option<StatusCode> {
        let failed = match self.http_code? {
            400..500 => self.kind != Some(SpanKind::Server),
            code => !(100..400).contains(&code),
        };
        failed.then_some(StatusCode::Error)
    }
}

/// A tag that comes again stays an attribute: nothing is overwritten.
fn takes_first<T>(slot: &mut Option<T>, new: T) -> bool {
    let is_first = slot.is_none();
    slot.get_or_insert(new);
    is_first
}

fn status_from_name(name: &str) -> Option<StatusCode> {
    if name.eq_ignore_ascii_case("OK") {
        Some(StatusCode::Ok)
    } else if name.eq_ignore_ascii_case("ERROR") {
        Some(StatusCode::Error)
    } else if name.eq_ignore_ascii_case("UNSET") {
        Some(StatusCode::Unset)
    } else {
        None
    }
}

fn text_of(value: Value) -> Text {
    match value {
        Value::Str(text) => text,
        _ => Text::EMPTY,
    }
}

fn http_code(text: &str, value: Value) -> Option<i64> {
    match value {
        Value::Int(code) => Some(code),
        _ => text.parse().ok(),
    }
}
