//! Hot path: the one way to make a batch. Budget: no allocation but the tables' growth.
//! Rows go in bottom up: an owner's attributes first (as one run), then the owner with that run.

use std::ops::Range;

use bytes::Bytes;

use crate::copy::Copying;
use crate::nested::{encode_list, encode_map};
use crate::text::MAX_BUFFER_BYTES;
use crate::{
    AttributeRow, EventRow, LinkRow, ResourceRow, Rows, ScopeRow, SpanBatch, SpanRow, Text, Value, ValueView,
};

/// More bytes or rows than a batch can describe (2 GiB of text, 2³² rows of a kind).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a span batch holds at most 2 GiB of text and 4 billion rows of a kind; split the request")]
pub struct TooLarge;

/// Makes a [`SpanBatch`]. Used by every decoder and every test.
#[derive(Default)]
pub struct SpanBatchBuilder {
    pub(crate) batch: SpanBatch,
    pub(crate) too_large: bool,
}

impl SpanBatchBuilder {
    /// For decoders that copy their texts: all text goes to the side buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For decoders that walk over `source` and describe it by ranges.
    ///
    /// # Errors
    /// [`TooLarge`] from 2 GiB on.
    pub fn with_source(source: Bytes) -> Result<Self, TooLarge> {
        if source.len() > MAX_BUFFER_BYTES {
            return Err(TooLarge);
        }
        Ok(Self { batch: SpanBatch { source, ..SpanBatch::default() }, too_large: false })
    }

    /// Makes room for about so many spans and attributes, for decoders that can tell beforehand.
    pub fn reserve(&mut self, spans: usize, attributes: usize) {
        self.batch.spans.reserve(spans);
        self.batch.attributes.reserve(attributes);
    }

    /// Makes room for about so many resources, scopes and events.
    pub fn reserve_others(&mut self, resources: usize, scopes: usize, events: usize) {
        self.batch.resources.reserve(resources);
        self.batch.scopes.reserve(scopes);
        self.batch.events.reserve(events);
    }

    /// The texts made so far can be read from here.
    #[must_use]
    pub fn batch(&self) -> &SpanBatch {
        &self.batch
    }

    /// Copies text into the side buffer.
    pub fn text(&mut self, text: &str) -> Text {
        self.bytes(text.as_bytes())
    }

    /// Copies arbitrary bytes into the side buffer, for [`Value::Bytes`] and encoded nested values.
    pub fn bytes(&mut self, bytes: &[u8]) -> Text {
        let start = self.batch.side.len();
        if bytes.is_empty() {
            return Text::EMPTY;
        }
        if start + bytes.len() > MAX_BUFFER_BYTES {
            self.too_large = true;
            return Text::EMPTY;
        }
        self.batch.side.extend_from_slice(bytes);
        Text::in_side(&(start..start + bytes.len()))
    }

    /// Describes text in the source by its range. Invalid UTF-8 is repaired into the side buffer and counted.
    /// A range beyond the source gives the empty text.
    #[inline]
    pub fn source_text(&mut self, range: Range<usize>) -> Text {
        match self.batch.source.get(range.clone()) {
            Some(bytes) if is_utf8(bytes) => Text::in_source(&range),
            Some(_) => self.repair(range),
            None => Text::EMPTY,
        }
    }

    #[cold]
    fn repair(&mut self, range: Range<usize>) -> Text {
        let source = self.batch.source.clone();
        self.batch.repaired_texts = self.batch.repaired_texts.saturating_add(1);
        self.text(&String::from_utf8_lossy(&source[range]))
    }

    /// Counts texts that a decoder repaired by itself (inside nested values, say).
    pub fn count_repaired(&mut self, texts: u32) {
        self.batch.repaired_texts = self.batch.repaired_texts.saturating_add(texts);
    }

    /// Describes arbitrary bytes in the source by their range. A range beyond the source gives the empty text.
    #[inline]
    pub fn source_bytes(&mut self, range: Range<usize>) -> Text {
        if range.start <= range.end && range.end <= self.batch.source.len() {
            Text::in_source(&range)
        } else {
            Text::EMPTY
        }
    }

    /// Where the next attribute will lie; hand it to [`SpanBatchBuilder::attributes_since`] when the owner's last one is in.
    #[must_use]
    #[inline]
    pub fn attributes_mark(&self) -> usize {
        self.batch.attributes.len()
    }

    /// Adds one attribute to the run that is being written.
    #[inline]
    pub fn push_attribute(&mut self, key: Text, value: Value) {
        self.batch.attributes.push(AttributeRow { key, value });
    }

    /// The run of attributes written since `mark`.
    #[must_use]
    #[inline]
    pub fn attributes_since(&mut self, mark: usize) -> Rows {
        let end = self.batch.attributes.len();
        self.rows(mark, end)
    }

