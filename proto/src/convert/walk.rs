//! What decoders share that read many records into one batch: each record is walked alone, all rows go into one builder.

use spoor_model::{Checkpoint, SpanBatchBuilder};

use super::limits::Limits;
use crate::error::{DecodeError, Problem};
use crate::wire::Slice;

/// A decoder of records of one encoding.
pub(crate) trait RecordWalk<'a> {
    /// Where the rows go.
    fn builder(&mut self) -> &mut SpanBatchBuilder;

    /// Reads one record. What it has added until it fails is taken out by the caller.
    fn walk(&mut self, record: Slice<'a>, limits: Limits) -> Result<(), DecodeError>;

    /// Drops what is remembered of rows that were added since `checkpoint`, because they are being taken out.
    fn forget(&mut self, _checkpoint: Checkpoint) {}

    /// Reads one record, wholly or not at all. The error's place is counted from the record's start.
    fn record(&mut self, record: Slice<'a>) -> Result<(), DecodeError> {
        let checkpoint = self.builder().checkpoint();
        let mut result = self.walk(record, Limits::for_record(record.bytes.len()));
        if result.is_ok() && self.builder().is_too_large() {
            result = Err(DecodeError::new(Problem::TooLarge(spoor_model::TooLarge), record.start));
        }
        result.map_err(|error| {
            self.forget(checkpoint);
            self.builder().rollback(checkpoint);
            error.counted_from(record.start)
        })
    }
}
