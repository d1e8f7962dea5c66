//! The way of one batch of records: read, normalized, written until every span is settled, however long that takes. What can never be
//! stored is handed on to be set aside.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use spoor_pipeline::{Ended, Normalizer, Quiet};
use spoor_proto::record::Encoding;
use spoor_storage::write::{Failure, Progress, RetryMetrics, RetryPolicy};
use spoor_storage::{RequestContext, SpanWriter, WriteError, WriteErrorKind, Written};
use spoor_topic::{Claim, Fate, Record, TopicReader};
use tokio::sync::{mpsc, watch};

use crate::leaving::Leaving;
use crate::metrics::Metrics;
use crate::quarantine::Reason;
use crate::shipment::{Broken, Flaw, Misfit, Shipment};
use crate::trouble::Trouble;

/// A writer tells by itself that the deadline has passed; only one that does not is cut short, so much later.
const MARGIN: Duration = Duration::from_secs(1);

/// How often the writing of a record that is alone breaks before it is set aside: what it was may have passed.
const BREAKS: u32 = 3;

/// What all deliveries share.
pub(crate) struct Courier {
    pub(crate) reader: Arc<dyn TopicReader>,
    pub(crate) writer: Arc<dyn SpanWriter>,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) normalizer: Normalizer,
    pub(crate) write_timeout: Duration,
    pub(crate) policy: RetryPolicy,
    pub(crate) retries: RetryMetrics,
    pub(crate) metrics: Arc<Metrics>,
    /// It cannot be reached, or does not answer.
    pub(crate) trouble: Trouble,
    /// It is there and has no room.
    pub(crate) congestion: Trouble,
    pub(crate) lines: Quiet,
}

impl Courier {
    /// Delivers the records. Those that are to be set aside are handed on as soon as that is known; all others are settled when it returns:
    /// stored, or given back because nobody waits for them any more.
    pub(crate) async fn deliver(
        &self,
        records: Vec<Record>,
        mut leaving: watch::Receiver<Leaving>,
        misfits: mpsc::Sender<Vec<Misfit>>,
    ) {
        let mut waiting = vec![records];
        while let Some(records) = waiting.pop() {
            let Err(Broken(mut records)) = self.deliver_together(records, &mut leaving, &misfits).await
            else {
                continue;
            };
            // One of them makes the program fail: it is looked for by halving, and the others are delivered.
            let gone = self.take_leaving(&mut records, &leaving.borrow());
            self.settle(&gone, Fate::GivenBack);
            let half = records.split_off(records.len() / 2);
            waiting.extend([half, records].into_iter().filter(|part| !part.is_empty()));
        }
    }

    fn take_leaving(&self, records: &mut Vec<Record>, leaving: &Leaving) -> Vec<Claim> {
        let gone = records.extract_if(.., |record| leaving.concerns(&record.claim));
        gone.map(|record| record.claim).collect()
    }

    /// Delivers the records, unless that breaks; then those that are not settled come back. Never does one that is alone.
    async fn deliver_together(
        &self,
        records: Vec<Record>,
        leaving: &mut watch::Receiver<Leaving>,
        misfits: &mpsc::Sender<Vec<Misfit>>,
    ) -> Result<(), Broken> {
        let mut shipment = match Shipment::load(records, self.encoding, &self.normalizer) {
            Err(Broken(records)) if records.len() == 1 => Shipment::of_misfits(records, &broken("read")),
            loaded => loaded?,
        };
        self.metrics.loaded(shipment.len(), shipment.batch().len(), shipment.repaired());
        let mut progress = Progress::new(shipment.batch().len());
        self.unload(&mut shipment, &progress, misfits).await;
        let (mut failures, mut breaks, mut struggles) = (0, 0, None);
        while !progress.open().is_empty() {
            let Some(outcome) = self.attempt(&shipment, &progress).await else {
                if shipment.len() > 1 {
                    self.metrics.spans(progress.settled());
                    return Err(Broken(shipment.into_records()));
                }
                breaks += 1;
                if breaks == BREAKS {
                    shipment = Shipment::of_misfits(shipment.into_records(), &broken("store"));
                    progress = Progress::new(0);
                    self.unload(&mut shipment, &progress, misfits).await;
                }
                continue;
            };
            let failure = progress.take(outcome);
            self.unload(&mut shipment, &progress, misfits).await;
            let Some(failure) = failure else {
                self.log_success();
                break;
            };
            failures += 1;
            struggles.get_or_insert_with(|| [self.trouble.struggle(), self.congestion.struggle()]);
            self.log_failure(&failure, progress.open().len());
            self.give_up(&mut shipment, &mut progress, &leaving.borrow_and_update());
            if progress.open().is_empty() {
                break;
            }
            self.metrics.retry();
            self.retries.count(failure.kind, progress.open().len());
            let wait = self.policy.delay(failures, failure.retry_after, fastrand::f64());
            self.wait(wait, &mut shipment, &mut progress, leaving).await;
        }
        self.metrics.spans(progress.settled());
        Ok(())
    }

