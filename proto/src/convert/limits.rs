//! How large a batch's tables may grow from one request: a few received bytes can stand for a row of two hundred.
//! The decoders charge every row before they write it.

use spoor_model::{AttributeRow, EventRow, LinkRow, ResourceRow, ScopeRow, SpanRow};

use crate::error::{DecodeError, Problem};

/// Bounds of one decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of table rows (spans, attributes and so on) that a request may need; a request over it is refused.
    /// Tables grow by doubling, so the memory behind them can be twice as much.
    pub max_row_bytes: usize,
}

impl Limits {
    /// Bytes of rows allowed for each byte received. The smallest span that has its ids, times and a name needs 3.5.
    const ROWS_PER_BYTE: usize = 4;
    /// Bytes of rows allowed for the smallest of bodies.
    const ALWAYS: usize = 1 << 20;

    /// Bytes of rows allowed for the smallest of records, of which thousands may share one batch.
    const ALWAYS_OF_RECORD: usize = 16 << 10;

    /// The limits used when nothing else is said: 1 MiB and four times the (decompressed) body's length in bytes.
    /// Only requests of mostly empty messages need more.
    #[must_use]
    pub fn for_body(length: usize) -> Self {
        Self { max_row_bytes: length.saturating_mul(Self::ROWS_PER_BYTE).saturating_add(Self::ALWAYS) }
    }

    /// The limits of one record among many: 16 KiB and four times its length in bytes.
    #[must_use]
    pub fn for_record(length: usize) -> Self {
        let rows = length.saturating_mul(Self::ROWS_PER_BYTE);
        Self { max_row_bytes: rows.saturating_add(Self::ALWAYS_OF_RECORD) }
    }
}

/// A row of a batch's tables, or what a decoder keeps in its place for a while.
pub(super) trait Row: Sized {
    const BYTES: usize = size_of::<Self>();
}

impl Row for ResourceRow {}
impl Row for ScopeRow {}
impl Row for SpanRow {}
impl Row for AttributeRow {}
impl Row for EventRow {}
impl Row for LinkRow {}

/// What is left of a [`Limits::max_row_bytes`].
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    limit: usize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { left: limits.max_row_bytes, limit: limits.max_row_bytes }
    }

    /// Charges `count` rows; `offset` is where in the request they are met.
    #[inline]
    pub(super) fn take<R: Row>(&mut self, count: usize, offset: usize) -> Result<(), DecodeError> {
        match self.left.checked_sub(count.saturating_mul(R::BYTES)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.exhausted(offset)),
        }
    }

    #[cold]
    fn exhausted(&self, offset: usize) -> DecodeError {
        let problem =
            Problem::TooMany { what: "bytes of table rows for a request of this length", limit: self.limit };
        DecodeError::new(problem, offset)
    }
}
