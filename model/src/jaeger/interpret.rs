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
    kind: Option<Told<SpanKind>>,
    failed: bool,
    status: Option<Told<StatusCode>>,
    description: Option<Told<Text>>,
    http_message: Option<Text>,
    http_code: Option<i64>,
    trace_state: Option<Told<Text>>,
    scope_name: Option<Text>,
    scope_version: Option<(Text, Text)>,
}

/// What a tag said about a field, and the tag itself.
#[derive(Debug, Clone, Copy)]
struct Told<T> {
    said: T,
    tag: Tag,
}

/// Key and value.
type Tag = (Text, Value);

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
    ///
    /// Of several tags of one key the last one stands for the field, as in Jaeger: behind the attributes, of which one may be called so,
    /// come the tags that were made of fields. Those of the scope come before them, so that there the first one does. The others stay
    /// attributes.
    pub fn push(&mut self, builder: &mut SpanBatchBuilder, key: Text, value: Value) {
        if let Some((key, value)) = self.take(builder, (key, value)) {
            builder.push_attribute(key, value);
        }
    }

    /// What stays an attribute: nothing, the tag, or an earlier one in its place.
    fn take(&mut self, builder: &SpanBatchBuilder, tag: Tag) -> Option<Tag> {
        let batch = builder.batch();
        match (batch.str(tag.0), tag.1) {
            (SPAN_KIND, Value::Str(text)) => match SpanKind::from_name(batch.str(text)) {
                Some(kind) => take_last(&mut self.kind, kind, tag),
                None => Some(tag),
            },
            (ERROR, Value::Bool(true)) => {
                self.failed = true;
                None
            }
            (STATUS_CODE, Value::Str(text)) => match status_from_name(batch.str(text)) {
                Some(status) => take_last(&mut self.status, status, tag),
                None => Some(tag),
            },
            (STATUS_DESCRIPTION, Value::Str(text)) => take_last(&mut self.description, text, tag),
            (TRACE_STATE, Value::Str(text)) => take_last(&mut self.trace_state, text, tag),
            (SCOPE_NAME, Value::Str(text)) => take_first(&mut self.scope_name, text, tag),
            (SCOPE_VERSION, Value::Str(text)) => take_first(&mut self.scope_version, (tag.0, text), tag),
            ("http.status_message", Value::Str(text)) => {
                self.http_message = Some(text);
                Some(tag)
            }
            (key, value) if key == self.http_code_key => {
                self.http_code = http_code(batch.str(text_of(value)), value);
                Some(tag)
            }
            _ => Some(tag),
        }
    }

    /// Ends the run: tags that turned out to say nothing go back among the attributes. Call it before
    /// [`SpanBatchBuilder::attributes_since`].
    pub fn finish(self, builder: &mut SpanBatchBuilder) -> Interpreted {
        let told = self.status.map(|told| told.said);
        let status = if self.failed { Some(StatusCode::Error) } else { told.or_else(|| self.http_status()) };
        let mut status_message = Text::EMPTY;
        match (status, self.description) {
            (Some(_), Some(told)) => status_message = told.said,
            (None, Some(Told { tag: (key, value), .. })) => builder.push_attribute(key, value),
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
            kind: self.kind.map(|told| told.said).unwrap_or_default(),
            status: status.unwrap_or_default(),
            status_message,
            trace_state: self.trace_state.map(|told| told.said).unwrap_or_default(),
            scope_name: self.scope_name.unwrap_or_default(),
            scope_version,
        }
    }

    /// 4xx is a failure unless the span is the server's; 5xx is one, and what is no answer's code at all.
    fn http_status(&self) -> Option<StatusCode> {
        let failed = match self.http_code? {
            400..500 => self.kind.is_none_or(|told| told.said != SpanKind::Server),
            code => !(100..400).contains(&code),
        };
        failed.then_some(StatusCode::Error)
    }
}

fn take_first<T>(slot: &mut Option<T>, said: T, tag: Tag) -> Option<Tag> {
    let others = slot.is_some().then_some(tag);
    slot.get_or_insert(said);
    others
}

fn take_last<T>(slot: &mut Option<Told<T>>, said: T, tag: Tag) -> Option<Tag> {
    slot.replace(Told { said, tag }).map(|earlier| earlier.tag)
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
