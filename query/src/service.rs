//! Asks the store within bounds (time, questions at a time, bytes) and puts whole traces in order. Knows no HTTP: every API stands
//! on this. Who drops the future stops the work.

mod answer;
mod archive;
mod collect;
mod dependencies;
mod lists;
mod live;
mod paging;
mod room;
mod slow;
mod span_metrics;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use spoor_model::{ByteSize, SpanBatch, TraceId, TraceLookup, TraceQuery};
use spoor_net::limits::Budget;
use spoor_storage::{Capabilities, ReadError, ReadErrorKind, RequestContext, SpanReader};
use tokio::sync::Semaphore;

use crate::adjust::Settings;
use crate::config::Config;
use crate::metrics::{self, Metrics};
use crate::stores::Stores;
pub(crate) use archive::ArchiveError;
use collect::{Bounds, Collector, Want};
pub(crate) use live::LiveTrace;
pub(crate) use room::Room;
use room::Turn;
use slow::{Shape, SlowLog};
pub(crate) use span_metrics::{Series, SpanMetric, SpanMetricsError};

/// Most tags that a search may ask for at once. Each is a dozen clauses in the store, which takes so many in all (1,024 in Elasticsearch by
/// default), and looks each of them up.
pub(crate) const MOST_TAGS: usize = 64;

/// Answers questions about traces from one store, and its archive if it has one.
pub(crate) struct Service {
    stores: Stores,
    adjust: Settings,
    timeout: Duration,
    turns: Arc<Semaphore>,
    /// Turns of those who ask for names.
    lists: Arc<Semaphore>,
    bytes: Budget,
    search: Bounds,
    by_id: Bounds,
    slow: SlowLog,
    metrics: Metrics,
}

/// Names, with the room that they and what is written of them need; who keeps them keeps the room.
pub(crate) struct List<T> {
    /// The names, in order.
    pub(crate) items: Vec<T>,
    /// Until when there is room for them.
    pub(crate) room: Room,
    /// A bound left out names that belong to the list.
    pub(crate) cut: bool,
}

/// Traces, none of them empty, with the room they need; who keeps the traces keeps the room.
pub(crate) struct Traces {
    /// The traces, in the store's order.
    pub(crate) traces: Vec<SpanBatch>,
    /// Ids that were asked for and are unknown.
    pub(crate) missing: Vec<TraceId>,
    /// A limit left out traces that belong to the answer.
    pub(crate) omitted: bool,
    /// A limit left out spans of a trace, which has a warning then.
    pub(crate) cut: bool,
    /// Until when there is room for them.
    pub(crate) room: Room,
}

impl Service {
    pub(crate) fn new(config: &Config, stores: Stores, metrics: Metrics) -> Self {
        let size = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        let bytes = size(config.max_answer_bytes);
        let turns = config.max_concurrent_searches.get().min(Semaphore::MAX_PERMITS);
        Self {
            stores,
            adjust: Settings { max_clock_skew: config.max_clock_skew },
            timeout: config.request_timeout,
            turns: Arc::new(Semaphore::new(turns)),
            lists: Arc::new(Semaphore::new(turns)),
            bytes: Budget::new(size(config.max_bytes_in_flight)),
            search: Bounds {
                trace_spans: config.max_search_trace_spans.get(),
                trace_bytes: size(config.max_search_trace_bytes),
                spans: config.max_search_spans.get(),
                bytes,
            },
            by_id: Bounds {
                trace_spans: unless_zero(config.max_trace_spans),
                trace_bytes: usize::MAX,
                spans: usize::MAX,
                bytes,
            },
            slow: SlowLog::new(config.slow_query_threshold),
            metrics,
        }
    }

    /// The stores, for what they are able to do.
    pub(crate) fn stores(&self) -> &Stores {
        &self.stores
    }

    /// What goes with every question.
    pub(crate) fn context(&self) -> RequestContext {
        RequestContext::for_question(self.timeout)
    }

