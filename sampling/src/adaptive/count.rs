//! Counting root spans on their way to the store, of every receiver alike.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use spoor_model::{SpanBatch, SpanView, Throughput, ValueView};
use spoor_storage::{Rejection, RequestContext, SpanWriter, WriteError, Written};

use super::calculate::text_of;
use super::metrics::AdaptiveMetrics;

/// The most probabilities that are told of one operation, as in Jaeger.
const MOST_PROBABILITIES: usize = 10;
/// The most operations that are told of one interval; more are made up.
const MOST_OPERATIONS: usize = 20_000;
/// The longest name of a service or operation, in bytes; longer ones are made up.
const LONGEST_NAME: usize = 1_000;

/// The tags in which clients tell how a root span was sampled.
const SAMPLER_TYPE: &str = "sampler.type";
const SAMPLER_PARAM: &str = "sampler.param";

/// What was seen since it was last asked.
#[derive(Debug, Default)]
pub struct ThroughputCounter {
    seen: Mutex<Sums>,
    metrics: AdaptiveMetrics,
}

#[derive(Debug, Default)]
struct Sums {
    services: HashMap<String, HashMap<String, Sum>>,
    operations: usize,
}

#[derive(Debug, Default)]
struct Sum {
    count: u64,
    probabilities: BTreeSet<String>,
}

/// How a root span was sampled.
struct Sampled {
    /// By its probability; else it only shows that the operation is there.
    by_probability: bool,
    probability: f64,
}

impl ThroughputCounter {
    pub(super) fn new(metrics: AdaptiveMetrics) -> Self {
        Self { seen: Mutex::default(), metrics }
    }

    /// Counts the batch's root spans but those at positions that are `rejected`.
    fn count(&self, batch: &SpanBatch, rejected: &[Rejection]) {
        let rejected: HashSet<usize> = rejected.iter().map(|rejection| rejection.index).collect();
        let sampled =
            batch.spans().enumerate().filter_map(|(index, span)| Some((index, span, sampled(span)?)));
        let mut seen = None;
        for (index, span, sampled) in sampled {
            if rejected.contains(&index) {
                continue;
            }
            let seen = seen.get_or_insert_with(|| self.seen.lock().unwrap_or_else(PoisonError::into_inner));
            if !seen.add(span.service(), span.name(), &sampled) {
                self.metrics.uncounted.inc();
            }
        }
    }

    /// What was seen since the last time.
    pub(super) fn take(&self) -> Vec<Throughput> {
        let sums = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        self.metrics.operations.inc_by(sums.operations as u64);
        self.metrics.services.inc_by(sums.services.len() as u64);
        let of_service = |(service, operations): (String, HashMap<String, Sum>)| {
            operations.into_iter().map(move |(operation, Sum { count, probabilities })| Throughput {
                service: service.clone(),
                operation,
                count,
                probabilities,
            })
        };
        sums.services.into_iter().flat_map(of_service).collect()
    }
}

impl Sums {
    /// False when there is no room for another operation.
    fn add(&mut self, service: &str, operation: &str, sampled: &Sampled) -> bool {
        let known = self.services.get_mut(service).and_then(|operations| operations.get_mut(operation));
        let sum = match known {
            Some(sum) => sum,
            None if self.operations >= MOST_OPERATIONS
                || service.len().max(operation.len()) > LONGEST_NAME =>
            {
                return false;
            }
            None => {
                self.operations += 1;
                let operations = self.services.entry(service.to_owned()).or_default();
                operations.entry(operation.to_owned()).or_default()
            }
        };
        sum.count += u64::from(sampled.by_probability);
        if sum.probabilities.len() < MOST_PROBABILITIES {
            sum.probabilities.insert(text_of(sampled.probability));
        }
        true
    }
}

/// Nothing for spans that are no root, or do not tell how they were sampled. Only a root span has these tags.
/// Facts: `jaegertracing/jaeger model/span.go`, `GetSamplerParams`.
fn sampled(span: SpanView<'_>) -> Option<Sampled> {
    if span.parent_span_id().0 != 0 || span.service().is_empty() || span.name().is_empty() {
        return None;
    }
    let by_probability = match span.attributes().get(SAMPLER_TYPE)?.as_str()? {
        "probabilistic" => true,
        "lowerbound" | "ratelimiting" | "const" => false,
        _ => return None,
    };
    let probability = match span.attributes().get(SAMPLER_PARAM)? {
        ValueView::Double(number) => number,
        #[expect(clippy::cast_precision_loss, reason = "a rate or 0 or 1")]
        ValueView::Int(number) => number as f64,
        ValueView::Str(text) => text.parse().ok()?,
        _ => return None,
    };
    probability.is_finite().then_some(Sampled { by_probability, probability })
}

/// A store that counts what it has stored.
pub struct CountingWriter {
    inner: Arc<dyn SpanWriter>,
    counter: Arc<ThroughputCounter>,
}

impl CountingWriter {
    /// Counts what `inner` stores.
    #[must_use]
    pub fn new(inner: Arc<dyn SpanWriter>, counter: Arc<ThroughputCounter>) -> Self {
        Self { inner, counter }
    }
}

#[async_trait]
impl SpanWriter for CountingWriter {
    /// A request that fails is not counted: it comes again.
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let written = self.inner.write(context, batch).await?;
        self.counter.count(batch, &written.rejected);
        Ok(written)
    }
}

