//! The spans of a batch in the order in which records are made of them, and what puts spans of one trace into a record.

use spoor_model::{SpanBatch, TraceId};

/// A span by what it is grouped by. The order is that of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed {
    pub(crate) trace_id: TraceId,
    /// Row of its resource.
    pub(crate) resource: u32,
    /// Row of its scope.
    pub(crate) scope: u32,
    /// Position in the batch.
    pub(crate) index: u32,
}

impl Placed {
    /// All spans of the batch by trace, within it by resource and scope.
    pub(crate) fn all(batch: &SpanBatch) -> Vec<Self> {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let placed = batch.span_rows().iter().enumerate().map(|(index, row)| Self {
            trace_id: row.trace_id,
            resource: narrow(batch.resource_index(row)),
            scope: row.scope,
            index: narrow(index),
        });
        let mut all: Vec<Self> = placed.collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn shares_resource(&self, other: &Self) -> bool {
        self.resource == other.resource
    }

    pub(crate) fn shares_scope(&self, other: &Self) -> bool {
        self.scope == other.scope
    }
}

/// Puts spans (given in the order of [`Placed`]) into one message each time.
pub(crate) trait TraceFraming {
    /// Length of the message in bytes, without making it.
    fn size(&self, spans: &[Placed]) -> usize;

    /// Appends the message.
    fn write(&self, spans: &[Placed], out: &mut Vec<u8>);
}
