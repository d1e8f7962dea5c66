//! One batch's account: opened with its spans in flight, closed with each of them under exactly one heading.

use spoor_model::SpanBatch;
use spoor_pipeline::is_nameless;
use spoor_storage::{Rejection, WriteErrorKind};

use crate::metrics::{Metrics, Reason, Tallies};
use crate::receiver::Source;

/// Spans that are not booked when the account is dropped (the task broke) are returned ones: nobody acknowledged them.
pub(super) struct Account<'a> {
    metrics: &'a Metrics,
    tallies: Tallies,
    open: usize,
}

impl<'a> Account<'a> {
    /// Counts the spans as received and in flight.
    pub(super) fn open(metrics: &'a Metrics, batch: &SpanBatch, source: Source) -> Self {
        let open = batch.len();
        metrics.in_flight.inc_by(signed(open));
        metrics.received.inc_by(open as u64);
        metrics.repaired_texts.inc_by(u64::from(batch.repaired_texts()));
        metrics.batch_size.set(signed(open));
        Self { metrics, tallies: metrics.services.receive(batch, source), open }
    }

    /// Books spans that are rejected for want of ids, before the batch is changed.
    pub(super) fn without_ids(&mut self, batch: &SpanBatch) {
        let mut spans = 0;
        for row in batch.span_rows().iter().filter(|row| is_nameless(row)) {
            self.tallies.rejected(batch, row);
            spans += 1;
        }
        self.book_rejected("invalid_id", spans);
    }

    /// Books spans that the store refuses for good, by their positions in `batch`.
    pub(super) fn refused_by_store(&mut self, batch: &SpanBatch, rejected: &[Rejection]) {
        for row in rejected.iter().filter_map(|rejection| batch.span_rows().get(rejection.index)) {
            self.tallies.rejected(batch, row);
        }
        self.book_rejected("store", rejected.len());
    }

    fn book_rejected(&mut self, reason: &'static str, spans: usize) {
        if spans > 0 {
            let count = self.close(spans);
            self.metrics.rejected.get_or_create(&Reason { reason }).inc_by(count);
        }
    }

    /// Books spans whose sender is told to send them again, by their positions in `batch`.
    pub(super) fn returned(&mut self, kind: WriteErrorKind, batch: &SpanBatch, unfinished: &[usize]) {
        let reason = match kind {
            WriteErrorKind::Busy => "busy",
            WriteErrorKind::Unavailable => "unavailable",
            WriteErrorKind::DeadlineExceeded => "deadline",
        };
        for row in unfinished.iter().filter_map(|&index| batch.span_rows().get(index)) {
            self.tallies.failed(batch, row);
        }
        let count = self.close(unfinished.len());
        self.metrics.returned.get_or_create(&Reason { reason }).inc_by(count);
    }

    /// Books so many of the spans that are still open as stored.
    pub(super) fn stored(&mut self, spans: usize) {
        let count = self.close(spans);
        self.metrics.stored.inc_by(count);
    }

    /// Takes spans out of flight; never more than are open, whatever a store claims.
    fn close(&mut self, spans: usize) -> u64 {
        let spans = spans.min(self.open);
        self.open -= spans;
        self.metrics.in_flight.dec_by(signed(spans));
        spans as u64
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let count = self.close(self.open);
        if count > 0 {
            self.tallies.fail_all();
            self.metrics.returned.get_or_create(&Reason { reason: "internal" }).inc_by(count);
        }
        self.metrics.services.settle(&self.tallies);
    }
}

fn signed(spans: usize) -> i64 {
    i64::try_from(spans).unwrap_or(i64::MAX)
}
