//! [`MemoryStore`]: spans in memory, bounded by traces and bytes. For a first look, for tests and for small installations
//! that can lose everything at a restart: "durable" means here "held by this process". Beside the spans, and bounded on their own, are
//! reports of dependencies, what adaptive sampling remembers, and leases (`records`).
//!
//! Spans come in compacted (a few spans do not keep a large request alive), once each by their content, and are shared
//! with readers, who work on a snapshot outside the lock.

mod config;
mod content;
mod dependencies;
mod leases;
mod matching;
mod metrics;
mod names;
mod records;
mod sampling;
mod search;
mod shelves;
mod span_metrics;
mod trace;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{
    ByteSize, FoundTrace, Operation, OperationQuery, SpanBatch, TimeRange, TraceGroup, TraceId, TraceLookup,
    TraceQuery, TraceSummary, TraceSummaryBuilder,
};

use crate::{
    BoxError, Capabilities, ReadError, ReadErrorKind, RecordError, RecordErrorKind, Rejection,
    RequestContext, SpanReader, SpanStream, SpanWriter, Tenant, WriteError, WriteErrorKind, Written,
};

use content::{Fingerprint, fingerprints};
use metrics::{Metrics, gauge};
use records::Records;
use shelves::{Arriving, Bounds, Evicted, Shelves, TraceTooLarge};
use trace::Parts;

pub use config::Config;

/// A store in memory; see the module.
///
/// Full, it drops the traces that have not grown for the longest time, whole, and counts them. The spans of a trace that
/// would exceed the bound on bytes by itself are rejected by name.
#[derive(Debug)]
pub struct MemoryStore {
    shelves: Mutex<Shelves>,
    records: Mutex<Records>,
    metrics: Metrics,
    max_bytes: ByteSize,
    seed: u64,
}

impl MemoryStore {
    /// An empty store, with its counters (`spoor_memory_…`) in the registry.
    #[must_use]
    pub fn new(config: &Config, registry: &mut Registry) -> Self {
        let bounds = Bounds {
            traces: if config.max_traces == 0 { usize::MAX } else { config.max_traces },
            bytes: usize::try_from(config.max_bytes.0).unwrap_or(usize::MAX),
        };
        Self {
            shelves: Mutex::new(Shelves::new(bounds)),
            records: Mutex::default(),
            metrics: Metrics::register(registry),
            max_bytes: config.max_bytes,
            seed: fastrand::u64(..),
        }
    }

    /// A panic under the lock is a bug of ours; the maps are still the best answer there is.
    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`MemoryStore::lock`], for what is not spans.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_dropped(&self, records: u64) {
        self.metrics.evicted_records.inc_by(records);
    }

    fn insert(&self, context: &RequestContext, arriving: Arriving) -> Result<(), TraceTooLarge> {
        let mut shelves = self.lock();
        let Evicted { traces, spans } = shelves.insert(&context.tenant, arriving)?;
        self.metrics.evicted_traces.inc_by(traces);
        self.metrics.evicted_spans.inc_by(spans);
        self.metrics.traces.set(gauge(shelves.traces()));
        self.metrics.spans.set(gauge(shelves.spans()));
        self.metrics.bytes.set(gauge(shelves.bytes()));
        Ok(())
    }

    async fn search(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
        attempted: &str,
    ) -> Result<Vec<(FoundTrace, Parts)>, ReadError> {
        in_time(context, || attempted.to_owned())?;
        let candidates = self.lock().candidates(&context.tenant, query);
        let found = search::newest(context, candidates, query, after).await;
        found.map_err(|search::OutOfTime| late(attempted.to_owned()))
    }

    fn reject(&self, batch: &SpanBatch, group: &TraceGroup, written: &mut Written) {
        self.metrics.rejected_spans.inc_by(group.spans.len() as u64);
        let reason = format!(
            "trace {} would need more than the {} of --memory.max-bytes by itself",
            group.trace_id, self.max_bytes
        );
        for &index in &group.spans {
            let span_id = batch.span(index).map(|span| span.span_id()).unwrap_or_default();
            let reason = reason.clone();
            written.rejected.push(Rejection { index, trace_id: group.trace_id, span_id, reason });
        }
    }
}

/// The spans of one trace, compact, each content once.
fn arriving(batch: &SpanBatch, group: &TraceGroup, fingerprints: &[Fingerprint]) -> Arriving {
    let mut seen = HashSet::with_capacity(group.spans.len());
    let indices: Vec<usize> =
        group.spans.iter().copied().filter(|&index| seen.insert(fingerprints[index])).collect();
    Arriving {
        trace_id: group.trace_id,
        fingerprints: indices.iter().map(|&index| fingerprints[index]).collect(),
        spans: batch.compact(indices),
    }
}