    /// Copies attributes (of another batch, or made by hand) as one run. Lists and maps are copied in their encoded form.
    pub fn attributes<'a>(&mut self, attributes: impl IntoIterator<Item = (&'a str, ValueView<'a>)>) -> Rows {
        let mark = self.attributes_mark();
        for (key, value) in attributes {
            let key = self.text(key);
            let value = self.value(value);
            self.push_attribute(key, value);
        }
        self.attributes_since(mark)
    }

    /// Copies one value into the side buffer.
    pub fn value(&mut self, value: ValueView<'_>) -> Value {
        match value {
            ValueView::Empty => Value::Empty,
            ValueView::Str(text) => Value::Str(self.text(text)),
            ValueView::Bool(truth) => Value::Bool(truth),
            ValueView::Int(number) => Value::Int(number),
            ValueView::Double(number) => Value::Double(number),
            ValueView::Bytes(bytes) => Value::Bytes(self.bytes(bytes)),
            ValueView::List(list) => Value::List(self.bytes(list.encoded())),
            ValueView::Map(map) => Value::Map(self.bytes(map.encoded())),
        }
    }

    /// Makes a list value from its items.
    pub fn list<'a>(&mut self, items: impl IntoIterator<Item = ValueView<'a>>) -> Value {
        let mut encoded = Vec::new();
        encode_list(&mut encoded, items);
        Value::List(self.bytes(&encoded))
    }

    /// Makes a map value from its entries.
    pub fn map<'a>(&mut self, entries: impl IntoIterator<Item = (&'a str, ValueView<'a>)>) -> Value {
        let mut encoded = Vec::new();
        encode_map(&mut encoded, entries);
        Value::Map(self.bytes(&encoded))
    }

    /// Adds a resource and answers its row for [`ScopeRow::resource`].
    pub fn push_resource(&mut self, row: ResourceRow) -> u32 {
        self.batch.resources.push(row);
        let count = self.batch.resources.len();
        self.last(count)
    }

    /// A resource that is already in, for decoders that learn about it only after its spans.
    pub fn resource_mut(&mut self, row: u32) -> Option<&mut ResourceRow> {
        self.batch.resources.get_mut(row as usize)
    }

    /// Adds a scope (of a resource that is already in) and answers its row for [`SpanRow::scope`].
    pub fn push_scope(&mut self, row: ScopeRow) -> u32 {
        debug_assert!((row.resource as usize) < self.batch.resources.len());
        self.batch.scopes.push(row);
        let count = self.batch.scopes.len();
        self.last(count)
    }

    /// A scope that is already in, for decoders that learn about it only after its spans. Its resource must be in, too.
    pub fn scope_mut(&mut self, row: u32) -> Option<&mut ScopeRow> {
        self.batch.scopes.get_mut(row as usize)
    }

    /// Where the next event will lie.
    #[must_use]
    pub fn events_mark(&self) -> usize {
        self.batch.events.len()
    }

    /// Adds an event to the run that is being written.
    #[inline]
    pub fn push_event(&mut self, row: EventRow) {
        self.batch.events.push(row);
    }

    /// The run of events written since `mark`.
    #[must_use]
    pub fn events_since(&mut self, mark: usize) -> Rows {
        let end = self.batch.events.len();
        self.rows(mark, end)
    }

    /// Where the next link will lie.
    #[must_use]
    pub fn links_mark(&self) -> usize {
        self.batch.links.len()
    }

    /// Adds a link to the run that is being written.
    #[inline]
    pub fn push_link(&mut self, row: LinkRow) {
        self.batch.links.push(row);
    }

    /// The run of links written since `mark`.
    #[must_use]
    pub fn links_since(&mut self, mark: usize) -> Rows {
        let end = self.batch.links.len();
        self.rows(mark, end)
    }

    /// Adds a span, of a scope that is already in.
    #[inline]
    pub fn push_span(&mut self, row: SpanRow) {
        debug_assert!((row.scope as usize) < self.batch.scopes.len());
        self.batch.spans.push(row);
    }

    /// Copies the spans at `indices` of another batch, with the resources and scopes they need (each once per call).
    /// Texts are copied; an index out of range is passed over.
    pub fn append(&mut self, from: &SpanBatch, indices: impl IntoIterator<Item = usize>) {
        Copying::new(from, true).spans(self, indices);
    }

    /// Like [`SpanBatchBuilder::append`], without the spans' encoded forms.
    pub fn append_decoded(&mut self, from: &SpanBatch, indices: impl IntoIterator<Item = usize>) {
        Copying::new(from, false).spans(self, indices);
    }

    /// Ends the work.
    ///
    /// # Errors
    /// [`TooLarge`] when something did not fit; nothing of the batch is usable then.
    pub fn finish(self) -> Result<SpanBatch, TooLarge> {
        let rows = [
            self.batch.attributes.len(),
            self.batch.spans.len(),
            self.batch.events.len(),
            self.batch.links.len(),
        ];
        if self.too_large || rows.into_iter().any(|count| u32::try_from(count).is_err()) {
            return Err(TooLarge);
        }
        Ok(self.batch)
    }

    #[inline]
    fn rows(&mut self, start: usize, end: usize) -> Rows {
        if start >= end {
            return Rows::NONE;
        }
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Rows { start, end },
            _ => {
                self.too_large = true;
                Rows::NONE
            }
        }
    }

    fn last(&mut self, count: usize) -> u32 {
        u32::try_from(count - 1).unwrap_or_else(|_| {
            self.too_large = true;
            0
        })
    }
}

/// An ASCII test first (most texts end there), SIMD validation only for the rest: measured faster than either alone.
#[inline]
fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || simdutf8::basic::from_utf8(bytes).is_ok()
}
