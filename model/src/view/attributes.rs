//! Views of attributes: one of them, and all of one owner.

use std::fmt;

use super::AttributeView;
use crate::nested::{ListView, MapView};
use crate::{AttributeRow, SpanBatch, Value, ValueView};

impl<'a> AttributeView<'a> {
    /// Its key.
    #[must_use]
    #[inline]
    pub fn key(self) -> &'a str {
        self.batch.str(self.row.key)
    }

    /// Its key's bytes, which are valid UTF-8: for writers, who need not have that checked again.
    #[must_use]
    #[inline]
    pub fn key_bytes(self) -> &'a [u8] {
        self.batch.bytes(self.row.key)
    }

    /// The bytes of a value that is text, valid UTF-8 as well; `None` of any other.
    #[must_use]
    #[inline]
    pub fn text_bytes(self) -> Option<&'a [u8]> {
        match self.row.value {
            Value::Str(text) => Some(self.batch.bytes(text)),
            _ => None,
        }
    }

    /// Its value.
    #[must_use]
    #[inline]
    pub fn value(self) -> ValueView<'a> {
        match self.row.value {
            Value::Empty => ValueView::Empty,
            Value::Str(text) => ValueView::Str(self.batch.str(text)),
            Value::Bool(truth) => ValueView::Bool(truth),
            Value::Int(number) => ValueView::Int(number),
            Value::Double(number) => ValueView::Double(number),
            Value::Bytes(text) => ValueView::Bytes(self.batch.bytes(text)),
            Value::List(text) => ValueView::List(ListView::new(self.batch.bytes(text))),
            Value::Map(text) => ValueView::Map(MapView::new(self.batch.bytes(text))),
        }
    }
}

/// The attributes of one owner, in order; keys may repeat.
#[derive(Clone, Copy)]
pub struct AttributesView<'a> {
    batch: &'a SpanBatch,
    rows: &'a [AttributeRow],
}

impl<'a> AttributesView<'a> {
    #[inline]
    pub(crate) fn new(batch: &'a SpanBatch, rows: &'a [AttributeRow]) -> Self {
        Self { batch, rows }
    }

    /// All of them.
    #[inline]
    pub fn iter(self) -> impl ExactSizeIterator<Item = AttributeView<'a>> + Clone {
        self.rows.iter().map(move |row| AttributeView::new(self.batch, row))
    }

    /// The first value under `key`.
    #[must_use]
    pub fn get(self, key: &str) -> Option<ValueView<'a>> {
        let row = self.rows.iter().find(|row| self.batch.bytes(row.key) == key.as_bytes())?;
        Some(AttributeView::new(self.batch, row).value())
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.rows.len()
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.rows.is_empty()
    }
}

impl PartialEq for AttributesView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for AttributesView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|attribute| (attribute.key(), attribute.value()))).finish()
    }
}
