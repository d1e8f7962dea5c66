//! The span as Jaeger sees it: references instead of a parent, tags instead of kind, status and scope, warnings.
//! One place for both directions, used by every writer and reader of Jaeger's shapes (api_v2, thrift, documents, API v1).
//! Facts: `open-telemetry/opentelemetry-collector-contrib pkg/translator/jaeger`.

mod interpret;
mod warnings;

pub use interpret::{Interpreted, TagInterpreter};
pub use warnings::{WARNINGS, add_warning, warnings};

use crate::{ReferenceKind, SpanId, SpanKind, SpanView, StatusCode, TraceId, ValueView};

/// Tag of the scope's name.
pub const SCOPE_NAME: &str = "otel.scope.name";
/// Tag of the scope's version.
pub const SCOPE_VERSION: &str = "otel.scope.version";
/// Tag of the span's kind.
pub const SPAN_KIND: &str = "span.kind";
/// Tag of the status, `OK` or `ERROR`.
pub const STATUS_CODE: &str = "otel.status_code";
/// Tag of the status message.
pub const STATUS_DESCRIPTION: &str = "otel.status_description";
/// Boolean tag of a failed span.
pub const ERROR: &str = "error";
/// Tag of the W3C trace state.
pub const TRACE_STATE: &str = "w3c.tracestate";
/// Log field that carries an event's name.
pub const EVENT: &str = "event";

/// Service name that Jaeger shows for a resource without any attribute.
pub const NO_SERVICE_NAME: &str = "OTLPResourceNoServiceName";

/// One entry of Jaeger's reference list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// `CHILD_OF`, otherwise `FOLLOWS_FROM`.
    pub child_of: bool,
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
}

impl Reference {
    /// Jaeger's name of the kind of reference.
    #[must_use]
    pub fn kind_name(self) -> &'static str {
        if self.child_of { "CHILD_OF" } else { "FOLLOWS_FROM" }
    }
}

/// Jaeger's references of a span: the parent first, then the links. A link to the parent adds nothing but its kind.
pub fn references(span: SpanView<'_>) -> impl Iterator<Item = Reference> + '_ {
    let parent = span.parent_span_id();
    let is_parent = move |trace_id: TraceId, span_id: SpanId| {
        !parent.is_none() && span_id == parent && trace_id == span.trace_id()
    };
    let first = (!parent.is_none()).then(|| {
        let same = span.links().find(|link| is_parent(link.trace_id(), link.span_id()));
        let child_of = same.is_none_or(|link| link.kind() == ReferenceKind::ChildOf);
        Reference { child_of, trace_id: span.trace_id(), span_id: parent }
    });
    let others =
        span.links().filter(move |link| !is_parent(link.trace_id(), link.span_id())).map(|link| Reference {
            child_of: link.kind() == ReferenceKind::ChildOf,
            trace_id: link.trace_id(),
            span_id: link.span_id(),
        });
    first.into_iter().chain(others)
}

/// Whether the span failed, by its status or by an attribute `error` that is true.
#[must_use]
pub fn is_failed(span: SpanView<'_>) -> bool {
    let says_so = |value| matches!(value, ValueView::Bool(true) | ValueView::Str("true"));
    span.status() == StatusCode::Error
        || span.attributes().iter().any(|attribute| attribute.key() == ERROR && says_so(attribute.value()))
}

/// How a failed span's status becomes tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorTags {
    /// `otel.status_code`=`ERROR` and `error`=true: the APIs and Kafka encodings.
    StatusAndError,
    /// `error`=true alone: what Jaeger's Elasticsearch writer stores.
    ErrorOnly,
}

/// A tag that stands for a field of the span or its scope.
pub type DerivedTag<'a> = (&'static str, ValueView<'a>);

/// The tags before the attributes: scope name and version.
pub fn leading_tags(span: SpanView<'_>) -> impl Iterator<Item = DerivedTag<'_>> {
    let scope = span.scope();
    [textual(SCOPE_NAME, scope.name()), textual(SCOPE_VERSION, scope.version())].into_iter().flatten()
}

/// The tags behind the attributes: kind, status, its message, trace state.
pub fn trailing_tags(span: SpanView<'_>, error_tags: ErrorTags) -> impl Iterator<Item = DerivedTag<'_>> {
    let kind = if span.kind() == SpanKind::Unspecified { "" } else { span.kind().name() };
    let failed = span.status() == StatusCode::Error;
    let status = match span.status() {
        StatusCode::Ok => "OK",
        StatusCode::Error if error_tags == ErrorTags::StatusAndError => "ERROR",
        StatusCode::Error | StatusCode::Unset => "",
    };
    [
        textual(SPAN_KIND, kind),
        textual(STATUS_CODE, status),
        failed.then_some((ERROR, ValueView::Bool(true))),
        textual(STATUS_DESCRIPTION, span.status_message()),
        textual(TRACE_STATE, span.trace_state()),
    ]
    .into_iter()
    .flatten()
}

fn textual<'a>(key: &'static str, text: &'a str) -> Option<DerivedTag<'a>> {
    (!text.is_empty()).then_some((key, ValueView::Str(text)))
}

#[cfg(test)]
mod tests;
