//! Summaries of traces, added up by the store, several traces a request. What the store cannot tell exactly is read whole: where
//! scripts or costly queries are forbidden, where a trace has more services than one answer tells, where a name is too long to
//! be counted by.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use spoor_model::jaeger::{NO_SERVICE_NAME, is_failed};
use spoor_model::{RootSpan, ServiceSummary, TimeRange, TraceId, TraceSummary, UnixNanos};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext, summed_up};

use super::ElasticsearchReader;
use super::answer::{Answer, parse_item};
use super::convert::PageBuilder;
use super::document::{ProcessDocument, SpanDocument};
use super::late::Late;
use super::summary_query::{self, ROOT_CANDIDATES, SUSPECTS, Sums};
use super::trace::TraceCursor;
use crate::index::{SLACK, Targets, now, widened};

/// Traces asked for in one request.
const TRACES_AT_ONCE: usize = 20;

/// The answer with the spans that may have failed.
type Suspects<'a> = Answer<'a, IgnoredAny>;

/// Counts of spans by trace and service.
type FailedSpans = HashMap<(TraceId, String), u64>;

/// What the store told of a trace.
enum Told {
    /// Its summary; none when there is no such trace.
    Summary(Option<TraceSummary>),
    /// Not all of it.
    TooLittle,
}

fn is_nothing(told: &Told) -> bool {
    matches!(told, Told::Summary(None))
}

impl ElasticsearchReader {
    /// Summaries of these traces, in this order.
    pub(super) async fn sum_up(
        &self,
        context: &RequestContext,
        trace_ids: &[TraceId],
        around: TimeRange,
        attempted: &str,
    ) -> Result<Vec<TraceSummary>, ReadError> {
        let targets = self.names.span_targets(widened(self.whereabouts(Some(around)), SLACK));
        let mut summaries = Vec::with_capacity(trace_ids.len());
        let mut late = Late::default();
        for group in trace_ids.chunks(TRACES_AT_ONCE) {
            let mut told = self.ask(context, group, &targets, attempted).await?;
            loop {
                let missing = late.missing(context, &told, is_nothing).await;
                if missing.is_empty() {
                    break;
                }
                let ids: Vec<TraceId> = missing.iter().map(|&at| group[at]).collect();
                for (at, again) in
                    missing.into_iter().zip(self.ask(context, &ids, &targets, attempted).await?)
                {
                    told[at] = again;
                }
            }
            for (&trace_id, told) in group.iter().zip(told) {
                summaries.extend(match told {
                    Told::Summary(summary) => summary,
                    Told::TooLittle => self.read_and_sum_up(context, trace_id, &targets, attempted).await?,
                });
            }
        }
        Ok(summaries)
    }

    /// What the store tells of each of these traces.
    async fn ask(
        &self,
        context: &RequestContext,
        group: &[TraceId],
        targets: &Targets,
        attempted: &str,
    ) -> Result<Vec<Told>, ReadError> {
        if let Some(told) = self.ask_together(context, group, targets, attempted).await? {
            return Ok(told);
        }
        // More spans may have failed than one answer tells.
        let mut told = Vec::with_capacity(group.len());
        for trace_id in group {
            let alone = std::slice::from_ref(trace_id);
            let of_one = self.ask_together(context, alone, targets, attempted).await?;
            told.extend(of_one.unwrap_or_else(|| vec![Told::TooLittle]));
        }
        Ok(told)
    }

    /// The same, or nothing where one answer does not tell all spans that may have failed.
    async fn ask_together(
        &self,
        context: &RequestContext,
        group: &[TraceId],
        targets: &Targets,
        attempted: &str,
    ) -> Result<Option<Vec<Told>>, ReadError> {
        let sums = group.iter().map(|&trace_id| summary_query::sums(trace_id));
        // One search for all of them: each costs the store as much as reading a small trace.
        let suspects = summary_query::suspects(group, &self.dot_replacement);
        let questions = sums.chain(std::iter::once(suspects));
        let filter = summary_query::FILTER;
        let reply = self.access.multi_search(context, targets, filter, questions, attempted).await?;
        let answers = super::parse_items(&reply, group.len() + 1, attempted)?;
        let (of_suspects, of_sums) = answers.split_last().expect("as many as were asked for");
        let suspects = parse_item(of_suspects, attempted);
        if suspects.as_ref().is_ok_and(|suspects: &Suspects<'_>| suspects.hits.hits.len() >= SUSPECTS) {
            return Ok(None);
        }
        let failed = match suspects.and_then(|suspects| self.failed_spans(&suspects, attempted)) {
            Ok(failed) => failed,
            Err(error) => {
                let told = group.iter().map(|_| Told::TooLittle).collect();
                return too_little(error).map(|_| Some(told));
            }
        };
        let told = |(&trace_id, item): (&TraceId, &&RawValue)| {
            let told = parse_item(item, attempted).and_then(|sums| read(trace_id, sums, &failed, attempted));
            told.or_else(too_little)
        };
        group.iter().zip(of_sums).map(told).collect::<Result<_, _>>().map(Some)
    }

