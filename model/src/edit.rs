//! Changing a batch after decoding: what normalizing steps and trace adjusters need, and no more.
//! Every change of a span drops its encoded form, so that nobody forwards what is no longer true.

use crate::text::MAX_BUFFER_BYTES;
use crate::{AttributeRow, ResourceRow, Rows, SpanBatch, SpanRow, Text, Value, ValueView};

impl SpanBatch {
    /// Copies text into this batch for use in a row. Text beyond the 2 GiB that a batch can hold becomes empty.
    pub fn add_text(&mut self, text: &str) -> Text {
        self.add_bytes(text.as_bytes())
    }

    /// Copies arbitrary bytes into this batch (for [`Value::Bytes`] and encoded nested values).
    pub fn add_bytes(&mut self, bytes: &[u8]) -> Text {
        let start = self.side.len();
        if bytes.is_empty() || start + bytes.len() > MAX_BUFFER_BYTES {
            return Text::EMPTY;
        }
        self.side.extend_from_slice(bytes);
        Text::in_side(&(start..self.side.len()))
    }

    /// Copies a value into this batch.
    pub fn add_value(&mut self, value: ValueView<'_>) -> Value {
        match value {
            ValueView::Empty => Value::Empty,
            ValueView::Str(text) => Value::Str(self.add_text(text)),
            ValueView::Bool(truth) => Value::Bool(truth),
            ValueView::Int(number) => Value::Int(number),
            ValueView::Double(number) => Value::Double(number),
            ValueView::Bytes(bytes) => Value::Bytes(self.add_bytes(bytes)),
            ValueView::List(list) => Value::List(self.add_bytes(list.encoded())),
            ValueView::Map(map) => Value::Map(self.add_bytes(map.encoded())),
        }
    }

    /// The resource rows, to read.
    #[must_use]
    pub fn resource_rows(&self) -> &[ResourceRow] {
        &self.resources
    }

    /// A resource row, to change.
    pub fn resource_row_mut(&mut self, index: usize) -> Option<&mut ResourceRow> {
        self.resources.get_mut(index)
    }

    /// The span rows, to read.
    #[must_use]
    pub fn span_rows(&self) -> &[SpanRow] {
        &self.spans
    }

    /// A span row, to change; it loses its encoded form.
    pub fn span_row_mut(&mut self, index: usize) -> Option<&mut SpanRow> {
        let row = self.spans.get_mut(index)?;
        row.encoded = Text::EMPTY;
        Some(row)
    }

    /// The attribute rows of an owner, to change in place (sorting, replacing values). Who changes a span's or its events'
    /// or links' attributes also calls [`SpanBatch::span_row_mut`], so that the encoded form goes.
    pub fn attribute_rows_mut(&mut self, rows: Rows) -> &mut [AttributeRow] {
        self.attributes.get_mut(rows.range()).unwrap_or_default()
    }

    /// The event rows of a span, to change in place; the same duty as with attributes.
    pub fn event_rows_mut(&mut self, rows: Rows) -> &mut [crate::EventRow] {
        self.events.get_mut(rows.range()).unwrap_or_default()
    }

    /// The link rows of a span, to change in place; the same duty as with attributes.
    pub fn link_rows_mut(&mut self, rows: Rows) -> &mut [crate::LinkRow] {
        self.links.get_mut(rows.range()).unwrap_or_default()
    }

    /// Appends one attribute to an owner's run and answers the run to put into the owner's row. A run that is not the last
    /// of the table is copied to its end first.
    #[must_use]
    pub fn extend_attributes(&mut self, rows: Rows, key: &str, value: ValueView<'_>) -> Rows {
        let key = self.add_text(key);
        let value = self.add_value(value);
        self.extend_attribute_rows(rows, AttributeRow { key, value })
    }

    /// The same for an attribute whose key and value lie in this batch already.
    #[must_use]
    pub fn extend_attribute_rows(&mut self, rows: Rows, row: AttributeRow) -> Rows {
        let end = self.attributes.len();
        let start = if rows.is_empty() {
            end
        } else if rows.range().end == end {
            rows.range().start
        } else {
            self.attributes.extend_from_within(rows.range());
            end
        };
        self.attributes.push(row);
        match (u32::try_from(start), u32::try_from(self.attributes.len())) {
            (Ok(start), Ok(end)) => Rows { start, end },
            _ => rows,
        }
    }

    /// Keeps only the attributes of a run for which `keep` says so; answers the shorter run.
    #[must_use]
    pub fn retain_attributes(
        &mut self,
        rows: Rows,
        mut keep: impl FnMut(&Self, &AttributeRow) -> bool,
    ) -> Rows {
        let mut end = rows.start;
        for index in rows.range() {
            let row = self.attributes[index];
            if keep(self, &row) {
                self.attributes[end as usize] = row;
                end += 1;
            }
        }
        Rows { start: rows.start, end }
    }

    /// Keeps only the links of a run for which `keep` says so; answers the shorter run for [`SpanRow::links`].
    #[must_use]
    pub fn retain_links(&mut self, rows: Rows, mut keep: impl FnMut(&crate::LinkRow) -> bool) -> Rows {
        let mut end = rows.start;
        for index in rows.range() {
            let row = self.links[index];
            if keep(&row) {
                self.links[end as usize] = row;
                end += 1;
            }
        }
        Rows { start: rows.start, end }
    }

    /// Appends an attribute to a span.
    pub fn add_span_attribute(&mut self, index: usize, key: &str, value: ValueView<'_>) {
        if let Some(rows) = self.spans.get(index).map(|span| span.attributes) {
            let rows = self.extend_attributes(rows, key, value);
            if let Some(span) = self.span_row_mut(index) {
                span.attributes = rows;
            }
        }
    }

    /// Appends an attribute to a resource.
    pub fn add_resource_attribute(&mut self, index: usize, key: &str, value: ValueView<'_>) {
        if let Some(rows) = self.resources.get(index).map(|resource| resource.attributes) {
            let rows = self.extend_attributes(rows, key, value);
            if let Some(resource) = self.resources.get_mut(index) {
                resource.attributes = rows;
            }
        }
    }

    /// Puts the spans in the order of their start times; those of one start keep their order.
    pub fn sort_spans_by_start(&mut self) {
        self.spans.sort_by_key(|row| row.start);
    }

    /// Keeps only the spans for which `keep` says so, given position and row. Their order stays.
    pub fn retain_spans(&mut self, mut keep: impl FnMut(usize, &SpanRow) -> bool) {
        let mut index = 0;
        self.spans.retain(|row| {
            let stays = keep(index, row);
            index += 1;
            stays
        });
    }
}