    /// How long a question may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What the store can do beyond the least.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.stores.reader.capabilities()
    }

    /// The newest traces that satisfy the query, each whole but for the limits, adjusted unless `raw`.
    pub(crate) async fn find_traces(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        raw: bool,
    ) -> Result<Traces, ReadError> {
        let operation = metrics::Operation::find_traces;
        let mut watch = self.slow.watch(Shape::Search { operation, query, raw });
        let turn = self.turn().await?;
        let mut collector = Collector::new(self.search, self.no_bytes()?);
        // One more than is taken tells a trace that is cut from one that is as long as the limit.
        let enough_spans = query.enough_spans.min(self.search.trace_spans.saturating_add(1));
        let query = TraceQuery { enough_spans, ..query.clone() };
        let collected = async {
            let mut parts = self.stores.reader.find_traces(context, &query).await?;
            while let Some(part) = parts.next().await {
                if collector.push(part?).map_err(|full| self.no_room(&full))? == Want::Nothing {
                    break;
                }
            }
            collector.end_trace();
            Ok(collector)
        };
        let asked = self.measured(operation, context, Collector::traces, collected);
        let collector = watch.asking(asked).await?;
        let found = self.answer(context, collector, turn, Vec::new(), raw).await?;
        watch.answered(&found);
        Ok(found)
    }

    /// The traces of these ids, each whole but for the answer's bytes, adjusted unless `raw`. One after the other: an answer holds
    /// them all, and a later one must not take the room of an earlier one.
    pub(crate) async fn traces(
        &self,
        context: &RequestContext,
        lookups: &[TraceLookup],
        raw: bool,
    ) -> Result<Traces, ReadError> {
        let mut watch = self.slow.watch(Shape::Lookup { ids: lookups.len(), raw });
        let turn = self.turn().await?;
        let bounds = if raw { Bounds { trace_spans: usize::MAX, ..self.by_id } } else { self.by_id };
        let mut collector = Collector::new(bounds, self.no_bytes()?);
        let mut missing = Vec::new();
        for lookup in lookups {
            let found = watch.asking(self.fetch_anywhere(context, lookup, &mut collector)).await?;
            if collector.omitted {
                break;
            }
            if !found {
                missing.push(lookup.trace_id);
            }
        }
        let found = self.answer(context, collector, turn, missing, raw).await?;
        watch.answered(&found);
        Ok(found)
    }

    /// True when there is such a trace, be it in the archive alone.
    async fn fetch_anywhere(
        &self,
        context: &RequestContext,
        lookup: &TraceLookup,
        collector: &mut Collector,
    ) -> Result<bool, ReadError> {
        let readers = std::iter::once(&self.stores.reader)
            .chain(self.stores.archive.iter().map(|archive| &archive.reader));
        for reader in readers {
            let fetched = self.fetch(reader, context, lookup, collector);
            let count = |found: &bool| usize::from(*found);
            if self.measured(metrics::Operation::get_trace, context, count, fetched).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// True when there is such a trace.
    async fn fetch(
        &self,
        reader: &Arc<dyn SpanReader>,
        context: &RequestContext,
        lookup: &TraceLookup,
        collector: &mut Collector,
    ) -> Result<bool, ReadError> {
        if lookup.trace_id.is_none() {
            return Ok(false);
        }
        let before = collector.traces();
        let mut parts = reader.trace(context, lookup).await?;
        while let Some(part) = parts.next().await {
            if collector.push(part?).map_err(|full| self.no_room(&full))? != Want::More {
                break;
            }
        }
        collector.end_trace();
        Ok(collector.traces() > before)
    }

    /// Runs a question to the store until its deadline, and counts it.
    async fn measured<T>(
        &self,
        operation: metrics::Operation,
        context: &RequestContext,
        responses: impl Fn(&T) -> usize,
        question: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let started = Instant::now();
        let answer = match tokio::time::timeout(context.remaining(), question).await {
            Ok(answer) => answer,
            Err(_) => Err(self.too_late("read from the store")),
        };
        let took = started.elapsed();
        self.metrics.answered(operation, answer.as_ref().ok().map(responses), took, &context.own_span);
        self.slow.asked(operation, took, answer.is_ok());
        answer
    }

    fn too_late(&self, attempted: &str) -> ReadError {
        let what = format!(
            "there was no answer within {:?} (--query.request-timeout), or within less that the client gave",
            self.timeout
        );
        ReadError::new(ReadErrorKind::DeadlineExceeded, attempted, what)
    }
}

/// A limit where zero stands for none.
fn unless_zero(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit }
}

#[cfg(test)]
mod tests;
