//! Puts plain spans into a batch, their texts into its source or its side buffer.

use bytes::Bytes;
use spoor_model::{
    EventRow, FlagsAre, LinkRow, ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind,
    SpanRow, StatusCode, Text, TraceId, UnixNanos, Value, ValueView,
};

use super::{
    Attributes, KINDS, Plain, PlainBatch, PlainEvent, PlainLink, PlainResource, PlainScope, PlainSpan,
};

/// Texts of a batch, by way of the source (found there in order) or of the side buffer.
struct Writer {
    builder: SpanBatchBuilder,
    at: Option<usize>,
}

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) -> Text {
        let Some(at) = self.at else { return self.builder.bytes(bytes) };
        let range = at..at + bytes.len();
        self.at = Some(range.end);
        self.builder.source_bytes(range)
    }

    fn text(&mut self, text: &str) -> Text {
        let Some(at) = self.at else { return self.builder.text(text) };
        let range = at..at + text.len();
        self.at = Some(range.end);
        self.builder.source_text(range)
    }

    fn value(&mut self, value: &Plain) -> Value {
        value.lend(|view| match view {
            ValueView::Empty => Value::Empty,
            ValueView::Str(text) => Value::Str(self.text(text)),
            ValueView::Bool(truth) => Value::Bool(truth),
            ValueView::Int(number) => Value::Int(number),
            ValueView::Double(number) => Value::Double(number),
            ValueView::Bytes(bytes) => Value::Bytes(self.bytes(bytes)),
            ValueView::List(list) => Value::List(self.bytes(list.encoded())),
            ValueView::Map(map) => Value::Map(self.bytes(map.encoded())),
        })
    }

    fn attributes(&mut self, attributes: &Attributes) -> Rows {
        let mark = self.builder.attributes_mark();
        for (key, value) in attributes {
            let key = self.text(key);
            let value = self.value(value);
            self.builder.push_attribute(key, value);
        }
        self.builder.attributes_since(mark)
    }

    fn scope(&mut self, resource: &PlainResource, scope: &PlainScope) {
        let service = resource.service.as_ref().map(|service| self.text(service));
        let attributes = self.attributes(&resource.attributes);
        let schema_url = self.text(&resource.schema_url);
        let dropped_attributes = resource.dropped;
        let resource =
            self.builder.push_resource(ResourceRow { service, attributes, dropped_attributes, schema_url });
        let name = self.text(&scope.name);
        let version = self.text(&scope.version);
        let attributes = self.attributes(&scope.attributes);
        let dropped_attributes = scope.dropped;
        self.builder.push_scope(ScopeRow {
            resource,
            name,
            version,
            attributes,
            schema_url: Text::EMPTY,
            dropped_attributes,
        });
    }

    fn events(&mut self, events: &[PlainEvent]) -> Rows {
        let mark = self.builder.events_mark();
        for (time, name, attributes) in events {
            let (name, attributes) = (self.text(name), self.attributes(attributes));
            let time = UnixNanos(*time);
            self.builder.push_event(EventRow { time, name, attributes, dropped_attributes: 1 });
        }
        self.builder.events_since(mark)
    }

    fn links(&mut self, links: &[PlainLink]) -> Rows {
        let mark = self.builder.links_mark();
        for (trace_id, span_id, trace_state, attributes, flags, kind) in links {
            let (trace_state, attributes) = (self.text(trace_state), self.attributes(attributes));
            self.builder.push_link(LinkRow {
                trace_id: TraceId(*trace_id),
                span_id: SpanId(*span_id),
                trace_state,
                attributes,
                flags: *flags,
                kind: KINDS[usize::from(*kind)],
                dropped_attributes: 2,
            });
        }
        self.builder.links_since(mark)
    }

    fn span(&mut self, span: &PlainSpan, scopes: usize) {
        let name = self.text(&span.name);
        let (status_message, trace_state) = (self.text(&span.texts.0), self.text(&span.texts.1));
        let attributes = self.attributes(&span.attributes);
        let (events, links) = (self.events(&span.events), self.links(&span.links));
        let encoded = self.bytes(&span.encoded);
        self.builder.push_span(SpanRow {
            trace_id: TraceId(span.ids.0),
            span_id: SpanId(span.ids.1),
            parent_span_id: SpanId(span.ids.2),
            scope: u32::try_from(span.scope % scopes).expect("a few scopes"),
            name,
            kind: SpanKind::from_number(span.numbers.0),
            status: StatusCode::from_number(span.numbers.1),
            status_message,
            trace_state,
            flags: span.numbers.2,
            flags_are: FlagsAre::Jaeger,
            start: UnixNanos(span.times.0),
            end: UnixNanos(span.times.1),
            attributes,
            events,
            links,
            dropped_attributes: span.dropped.0,
            dropped_events: span.dropped.1,
            dropped_links: span.dropped.2,
            encoded,
        });
    }
}

impl PlainBatch {
    pub(crate) fn build(&self) -> SpanBatch {
        let side = self.build_with(Writer { builder: SpanBatchBuilder::new(), at: None });
        if !self.in_source {
            return side;
        }
        // The side buffer of the first run holds all texts in the order of writing: that is the source of the second.
        let mut recorded = Vec::new();
        self.record(&mut recorded);
        let builder = SpanBatchBuilder::with_source(Bytes::from(recorded)).expect("a few bytes");
        self.build_with(Writer { builder, at: Some(0) })
    }

    fn build_with(&self, mut writer: Writer) -> SpanBatch {
        self.scopes.iter().for_each(|(resource, scope)| writer.scope(resource, scope));
        self.spans.iter().for_each(|span| writer.span(span, self.scopes.len()));
        writer.builder.finish().expect("a few rows")
    }

    /// The texts in the order in which [`Writer`] asks for them.
    fn record(&self, out: &mut Vec<u8>) {
        for (resource, scope) in &self.scopes {
            out.extend(resource.service.iter().flat_map(|service| service.bytes()));
            record_attributes(&resource.attributes, out);
            out.extend(resource.schema_url.bytes().chain(scope.name.bytes()).chain(scope.version.bytes()));
            record_attributes(&scope.attributes, out);
        }
        for span in &self.spans {
            out.extend(span.name.bytes().chain(span.texts.0.bytes()).chain(span.texts.1.bytes()));
            record_attributes(&span.attributes, out);
            for (_, name, attributes) in &span.events {
                out.extend(name.bytes());
                record_attributes(attributes, out);
            }
            for (_, _, trace_state, attributes, _, _) in &span.links {
                out.extend(trace_state.bytes());
                record_attributes(attributes, out);
            }
            out.extend(&span.encoded);
        }
    }
}

fn record_attributes(attributes: &Attributes, out: &mut Vec<u8>) {
    for (key, value) in attributes {
        out.extend(key.bytes());
        value.lend(|view| match view {
            ValueView::Str(text) => out.extend(text.bytes()),
            ValueView::Bytes(bytes) => out.extend(bytes),
            ValueView::List(list) => out.extend(list.encoded()),
            ValueView::Map(map) => out.extend(map.encoded()),
            _ => {}
        });
    }
}