/// So many spans are summed up before other tasks have their turn.
const SPANS_BETWEEN_PAUSES: usize = 4_096;

#[async_trait]
impl SpanWriter for MemoryStore {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        if context.remaining().is_zero() && !batch.is_empty() {
            let kind = WriteErrorKind::DeadlineExceeded;
            return Err(WriteError::nothing_settled(
                kind,
                batch.len(),
                "the deadline had passed before the write",
            ));
        }
        let fingerprints = fingerprints(batch, self.seed);
        let mut written = Written::default();
        for group in batch.traces() {
            match self.insert(context, arriving(batch, &group, &fingerprints)) {
                Ok(()) => written.stored += group.spans.len(),
                Err(TraceTooLarge) => self.reject(batch, &group, &mut written),
            }
        }
        written.rejected.sort_unstable_by_key(|rejection| rejection.index);
        Ok(written)
    }
}

#[async_trait]
impl SpanReader for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { search_without_service: true, operation_kinds: true, tenants: true }
    }

    async fn tenants(&self, context: &RequestContext) -> Result<Vec<Tenant>, ReadError> {
        in_time(context, || "list tenants".to_owned())?;
        Ok(self.lock().tenants())
    }

    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        in_time(context, || "list services".to_owned())?;
        Ok(self.lock().services(context))
    }

    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        in_time(context, || format!("list operations of service {}", query.service))?;
        Ok(self.lock().operations(context, query))
    }

    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError> {
        let attempted = format!("read trace {}", lookup.trace_id);
        in_time(context, || attempted.clone())?;
        let parts = self.lock().trace(&context.tenant, lookup.trace_id);
        Ok(stream(context.clone(), attempted, vec![parts], usize::MAX))
    }

    async fn find_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError> {
        let attempted = searching(query);
        let found = self.search(context, query, None, &attempted).await?;
        let traces = found.into_iter().map(|(_, parts)| parts).collect();
        Ok(stream(context.clone(), attempted, traces, query.enough_spans))
    }

    async fn find_trace_ids(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        let found = self.search(context, query, after, &searching(query)).await?;
        Ok(found.into_iter().map(|(place, _)| place).collect())
    }

    async fn summaries(
        &self,
        context: &RequestContext,
        trace_ids: &[TraceId],
        _: TimeRange,
    ) -> Result<Vec<TraceSummary>, ReadError> {
        let mut summaries = Vec::with_capacity(trace_ids.len());
        let mut since_pause = 0;
        for &trace_id in trace_ids {
            in_time(context, || format!("sum up trace {trace_id}"))?;
            let parts = self.lock().trace(&context.tenant, trace_id);
            let mut summary = TraceSummaryBuilder::default();
            parts.iter().for_each(|part| summary.add(part));
            summaries.extend(summary.finish());
            since_pause += parts.iter().map(|part| part.len()).sum::<usize>();
            if since_pause > SPANS_BETWEEN_PAUSES {
                since_pause = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(summaries)
    }
}

fn searching(query: &TraceQuery) -> String {
    format!("search traces of service {}", query.service.as_deref().unwrap_or("(any)"))
}

/// Traces one after the other, the spans of each up to `enough`; each item by the deadline, or an error that ends the stream.
fn stream(
    context: RequestContext,
    attempted: String,
    traces: Vec<Parts>,
    enough: usize,
) -> SpanStream<'static> {
    let mut items = traces.into_iter().flat_map(move |parts| trace::items(parts, enough));
    let mut ended = false;
    let next = move || {
        if ended {
            return None;
        }
        ended = context.remaining().is_zero();
        if ended { Some(Err(late(attempted.clone()))) } else { items.next().map(Ok) }
    };
    futures::stream::iter(std::iter::from_fn(next)).boxed()
}

fn in_time(context: &RequestContext, attempted: impl FnOnce() -> String) -> Result<(), ReadError> {
    if context.remaining().is_zero() { Err(late(attempted())) } else { Ok(()) }
}

fn late(attempted: String) -> ReadError {
    ReadError::new(ReadErrorKind::DeadlineExceeded, attempted, "the deadline has passed")
}

fn records_in_time(context: &RequestContext, attempted: impl FnOnce() -> String) -> Result<(), RecordError> {
    if context.remaining().is_zero() {
        let what = "the deadline had passed before the write";
        return Err(RecordError::new(RecordErrorKind::DeadlineExceeded, attempted(), what));
    }
    Ok(())
}

fn refused(attempted: String, why: impl Into<BoxError>) -> RecordError {
    RecordError::new(RecordErrorKind::Refused, attempted, why)
}