#[cfg(test)]
impl ThroughputCounter {
    /// As if spans had come that add up to this.
    pub(super) fn add(&self, seen: &Throughput) {
        let mut sums = self.seen.lock().unwrap();
        let sum =
            sums.services.entry(seen.service.clone()).or_default().entry(seen.operation.clone()).or_default();
        sum.count += seen.count;
        sum.probabilities.extend(seen.probabilities.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;
    use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow, TraceId};
    use spoor_storage::WriteErrorKind;

    use super::*;

    type Tags<'a> = &'a [(&'a str, ValueView<'a>)];

    fn batch(spans: &[(u64, &str, Tags<'_>)]) -> SpanBatch {
        let mut builder = SpanBatchBuilder::new();
        let service = Some(builder.text("shop"));
        let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        for (parent, name, tags) in spans {
            let (name, attributes) = (builder.text(name), builder.attributes(tags.iter().copied()));
            let ids = SpanRow { trace_id: TraceId(1), span_id: SpanId(2), ..SpanRow::default() };
            builder.push_span(SpanRow { parent_span_id: SpanId(*parent), scope, name, attributes, ..ids });
        }
        builder.finish().unwrap()
    }

    fn tags<'a>(kind: &'a str, param: ValueView<'a>) -> [(&'a str, ValueView<'a>); 2] {
        [("sampler.type", ValueView::Str(kind)), ("sampler.param", param)]
    }

    #[test]
    fn root_spans_that_tell_how_they_were_sampled_are_counted() {
        let counter = ThroughputCounter::default();
        let (half, by_text) = (
            tags("probabilistic", ValueView::Double(0.5)),
            tags("probabilistic", ValueView::Str("0.0012346")),
        );
        let (bound, whole) = (tags("lowerbound", ValueView::Double(0.5)), tags("const", ValueView::Int(1)));
        let (unknown, no_number) =
            (tags("remote", ValueView::Double(0.5)), tags("probabilistic", ValueView::Bool(true)));
        counter.count(
            &batch(&[
                (0, "buy", &half),
                (0, "buy", &by_text),
                (0, "buy", &bound),
                (7, "buy", &half),
                (0, "look", &whole),
                (0, "unknown", &unknown),
                (0, "no number", &no_number),
                (0, "no param", &half[..1]),
                (0, "no tags", &[]),
                (0, "", &half),
            ]),
            &[],
        );
        let mut seen = counter.take();
        seen.sort();
        let told = |operation: &str, count, probabilities: &[&str]| Throughput {
            service: "shop".to_owned(),
            operation: operation.to_owned(),
            count,
            probabilities: probabilities.iter().map(|text| (*text).to_owned()).collect(),
        };
        let buy = told("buy", 2, &["0.500000", "0.001235"]);
        assert_eq!(seen, [buy, told("look", 0, &["1.000000"])]);
        assert_eq!(counter.take(), [], "it begins anew");
    }

    #[test]
    fn made_up_names_take_no_room_and_are_told() {
        let mut registry = Registry::default();
        let counter = ThroughputCounter::new(AdaptiveMetrics::register(&mut registry));
        let (half, long) = (tags("probabilistic", ValueView::Double(0.5)), "x".repeat(LONGEST_NAME + 1));
        counter.count(&batch(&[(0, &long, &half)]), &[]);
        let names: Vec<String> = (0..=MOST_OPERATIONS).map(|number| number.to_string()).collect();
        let spans: Vec<(u64, &str, Tags<'_>)> = names.iter().map(|name| (0, &name[..], &half[..])).collect();
        counter.count(&batch(&spans), &[]);
        assert_eq!((counter.take().len(), counter.metrics.uncounted.get()), (MOST_OPERATIONS, 2));
        let many: Vec<_> = (0..20).map(|n| tags("probabilistic", ValueView::Int(n))).collect();
        let spans: Vec<(u64, &str, Tags<'_>)> = many.iter().map(|tags| (0, "buy", &tags[..])).collect();
        counter.count(&batch(&spans), &[]);
        let seen = counter.take();
        assert_eq!((seen[0].count, seen[0].probabilities.len()), (20, MOST_PROBABILITIES));
    }

    struct Answers(fn() -> Result<Written, WriteError>);

    #[async_trait]
    impl SpanWriter for Answers {
        async fn write(&self, _: &RequestContext, _: &SpanBatch) -> Result<Written, WriteError> {
            (self.0)()
        }
    }

    #[tokio::test]
    async fn what_is_not_stored_is_not_counted() {
        let half = tags("probabilistic", ValueView::Double(0.5));
        let batch = batch(&[(0, "first", &half), (0, "second", &half)]);
        let context = RequestContext::with_timeout(std::time::Duration::from_secs(1));
        let failing = || Err(WriteError::nothing_settled(WriteErrorKind::Busy, 2, "full"));
        let choosy = || {
            let (trace_id, span_id, reason) = (TraceId(1), SpanId(2), String::new());
            Ok(Written { stored: 1, rejected: vec![Rejection { index: 0, trace_id, span_id, reason }] })
        };
        let counter = Arc::new(ThroughputCounter::default());
        let writer = |answers| CountingWriter::new(Arc::new(Answers(answers)), Arc::clone(&counter));
        writer(failing).write(&context, &batch).await.unwrap_err();
        assert_eq!(counter.take(), []);
        writer(choosy).write(&context, &batch).await.unwrap();
        let seen: Vec<String> = counter.take().into_iter().map(|seen| seen.operation).collect();
        assert_eq!(seen, ["second"]);
    }
}
