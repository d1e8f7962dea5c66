//! From a decoded batch to what is told its sender: normalize, store, settle the accounts.
//! An accepted batch runs to its end even when its sender hangs up: the work is a task of its own, which a drain waits for.

mod account;

use std::sync::Arc;
use std::time::{Duration, Instant};

use spoor_model::SpanBatch;
use spoor_net::limits::Permit;
use spoor_pipeline::{Ended, Normalizer, Outage, Quiet, position_before};
use spoor_storage::{Rejection, RequestContext, SpanWriter, Tenant, WriteError, Written};
use spoor_tracer::{OwnSpan, observe};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::metrics::Metrics;
use crate::receiver::{Refusal, Source};
use account::Account;

/// A writer tells by itself that the deadline has passed; only one that does not is cut short, so much later.
const MARGIN: Duration = Duration::from_millis(200);

/// A decoded request on its way to the store.
pub(crate) struct Work {
    pub(crate) batch: SpanBatch,
    /// Bytes of the body, decompressed.
    pub(crate) size: usize,
    pub(crate) tenant: Tenant,
    pub(crate) source: Source,
    pub(crate) arrived: Instant,
    pub(crate) deadline: Instant,
    /// What the request holds of the budgets until it is settled.
    pub(crate) permits: [Permit; 2],
    /// In which the request is recorded, if it is.
    pub(crate) own_span: OwnSpan,
}

/// Everything of a request is settled: stored, or never to be stored.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// Spans in the request.
    pub(crate) received: usize,
    /// Spans that are not stored, by their positions in the request.
    pub(crate) rejected: Vec<Rejection>,
}

/// Takes batches to the store.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    inner: Arc<Inner>,
    tasks: TaskTracker,
}

struct Inner {
    writer: Arc<dyn SpanWriter>,
    normalizer: Normalizer,
    metrics: Arc<Metrics>,
    outage: Outage,
    rejections: Quiet,
}

impl Dispatcher {
    pub(crate) fn new(writer: Arc<dyn SpanWriter>, normalizer: Normalizer, metrics: Arc<Metrics>) -> Self {
        let (outage, rejections) = (Outage::default(), Quiet::default());
        Self {
            inner: Arc::new(Inner { writer, normalizer, metrics, outage, rejections }),
            tasks: TaskTracker::new(),
        }
    }

    /// Stores the batch. Dropping the future does not stop the work.
    pub(crate) async fn deliver(&self, work: Work) -> Result<Delivered, Refusal> {
        let deadline = tokio::time::Instant::from_std(work.deadline + MARGIN);
        let task = self.tasks.spawn(Arc::clone(&self.inner).settle(work).in_current_span());
        match tokio::time::timeout_at(deadline, task).await {
            Ok(Ok(settled)) => settled,
            Ok(Err(broken)) => {
                tracing::error!(error = %broken, "the delivery of a request broke; its sender is told so");
                Err(Refusal::Broken)
            }
            Err(_) => Err(Refusal::Late { retry_after: None }),
        }
    }

    /// Returns when every batch is settled. Nothing may be delivered any more by then.
    pub(crate) async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Inner {
    async fn settle(self: Arc<Self>, work: Work) -> Result<Delivered, Refusal> {
        let Work { mut batch, size, tenant, source, arrived, deadline, own_span, .. } = work;
        let held_until_settled = work.permits;
        let [_, bytes] = &held_until_settled;
        self.metrics.measured(size, bytes.amount());
        let mut account = Account::open(&self.metrics, &batch, source);
        account.without_ids(&batch);
        let mut rejected = self.normalizer.run(&mut batch);
        let received = batch.len() + rejected.len();
        if !batch.is_empty() {
            observe(&self.metrics.in_queue, arrived.elapsed(), &own_span);
            let context = RequestContext { tenant, own_span, ..RequestContext::until(deadline) };
            let refused = self.write(&context, &batch, &mut account).await?;
            let before: Vec<Rejection> = refused
                .into_iter()
                .map(|refusal| Rejection { index: position_before(&rejected, refusal.index), ..refusal })
                .collect();
            rejected.extend(before);
        }
        self.log_rejected(&rejected, received);
        Ok(Delivered { received, rejected })
    }

    /// Writes, and books what became of each span. Answers the spans that the store refuses for good.
    async fn write(
        &self,
        context: &RequestContext,
        batch: &SpanBatch,
        account: &mut Account<'_>,
    ) -> Result<Vec<Rejection>, Refusal> {
        let began = Instant::now();
        let result = self.writer.write(context, batch).await;
        observe(&self.metrics.save, began.elapsed(), &context.own_span);
        match result {
            Ok(Written { stored, rejected }) if stored + rejected.len() == batch.len() => {
                account.refused_by_store(batch, &rejected);
                account.stored(stored);
                if let Some(Ended { after, failures }) = self.outage.over() {
                    tracing::info!(failed_requests = failures, ?after, "spans are stored again");
                }
                Ok(rejected)
            }
            Ok(Written { stored, rejected }) => {
                let (spans, rejected) = (batch.len(), rejected.len());
                tracing::error!(
                    spans,
                    stored,
                    rejected,
                    "the store's answer does not add up; nothing is acknowledged"
                );
                Err(Refusal::Broken)
            }
            Err(error) => {
                account.refused_by_store(batch, &error.settled.rejected);
                account.returned(error.kind, batch, &error.unfinished);
                account.stored(error.settled.stored);
                self.log_failure(&error);
                Err(Refusal::from(&error))
            }
        }
    }

    /// An outage is told once, not with every request.
    fn log_failure(&self, error: &WriteError) {
        if self.outage.goes_on() {
            tracing::warn!(%error, kind = ?error.kind, "spans cannot be stored; senders are asked to send again");
        }
        tracing::debug!(%error, "a request was not stored");
    }

    fn log_rejected(&self, rejected: &[Rejection], received: usize) {
        if rejected.is_empty() {
            return;
        }
        if let Some(left_out) = self.rejections.allows() {
            let first =
                rejected.first().map(|span| format!("span {} of trace {}", span.span_id, span.trace_id));
            tracing::warn!(
                rejected = rejected.len(),
                first,
                left_out,
                "a request had spans that can never be stored"
            );
            // The store's reasons may quote values of attributes, which do not belong into logs that everybody keeps.
            tracing::debug!(
                spans = spoor_pipeline::describe_rejected(rejected, received, "stored"),
                "why they cannot be stored"
            );
        }
    }
}