    /// How many spans failed, by trace and service.
    fn failed_spans(&self, suspects: &Suspects<'_>, attempted: &str) -> Result<FailedSpans, ReadError> {
        let hits = &suspects.hits.hits;
        let not_understood = |what| ReadError::new(ReadErrorKind::Incomplete, attempted, what);
        let mut page = PageBuilder::new(&self.dot_replacement, hits.len());
        for document in hits.iter().filter_map(|hit| hit.source.as_ref()) {
            page.push(document).map_err(|error| not_understood(error.to_string()))?;
        }
        let batch = page.finish().map_err(|error| not_understood(error.to_string()))?;
        let mut failed = FailedSpans::new();
        for span in batch.spans().filter(|&span| is_failed(span)) {
            *failed.entry((span.trace_id(), span.service().to_owned())).or_default() += 1;
        }
        Ok(failed)
    }

    async fn read_and_sum_up(
        &self,
        context: &RequestContext,
        trace_id: TraceId,
        targets: &Targets,
        attempted: &str,
    ) -> Result<Option<TraceSummary>, ReadError> {
        let cursor = TraceCursor {
            trace_id,
            targets: targets.clone(),
            after: None,
            page_size: self.page_size(),
            attempted: attempted.to_owned(),
        };
        summed_up(self.pages(context.clone(), cursor)).await
    }

    /// Where traces are looked for by id: within the retention, and also where the caller thinks one lies. The hint can only
    /// add: a trace older than what is looked for by default is found with it.
    pub(super) fn whereabouts(&self, hint: Option<TimeRange>) -> TimeRange {
        let window = self.retention(now());
        hint.map_or(window, |hint| TimeRange {
            start: window.start.min(hint.start),
            end: window.end.max(hint.end),
        })
    }
}

/// What the store does not answer is read whole, unless it has too much to do as it is.
fn too_little(error: ReadError) -> Result<Told, ReadError> {
    if error.kind == ReadErrorKind::Busy {
        return Err(error);
    }
    tracing::debug!(%error, "the store does not sum up; traces are read whole");
    Ok(Told::TooLittle)
}

fn read(
    trace_id: TraceId,
    answer: Answer<'_, Sums>,
    failed: &FailedSpans,
    attempted: &str,
) -> Result<Told, ReadError> {
    // Without any index there are no sums.
    let Some(sums) = answer.aggregations else { return Ok(Told::Summary(None)) };
    let spans = sums.spans.whole();
    if spans == 0 {
        return Ok(Told::Summary(None));
    }
    let mut services: Vec<ServiceSummary> = sums
        .services
        .buckets
        .into_iter()
        .map(|bucket| {
            let service = shown(bucket.key);
            let key = (trace_id, service);
            let failed_spans = failed.get(&key).copied().unwrap_or_default();
            let (_, service) = key;
            ServiceSummary { service, spans: bucket.doc_count, failed_spans }
        })
        .collect();
    services.sort_unstable_by(|left, right| left.service.cmp(&right.service));
    let counted: u64 = services.iter().map(|service| service.spans).sum();
    let distinct = services.windows(2).all(|pair| pair[0].service != pair[1].service);
    if sums.services.sum_other_doc_count > 0 || counted != spans || !distinct {
        return Ok(Told::TooLittle);
    }
    let candidates = &answer.hits.hits;
    let documents = candidates.iter().filter_map(|hit| hit.source.as_ref());
    let root =
        documents.into_iter().find(|span| span.parent_span_id.as_ref().is_none_or(|id| id.0.is_empty()));
    if root.is_none() && candidates.len() >= ROOT_CANDIDATES {
        return Ok(Told::TooLittle);
    }
    let root = root.map(root_span).transpose().map_err(|error| {
        let what = format!("the root's process is not understood: {error}");
        ReadError::new(ReadErrorKind::Incomplete, attempted, what)
    })?;
    Ok(Told::Summary(Some(TraceSummary {
        trace_id,
        root,
        start: UnixNanos::from_micros(sums.start.whole()),
        end: UnixNanos::from_micros(sums.end.whole()),
        spans,
        failed_spans: services.iter().map(|service| service.failed_spans).sum(),
        // It would take a look at every span's ids, which is what a summary is to save.
        orphan_spans: None,
        services,
    })))
}

fn root_span(document: &SpanDocument<'_>) -> Result<RootSpan, serde_json::Error> {
    let process = document.process.map_or("{}", RawValue::get);
    let ProcessDocument { service_name, .. } = serde_json::from_str(process)?;
    let service = shown(service_name.0.into_owned());
    Ok(RootSpan { service, operation: document.operation_name.0.to_string() })
}

/// A service's name as the reader gives it.
fn shown(service: String) -> String {
    if service == NO_SERVICE_NAME { String::new() } else { service }
}
