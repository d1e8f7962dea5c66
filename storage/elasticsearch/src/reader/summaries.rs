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
use super::summary_query::{self, ROOT_CANDIDATES, SUSPECTS, Sums};
use super::trace::TraceCursor;
use crate::index::{SLACK, Targets, now, widened};

/// Traces asked for in one request.
const TRACES_AT_ONCE: usize = 20;

/// What the store told of a trace.
enum Told {
    /// Its summary; none when there is no such trace.
    Summary(Option<TraceSummary>),
    /// Not all of it.
    TooLittle,
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
        for group in trace_ids.chunks(TRACES_AT_ONCE) {
            let told = self.ask(context, group, &targets, attempted).await?;
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
        let questions = group.iter().flat_map(|&trace_id| {
            [summary_query::sums(trace_id), summary_query::suspects(trace_id, &self.dot_replacement)]
        });
        let filter = summary_query::FILTER;
        let reply = self.access.multi_search(context, targets, filter, questions, attempted).await?;
        let answers = super::parse_items(&reply, 2 * group.len(), attempted)?;
        let told = |(&trace_id, items): (&TraceId, &[&RawValue])| {
            let told = parse_item(items[0], attempted)
                .and_then(|sums| Ok((sums, self.failed_spans(&parse_item(items[1], attempted)?, attempted)?)))
                .and_then(|(sums, failed)| match failed {
                    Some(failed) => read(trace_id, sums, &failed, attempted),
                    None => Ok(Told::TooLittle),
                });
            told.or_else(|error: ReadError| {
                if error.kind == ReadErrorKind::Busy {
                    return Err(error);
                }
                tracing::debug!(%error, %trace_id, "the store does not sum this trace up; it is read whole");
                Ok(Told::TooLittle)
            })
        };
        group.iter().zip(answers.chunks_exact(2)).map(told).collect()
    }

    /// How many of a trace's spans failed, by service; none when more may have than were told.
    fn failed_spans(
        &self,
        suspects: &Answer<'_, IgnoredAny>,
        attempted: &str,
    ) -> Result<Option<HashMap<String, u64>>, ReadError> {
        let hits = &suspects.hits.hits;
        if hits.len() >= SUSPECTS {
            return Ok(None);
        }
        let not_understood = |what| ReadError::new(ReadErrorKind::Incomplete, attempted, what);
        let mut page = PageBuilder::new(&self.dot_replacement, hits.len());
        for document in hits.iter().filter_map(|hit| hit.source.as_ref()) {
            page.push(document).map_err(|error| not_understood(error.to_string()))?;
        }
        let batch = page.finish().map_err(|error| not_understood(error.to_string()))?;
        let mut failed = HashMap::new();
        for span in batch.spans().filter(|&span| is_failed(span)) {
            *failed.entry(span.service().to_owned()).or_default() += 1;
        }
        Ok(Some(failed))
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

fn read(
    trace_id: TraceId,
    answer: Answer<'_, Sums>,
    failed: &HashMap<String, u64>,
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
            let failed_spans = failed.get(&service).copied().unwrap_or_default();
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
