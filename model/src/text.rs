//! Handles into a batch: where a text lies, and which rows of a table belong to an owner.

use std::ops::Range;

/// Where a piece of text or bytes lies: in the request as received, or in the side buffer. Only the batch that made it can read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Text {
    start: u32,
    len: u32,
}

const SIDE: u32 = 1 << 31;

/// The most bytes a source or a side buffer may hold: handles keep one bit of 32 for the choice between the two.
pub(crate) const MAX_BUFFER_BYTES: usize = (SIDE - 1) as usize;

/// Which of a batch's two buffers a text lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Source(Range<usize>),
    Side(Range<usize>),
}

impl Text {
    /// The empty text.
    pub const EMPTY: Self = Self { start: 0, len: 0 };

    /// `range` must end at or before [`MAX_BUFFER_BYTES`].
    #[inline]
    pub(crate) fn in_source(range: &Range<usize>) -> Self {
        Self { start: narrow(range.start), len: narrow(range.len()) }
    }

    /// `range` must end at or before [`MAX_BUFFER_BYTES`].
    #[inline]
    pub(crate) fn in_side(range: &Range<usize>) -> Self {
        Self { start: narrow(range.start) | SIDE, len: narrow(range.len()) }
    }

    #[inline]
    pub(crate) fn place(self) -> Place {
        let start = (self.start & !SIDE) as usize;
        let range = start..start + self.len as usize;
        if self.start & SIDE == 0 { Place::Source(range) } else { Place::Side(range) }
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// True when there is nothing to read.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

#[inline]
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("buffers are refused above 2 GiB before handles are made")
}

/// A run of rows in one of the batch's tables: an owner's attributes, events or links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Rows {
    /// No rows.
    pub const NONE: Self = Self { start: 0, end: 0 };

    /// Number of rows.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// True when there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}
