//! From documents of the compact layout to a batch: everything as it was written. What each part of a document means stands in
//! `document/compact.rs`, what a token is in `document/token.rs`.

mod tokens;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use spoor_model::{
    EventRow, FlagsAre, LinkRow, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatchBuilder, SpanId,
    SpanKind, SpanRow, StatusCode, Text, TraceId, UnixNanos, jaeger,
};

use super::convert::{DocumentError, PageBuilder};
use super::document::{JsonText, SpanDocument};
use tokens::{Token, attributes};

/// What a span has only in this layout.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CompactSpan<'a> {
    #[serde(rename = "d", borrow)]
    derived: Vec<JsonText<'a>>,
    #[serde(rename = "a", borrow)]
    attributes: Vec<JsonText<'a>>,
    #[serde(rename = "e", borrow)]
    events: Vec<Vec<JsonText<'a>>>,
    #[serde(rename = "l", borrow)]
    link_attributes: Vec<Vec<JsonText<'a>>>,
    #[serde(rename = "n")]
    nanos: [u64; 2],
    end: Option<u64>,
    #[serde(rename = "t")]
    event_times: Vec<i64>,
    #[serde(rename = "r", borrow)]
    links: Vec<CompactLink<'a>>,
    #[serde(rename = "o")]
    dropped: [u32; 3],
    #[serde(rename = "eo")]
    dropped_of_events: Vec<u32>,
    #[serde(rename = "lo")]
    dropped_of_links: Vec<u32>,
}

/// Trace, span, kind, flags, trace state.
#[derive(Debug, Deserialize)]
struct CompactLink<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    u8,
    u32,
    #[serde(borrow)] JsonText<'a>,
);

/// A scope or a process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompactOwner<'a> {
    #[serde(rename = "serviceName", borrow)]
    service: JsonText<'a>,
    #[serde(rename = "n")]
    nameless: bool,
    #[serde(rename = "d", borrow)]
    derived: Vec<JsonText<'a>>,
    #[serde(rename = "a", borrow)]
    attributes: Vec<JsonText<'a>>,
    #[serde(rename = "u", borrow)]
    schema_url: JsonText<'a>,
    #[serde(rename = "o")]
    dropped: u32,
}

/// Rows that are in already, by the text of their document.
#[derive(Debug, Default)]
pub(super) struct CompactRows<'a> {
    resources: HashMap<&'a str, u32>,
    scopes: HashMap<(u32, &'a str), u32>,
}

impl<'a> PageBuilder<'a> {
    /// Adds a span of the compact layout.
    pub(super) fn push_compact(
        &mut self,
        document: &SpanDocument<'a>,
        span: &CompactSpan<'a>,
        (trace_id, span_id): (TraceId, SpanId),
    ) -> Result<(), DocumentError> {
        self.compact_row(document, span, trace_id, span_id).map_err(|what| DocumentError::Compact {
            trace_id: document.trace_id.to_string(),
            span_id: document.span_id.to_string(),
            what,
        })
    }

    fn compact_row(
        &mut self,
        document: &SpanDocument<'a>,
        span: &CompactSpan<'a>,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> Result<(), String> {
        let parent = document.parent_span_id.as_ref().map_or(Ok(SpanId::NONE), |id| id.0.parse());
        let scope = self.compact_scope(document)?;
        let start = UnixNanos(document.start_time.saturating_mul(1_000).saturating_add(span.nanos[0]));
        let duration = document.duration.saturating_mul(1_000).saturating_add(span.nanos[1]);
        let builder = &mut self.builder;
        let told = Derived::read(builder, &span.derived)?;
        let row = SpanRow {
            trace_id,
            span_id,
            parent_span_id: parent.map_err(|error| format!("its parent: {error}"))?,
            scope,
            name: builder.text(&document.operation_name.0),
            kind: told.kind,
            status: told.status,
            status_message: told.status_message,
            trace_state: told.trace_state,
            flags: document.flags.and_then(|flags| u32::try_from(flags).ok()).unwrap_or_default(),
            flags_are: FlagsAre::Jaeger,
            start,
            end: UnixNanos(span.end.unwrap_or_else(|| start.0.saturating_add(duration))),
            attributes: attributes(builder, &span.attributes)?,
            events: events(builder, span, start)?,
            links: links(builder, span)?,
            dropped_attributes: span.dropped[0],
            dropped_events: span.dropped[1],
            dropped_links: span.dropped[2],
            encoded: Text::EMPTY,
        };
        builder.push_span(row);
        Ok(())
    }

