//! [`ElasticsearchWriter`]: the door in. Encodes in the caller's task, shares bulks with other writes, tells each span's fate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use spoor_model::SpanBatch;
use spoor_storage::{Rejection, RequestContext, SpanWriter, WriteError, WriteErrorKind, Written};

use crate::bulk::{BulkWriter, Outcome, Outcomes};
use crate::encode::{BulkEncoder, Services};
use crate::service::ServiceKey;
use crate::setup::{Readiness, Setup, StoreWatch};

/// What a writer tells a caller whom it has no room for.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(1);

/// Writes spans to Elasticsearch or OpenSearch.
#[derive(Debug)]
pub struct ElasticsearchWriter {
    setup: Arc<Setup>,
    bulk: BulkWriter,
    encoder: BulkEncoder,
    misdated: Counter,
    /// A refused service document is told once: it would be told with every batch otherwise.
    service_refusal_told: AtomicBool,
}

impl ElasticsearchWriter {
    pub(crate) fn new(
        setup: Arc<Setup>,
        bulk: BulkWriter,
        encoder: BulkEncoder,
        registry: &mut Registry,
    ) -> Self {
        let misdated = Counter::default();
        registry.register(
            "spoor_elasticsearch_misdated_spans",
            "Spans whose start was not believed, at each attempt to write them; they are filed under the day of receipt",
            misdated.clone(),
        );
        Self { setup, bulk, encoder, misdated, service_refusal_told: AtomicBool::new(false) }
    }

    /// Whether spans can be written, and if not, why: now and whenever it changes.
    #[must_use]
    pub fn readiness(&self) -> tokio::sync::watch::Receiver<Readiness> {
        self.setup.readiness_to_write()
    }

    /// Whether the store can be reached, however little is written.
    #[must_use]
    pub fn watch(&self) -> StoreWatch {
        self.setup.watch()
    }

    /// Turns the outcomes of items (spans, then service documents) into the fate of the spans.
    fn conclude(
        &self,
        batch: &SpanBatch,
        services: &Services,
        outcomes: Outcomes,
    ) -> Result<Written, WriteError> {
        let (spans, documents) = outcomes.items.split_at(batch.len());
        // A kind that the index takes no field for is not tried again: the pair is listed without it.
        let told = services.keys.iter().zip(documents).filter(|(key, outcome)| match outcome {
            Outcome::Stored => true,
            Outcome::Rejected => key.kind_name().is_some() && pair_is_settled(services, documents, **key),
            Outcome::Open | Outcome::Unfinished => false,
        });
        self.encoder.confirm(told.map(|(key, _)| *key), Instant::now());
        let mut unfinished = Vec::new();
        let mut written = Written::default();
        for (index, outcome) in spans.iter().enumerate() {
            match outcome {
                Outcome::Rejected => {}
                Outcome::Stored if is_listed(services, documents, index) => written.stored += 1,
                Outcome::Stored | Outcome::Open | Outcome::Unfinished => unfinished.push(index),
            }
        }
        for (item, reason) in outcomes.reasons {
            match batch.span(item) {
                Some(span) => written.rejected.push(Rejection {
                    index: item,
                    trace_id: span.trace_id(),
                    span_id: span.span_id(),
                    reason,
                }),
                None => self.tell_service_refusal(&reason),
            }
        }
        written.rejected.sort_by_key(|rejection| rejection.index);
        if unfinished.is_empty() {
            return Ok(written);
        }
        let (kind, reason) = match outcomes.trouble {
            None => (WriteErrorKind::DeadlineExceeded, "the store did not answer in time".to_owned()),
            Some(trouble) => (trouble.kind, trouble.reason),
        };
        Err(WriteError {
            kind,
            attempted: batch.len(),
            settled: written,
            unfinished,
            retry_after: outcomes.retry_after,
            source: reason.into(),
        })
    }

    fn tell_service_refusal(&self, reason: &str) {
        if !self.service_refusal_told.swap(true, Ordering::Relaxed) {
            tracing::error!(reason, "the store refuses service documents; services may be missing in lists");
        }
    }
}

/// The span's service document is stored, now or before, or will never be. A span whose service is not listed yet is
/// written again, so that what was acknowledged is also found by its service.
fn is_listed(services: &Services, documents: &[Outcome], span: usize) -> bool {
    match services.of_span.get(span) {
        None | Some(&Services::KNOWN) => true,
        Some(&position) => match documents[position as usize] {
            Outcome::Stored => true,
            Outcome::Rejected => pair_is_settled(services, documents, services.keys[position as usize]),
            Outcome::Open | Outcome::Unfinished => false,
        },
    }
}

/// The document of the pair alone is stored, now or before, or will never be.
fn pair_is_settled(services: &Services, documents: &[Outcome], key: ServiceKey) -> bool {
    let own = services.keys.iter().position(|other| *other == key.pair());
    own.is_none_or(|position| matches!(documents[position], Outcome::Stored | Outcome::Rejected))
}

#[async_trait]
impl SpanWriter for ElasticsearchWriter {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let nothing =
            |kind, source: spoor_storage::BoxError| WriteError::nothing_settled(kind, batch.len(), source);
        if batch.is_empty() {
            return Ok(Written::default());
        }
        if context.remaining().is_zero() {
            return Err(nothing(
                WriteErrorKind::DeadlineExceeded,
                "the deadline had passed before the write".into(),
            ));
        }
        if let Err(not_ready) = self.setup.ready_to_write(context.deadline).await {
            return Err(nothing(WriteErrorKind::Unavailable, not_ready.into()));
        }
        let busy = |full: crate::bulk::QueueFull| WriteError {
            retry_after: Some(RETRY_WHEN_FULL),
            ..nothing(WriteErrorKind::Busy, full.into())
        };
        self.bulk.check_room().map_err(busy)?;
        let encoded = self.encoder.encode(batch, context.received, Instant::now());
        self.misdated.inc_by(encoded.misdated);
        let outcomes = self.bulk.write(&encoded, context).await.map_err(busy)?;
        self.conclude(batch, &encoded.services, outcomes)
    }
}
