//! [`SpanBatch`]: spans in flat tables over the bytes they came in.
//! Made by a decoder through [`SpanBatchBuilder`], changed by normalizing steps (`edit.rs`), read through views.

use std::collections::HashMap;

use bytes::Bytes;

use crate::text::Place;
use crate::{
    AttributeRow, AttributesView, EventRow, LinkRow, ResourceRow, ResourceView, Rows, ScopeRow, ScopeView,
    SpanBatchBuilder, SpanRow, SpanView, Text, TraceId,
};

/// Spans of any number of traces, resources and scopes.
///
/// Owns the request as received (`source`, shared and never copied) and describes the spans in flat tables: nothing is
/// allocated per span or per attribute. All texts are valid UTF-8.
#[derive(Clone, Default)]
pub struct SpanBatch {
    pub(crate) source: Bytes,
    pub(crate) side: Vec<u8>,
    pub(crate) resources: Vec<ResourceRow>,
    pub(crate) scopes: Vec<ScopeRow>,
    pub(crate) spans: Vec<SpanRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) links: Vec<LinkRow>,
    pub(crate) attributes: Vec<AttributeRow>,
    pub(crate) repaired_texts: u32,
}

impl SpanBatch {
    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True without a span.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The spans in the order they came in.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = SpanView<'_>> + DoubleEndedIterator + Clone {
        self.spans.iter().map(|row| SpanView::new(self, row))
    }

    /// The span at `index` (from 0, below [`SpanBatch::len`]).
    #[must_use]
    pub fn span(&self, index: usize) -> Option<SpanView<'_>> {
        self.spans.get(index).map(|row| SpanView::new(self, row))
    }

    /// The resources, by the row number that scopes name.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = ResourceView<'_>> + Clone {
        self.resources.iter().map(|row| ResourceView::new(self, row))
    }

    /// The scopes, by the row number that spans name.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = ScopeView<'_>> + Clone {
        self.scopes.iter().map(|row| ScopeView::new(self, row))
    }

    /// How many texts held invalid UTF-8 and were repaired with U+FFFD while decoding.
    #[must_use]
    pub fn repaired_texts(&self) -> u32 {
        self.repaired_texts
    }

    /// The bytes behind a text of this batch, valid UTF-8 unless they come from a bytes value.
    #[must_use]
    #[inline]
    pub fn bytes(&self, text: Text) -> &[u8] {
        match text.place() {
            Place::Source(range) => self.source.get(range),
            Place::Side(range) => self.side.get(range),
        }
        .unwrap_or_default()
    }

    /// A text of this batch.
    #[must_use]
    #[inline]
    pub fn str(&self, text: Text) -> &str {
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// The attributes in a run of rows of this batch.
    #[must_use]
    #[inline]
    pub fn attributes(&self, rows: Rows) -> AttributesView<'_> {
        AttributesView::new(self, self.attributes.get(rows.range()).unwrap_or_default())
    }

    /// Row of the resource that a span's scope belongs to.
    #[must_use]
    #[inline]
    pub fn resource_index(&self, span: &SpanRow) -> usize {
        self.scopes.get(span.scope as usize).map_or(0, |scope| scope.resource as usize)
    }

    /// Memory held, in bytes: the source (though it may be shared), the side buffer and the tables.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.source.len()
            + self.side.capacity()
            + self.resources.capacity() * size_of::<ResourceRow>()
            + self.scopes.capacity() * size_of::<ScopeRow>()
            + self.spans.capacity() * size_of::<SpanRow>()
            + self.events.capacity() * size_of::<EventRow>()
            + self.links.capacity() * size_of::<LinkRow>()
            + self.attributes.capacity() * size_of::<AttributeRow>()
    }

    /// Which spans belong to which trace. Traces come in the order of their first span, spans in the batch's order.
    #[must_use]
    pub fn traces(&self) -> Vec<TraceGroup> {
        let mut groups: Vec<TraceGroup> = Vec::new();
        let mut by_id: HashMap<TraceId, usize> = HashMap::new();
        for (index, span) in self.spans.iter().enumerate() {
            let group = *by_id.entry(span.trace_id).or_insert_with(|| {
                groups.push(TraceGroup { trace_id: span.trace_id, spans: Vec::new() });
                groups.len() - 1
            });
            groups[group].spans.push(index);
        }
        groups
    }

    /// A batch of the spans at `indices`, in that order, with only the resources and scopes they need.
    /// Texts are copied, so that a few spans do not keep a large request in memory. An index out of range is passed over.
    #[must_use]
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let indices: Vec<usize> = indices.into_iter().collect();
        let mut builder = SpanBatchBuilder::new();
        builder.append(self, indices.iter().copied());
        builder.finish().unwrap_or_else(|_| self.select_rows(&indices))
    }

    /// Like [`SpanBatch::select`], for keeping: without the spans' encoded forms, in tables no larger than their content.
    #[must_use]
    pub fn compact(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let indices: Vec<usize> = indices.into_iter().collect();
        let mut builder = SpanBatchBuilder::new();
        builder.append_decoded(self, indices.iter().copied());
        let mut batch = builder.finish().unwrap_or_else(|_| self.select_rows(&indices));
        batch.shrink_to_fit();
        batch
    }

    /// The way out when copied texts do not fit into one buffer (rows may share texts, two buffers become one): everything
    /// stays where it is, only the span rows are chosen.
    #[cold]
    fn select_rows(&self, indices: &[usize]) -> Self {
        let spans = indices.iter().filter_map(|&index| self.spans.get(index).copied()).collect();
        Self { spans, ..self.clone() }
    }

    /// Gives back the memory that the tables have reserved and do not use.
    pub fn shrink_to_fit(&mut self) {
        self.side.shrink_to_fit();
        self.resources.shrink_to_fit();
        self.scopes.shrink_to_fit();
        self.spans.shrink_to_fit();
        self.events.shrink_to_fit();
        self.links.shrink_to_fit();
        self.attributes.shrink_to_fit();
    }
}

/// The spans of one trace within a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceGroup {
    /// The trace.
    pub trace_id: TraceId,
    /// Positions of its spans, ascending.
    pub spans: Vec<usize>,
}

impl std::fmt::Debug for SpanBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.spans()).finish()
    }
}