    fn compact_scope(&mut self, document: &SpanDocument<'a>) -> Result<u32, String> {
        let resource = self.compact_resource(document.process.map_or("{}", RawValue::get))?;
        let raw = document.scope.map_or("{}", RawValue::get);
        if let Some(&row) = self.compact.scopes.get(&(resource, raw)) {
            return Ok(row);
        }
        let owner: CompactOwner<'a> =
            serde_json::from_str(raw).map_err(|error| format!("its scope: {error}"))?;
        let builder = &mut self.builder;
        let told = Derived::read(builder, &owner.derived)?;
        let scope = ScopeRow {
            resource,
            name: told.scope_name,
            version: told.scope_version,
            attributes: attributes(builder, &owner.attributes)?,
            schema_url: builder.text(&owner.schema_url.0),
            dropped_attributes: owner.dropped,
        };
        let row = builder.push_scope(scope);
        self.scopes.push(scope);
        self.compact.scopes.insert((resource, raw), row);
        Ok(row)
    }

    fn compact_resource(&mut self, raw: &'a str) -> Result<u32, String> {
        if let Some(&row) = self.compact.resources.get(raw) {
            return Ok(row);
        }
        let owner: CompactOwner<'a> =
            serde_json::from_str(raw).map_err(|error| format!("its process: {error}"))?;
        let builder = &mut self.builder;
        let resource = ResourceRow {
            service: (!owner.nameless).then(|| builder.text(&owner.service.0)),
            attributes: attributes(builder, &owner.attributes)?,
            dropped_attributes: owner.dropped,
            schema_url: builder.text(&owner.schema_url.0),
        };
        let row = builder.push_resource(resource);
        self.compact.resources.insert(raw, row);
        Ok(row)
    }
}

fn events(builder: &mut SpanBatchBuilder, span: &CompactSpan<'_>, start: UnixNanos) -> Result<Rows, String> {
    let mark = builder.events_mark();
    for (position, tokens) in span.events.iter().enumerate() {
        let offset = span.event_times.get(position).ok_or("an event has no time")?;
        let time = UnixNanos(start.0.wrapping_add(offset.cast_unsigned()));
        let (name, rest) = tokens.split_first().ok_or("an event has no name")?;
        let name = builder.text(Token::read(&name.0)?.value);
        let attributes = attributes(builder, rest)?;
        let dropped_attributes = span.dropped_of_events.get(position).copied().unwrap_or_default();
        builder.push_event(EventRow { time, name, attributes, dropped_attributes });
    }
    Ok(builder.events_since(mark))
}

fn links(builder: &mut SpanBatchBuilder, span: &CompactSpan<'_>) -> Result<Rows, String> {
    let mark = builder.links_mark();
    for (position, link) in span.links.iter().enumerate() {
        let CompactLink(trace_id, span_id, kind, flags, trace_state) = link;
        let tokens = span.link_attributes.get(position).map(Vec::as_slice).unwrap_or_default();
        let row = LinkRow {
            trace_id: trace_id.parse().map_err(|error| format!("a link's trace: {error}"))?,
            span_id: span_id.parse().map_err(|error| format!("a link's span: {error}"))?,
            trace_state: builder.text(&trace_state.0),
            attributes: attributes(builder, tokens)?,
            flags: *flags,
            kind: match kind {
                0 => ReferenceKind::Link,
                1 => ReferenceKind::ChildOf,
                2 => ReferenceKind::FollowsFrom,
                other => return Err(format!("a link of kind {other}")),
            },
            dropped_attributes: span.dropped_of_links.get(position).copied().unwrap_or_default(),
        };
        builder.push_link(row);
    }
    Ok(builder.links_since(mark))
}

/// What the tokens of fields say.
#[derive(Default)]
struct Derived {
    kind: SpanKind,
    status: StatusCode,
    status_message: Text,
    trace_state: Text,
    scope_name: Text,
    scope_version: Text,
}

impl Derived {
    fn read(builder: &mut SpanBatchBuilder, tokens: &[JsonText<'_>]) -> Result<Self, String> {
        let mut told = Self::default();
        for token in tokens {
            let token = Token::read(&token.0)?;
            match token.key.as_ref() {
                jaeger::SPAN_KIND => told.kind = SpanKind::from_name(token.value).unwrap_or_default(),
                jaeger::STATUS_CODE if token.value == "OK" => told.status = StatusCode::Ok,
                jaeger::STATUS_CODE => told.status = StatusCode::Error,
                jaeger::STATUS_DESCRIPTION => told.status_message = builder.text(token.value),
                jaeger::TRACE_STATE => told.trace_state = builder.text(token.value),
                jaeger::SCOPE_NAME => told.scope_name = builder.text(token.value),
                jaeger::SCOPE_VERSION => told.scope_version = builder.text(token.value),
                _ => {}
            }
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests;