    /// One attempt at the spans that are open; none when the writer panicked over them.
    async fn attempt(&self, shipment: &Shipment, progress: &Progress) -> Option<Result<Written, WriteError>> {
        let batch = shipment.batch();
        let received = shipment.received();
        let context = RequestContext { received, ..RequestContext::with_timeout(self.write_timeout) };
        let open;
        let batch = if progress.is_untouched() {
            batch
        } else {
            open = batch.select(progress.open().iter().copied());
            &open
        };
        let began = Instant::now();
        let cut_at = tokio::time::Instant::from_std(context.deadline + MARGIN);
        // Writers take the batch by reference and are shared by all requests: one that panics over a batch must stay usable anyway.
        let writing = AssertUnwindSafe(self.writer.write(&context, batch)).catch_unwind();
        let outcome = tokio::time::timeout_at(cut_at, writing).await;
        self.metrics.attempt(began.elapsed());
        let outcome = outcome.unwrap_or_else(|_| {
            let kind = WriteErrorKind::DeadlineExceeded;
            Ok(Err(WriteError::nothing_settled(kind, batch.len(), "the store did not answer in time")))
        });
        outcome.ok()
    }

    /// Settles what is stored, and hands on what is to be set aside.
    async fn unload(
        &self,
        shipment: &mut Shipment,
        progress: &Progress,
        misfits: &mpsc::Sender<Vec<Misfit>>,
    ) {
        let unloaded = shipment.unload(progress);
        self.settle(&unloaded.stored, Fate::Stored);
        if !unloaded.misfits.is_empty() && misfits.send(unloaded.misfits).await.is_err() {
            tracing::debug!("the role has ended: records to be set aside are read again by the next");
        }
    }

    /// Waits before the next attempt; what leaves meanwhile is given back at once.
    async fn wait(
        &self,
        time: Duration,
        shipment: &mut Shipment,
        progress: &mut Progress,
        leaving: &mut watch::Receiver<Leaving>,
    ) {
        let rest = tokio::time::sleep(time);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                () = &mut rest => return,
                changed = leaving.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.give_up(shipment, progress, &leaving.borrow_and_update());
                    if progress.open().is_empty() {
                        return;
                    }
                }
            }
        }
    }

    fn give_up(&self, shipment: &mut Shipment, progress: &mut Progress, leaving: &Leaving) {
        let given_up = shipment.give_up(progress, |claim| leaving.concerns(claim));
        self.settle(&given_up, Fate::GivenBack);
    }

    /// Settles records and counts them.
    pub(crate) fn settle(&self, claims: &[Claim], fate: Fate) {
        if claims.is_empty() {
            return;
        }
        // Before the reader knows: whoever waits for an end by the reader's word finds the counts complete.
        self.metrics.settled(claims.len(), fate);
        self.reader.settle(claims, fate);
    }

    /// An outage is told once, not with every write; that the store is slower than the topic, now and then.
    fn log_failure(&self, failure: &Failure, open: usize) {
        let Failure { kind, source, .. } = failure;
        tracing::debug!(?kind, open, "a write left spans open: {source}");
        if *kind == WriteErrorKind::Busy {
            self.congestion.goes_on(source);
            if let Some(left_out) = self.lines.allows() {
                tracing::info!(left_out, "the store takes spans slower than they could come: {source}");
            }
        } else if self.trouble.goes_on(source) {
            tracing::warn!(
                ?kind,
                "spans cannot be stored; their records stay in the topic and are tried again: {source}"
            );
        }
    }

    fn log_success(&self) {
        self.congestion.over();
        if let Some(Ended { after, failures }) = self.trouble.over() {
            tracing::info!(failed_writes = failures, ?after, "spans are stored again");
        }
    }
}

fn broken(what: &str) -> Flaw {
    let detail = format!(
        "to {what} it makes this program fail; the log has the place. Please report it, with this record if it can be shown"
    );
    Flaw { reason: Reason::Broken, detail }
}
