//! What a span says, as a number of 128 bits: the same content, however received, has the same one.
//! The seed is the store's own, so that nobody can send spans made to collide.

use spoor_model::{AttributesView, ScopeView, SpanBatch, SpanView, ValueView};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The fingerprint of a span's content.
pub(super) type Fingerprint = u128;

/// The fingerprints of all spans of a batch, in order.
pub(super) fn fingerprints(batch: &SpanBatch, seed: u64) -> Vec<Fingerprint> {
    let mut facts = Facts::default();
    let scopes: Vec<Fingerprint> = batch.scopes().map(|scope| facts.of_scope(scope, seed)).collect();
    let of_span = |span: SpanView<'_>| {
        let scope = usize::try_from(span.row().scope).ok().and_then(|scope| scopes.get(scope));
        facts.of_span(span, scope.copied().unwrap_or_default(), seed)
    };
    batch.spans().map(of_span).collect()
}

/// Facts one after the other, texts with their lengths, so that no two sequences look the same.
#[derive(Default)]
struct Facts(Vec<u8>);

impl Facts {
    fn of_scope(&mut self, scope: ScopeView<'_>, seed: u64) -> Fingerprint {
        self.0.clear();
        let resource = scope.resource();
        self.number(u64::from(resource.row().service.is_some()));
        self.text(resource.service().as_bytes());
        self.attributes(resource.attributes());
        self.text(resource.schema_url().as_bytes());
        self.number(u64::from(resource.row().dropped_attributes));
        self.text(scope.name().as_bytes());
        self.text(scope.version().as_bytes());
        self.attributes(scope.attributes());
        self.text(scope.schema_url().as_bytes());
        self.number(u64::from(scope.row().dropped_attributes));
        xxh3_128_with_seed(&self.0, seed)
    }

    fn of_span(&mut self, span: SpanView<'_>, scope: Fingerprint, seed: u64) -> Fingerprint {
        self.0.clear();
        self.0.extend_from_slice(&scope.to_le_bytes());
        self.0.extend_from_slice(&span.trace_id().to_bytes());
        let row = span.row();
        let numbers = [
            span.span_id().0,
            span.parent_span_id().0,
            u64::from(span.kind().number()),
            u64::from(span.status().number()),
            u64::from(span.flags()),
            span.start().0,
            span.end().0,
            u64::from(row.dropped_attributes),
            u64::from(row.dropped_events),
            u64::from(row.dropped_links),
        ];
        numbers.into_iter().for_each(|number| self.number(number));
        self.text(span.name().as_bytes());
        self.text(span.status_message().as_bytes());
        self.text(span.trace_state().as_bytes());
        self.attributes(span.attributes());
        self.events(span);
        self.links(span);
        xxh3_128_with_seed(&self.0, seed)
    }

    fn events(&mut self, span: SpanView<'_>) {
        self.number(span.events().len() as u64);
        for event in span.events() {
            self.number(event.time().0);
            self.text(event.name().as_bytes());
            self.attributes(event.attributes());
            self.number(u64::from(event.row().dropped_attributes));
        }
    }

    fn links(&mut self, span: SpanView<'_>) {
        self.number(span.links().len() as u64);
        for link in span.links() {
            self.0.extend_from_slice(&link.trace_id().to_bytes());
            self.number(link.span_id().0);
            self.number(link.kind() as u64);
            self.number(u64::from(link.row().flags));
            self.text(link.trace_state().as_bytes());
            self.attributes(link.attributes());
            self.number(u64::from(link.row().dropped_attributes));
        }
    }

    fn attributes(&mut self, attributes: AttributesView<'_>) {
        self.number(attributes.len() as u64);
        for attribute in attributes.iter() {
            self.text(attribute.key().as_bytes());
            self.value(attribute.value());
        }
    }

    fn value(&mut self, value: ValueView<'_>) {
        match value {
            ValueView::Empty => self.0.push(0),
            ValueView::Str(text) => self.tagged(1, text.as_bytes()),
            ValueView::Bool(truth) => self.0.extend_from_slice(&[2, u8::from(truth)]),
            ValueView::Int(number) => {
                self.0.push(3);
                self.number(number.cast_unsigned());
            }
            ValueView::Double(number) => {
                self.0.push(4);
                self.number(number.to_bits());
            }
            ValueView::Bytes(bytes) => self.tagged(5, bytes),
            ValueView::List(list) => self.tagged(6, list.encoded()),
            ValueView::Map(map) => self.tagged(7, map.encoded()),
        }
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.text(bytes);
    }

    fn text(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}
