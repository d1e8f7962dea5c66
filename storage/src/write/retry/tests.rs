//! Claims about repeated writes. Time is paused; the store behind the writer is a script.

use std::collections::VecDeque;
use std::sync::Mutex;

use prometheus_client::registry::Registry;
use proptest::prelude::*;
use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow, TraceId};

use super::*;
use crate::Rejection;

/// Answers by the script, one step an attempt; an attempt beyond the script fails the test.
struct Scripted {
    steps: Mutex<VecDeque<Step>>,
    /// When each attempt came, and the ids of its spans.
    attempts: Mutex<Vec<(Instant, Vec<u64>)>>,
}

enum Step {
    Hang,
    Store,
    Fail(WriteErrorKind, Option<Duration>),
    /// Stores some, rejects some, leaves the rest open: positions in the attempt's batch.
    Part {
        rejected: Vec<usize>,
        unfinished: Vec<usize>,
    },
    Answer(Result<Written, WriteError>),
}

impl Scripted {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: Mutex::new(steps.into_iter().collect()), attempts: Mutex::new(Vec::new()) }
    }

    fn attempted_ids(&self) -> Vec<Vec<u64>> {
        self.attempts.lock().unwrap().iter().map(|(_, ids)| ids.clone()).collect()
    }
}

#[async_trait]
impl SpanWriter for Scripted {
    async fn write(&self, _context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let ids = batch.spans().map(|span| span.span_id().0).collect();
        self.attempts.lock().unwrap().push((Instant::now(), ids));
        let step = self.steps.lock().unwrap().pop_front().expect("an attempt more than the script has");
        match step {
            Step::Hang => std::future::pending().await,
            Step::Store => Ok(Written { stored: batch.len(), rejected: Vec::new() }),
            Step::Fail(kind, retry_after) => {
                Err(WriteError { retry_after, ..WriteError::nothing_settled(kind, batch.len(), "down") })
            }
            Step::Part { rejected, unfinished } => part(batch, &rejected, unfinished),
            Step::Answer(answer) => answer,
        }
    }
}

fn rejection(batch: &SpanBatch, index: usize) -> Rejection {
    let span = batch.span(index).unwrap();
    Rejection { index, trace_id: span.trace_id(), span_id: span.span_id(), reason: "poison".to_owned() }
}

fn part(batch: &SpanBatch, rejected: &[usize], unfinished: Vec<usize>) -> Result<Written, WriteError> {
    let stored = batch.len() - rejected.len() - unfinished.len();
    let rejected = rejected.iter().map(|&index| rejection(batch, index)).collect();
    let settled = Written { stored, rejected };
    if unfinished.is_empty() {
        return Ok(settled);
    }
    let kind = WriteErrorKind::Busy;
    Err(WriteError { settled, unfinished, ..WriteError::nothing_settled(kind, batch.len(), "429") })
}

/// By the paused clock.
fn context(timeout: Duration) -> RequestContext {
    let deadline = (Instant::now() + timeout).into_std();
    RequestContext { deadline, ..RequestContext::with_timeout(timeout) }
}

/// Spans with the ids 0, 1, 2 …
fn batch(spans: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let resource = builder.push_resource(ResourceRow::default());
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    for id in 0..spans {
        builder.push_span(SpanRow { trace_id: TraceId(7), span_id: SpanId(id), scope, ..SpanRow::default() });
    }
    builder.finish().unwrap()
}

fn retrying(steps: impl IntoIterator<Item = Step>) -> RetryingWriter<Scripted> {
    RetryingWriter::new(Scripted::new(steps), RetryPolicy::default(), RetryMetrics::default())
}

async fn write(
    writer: &RetryingWriter<Scripted>,
    spans: u64,
    timeout: Duration,
) -> Result<Written, WriteError> {
    let asked = Instant::now();
    let context = context(timeout);
    let outcome = writer.write(&context, &batch(spans)).await;
    assert!(asked.elapsed() < timeout.max(Duration::from_millis(1)), "answered after {:?}", asked.elapsed());
    outcome
}

fn indices(rejected: &[Rejection]) -> Vec<(usize, u64)> {
    rejected.iter().map(|rejection| (rejection.index, rejection.span_id.0)).collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn writes_once_when_all_goes_well() {
    let writer = retrying([Step::Store]);
    let written = write(&writer, 3, MINUTE).await.unwrap();
    assert_eq!(written, Written { stored: 3, rejected: vec![] });
    assert_eq!(writer.inner.attempted_ids(), [[0, 1, 2]]);
}

#[tokio::test(start_paused = true)]
async fn writes_again_what_is_unfinished_and_only_that() {
    let writer = retrying([
        Step::Part { rejected: vec![1], unfinished: vec![2, 3, 5] },
        Step::Part { rejected: vec![0, 2], unfinished: vec![1] },
        Step::Fail(WriteErrorKind::Unavailable, None),
        Step::Store,
    ]);
    let written = write(&writer, 6, MINUTE).await.unwrap();
    assert_eq!(writer.inner.attempted_ids(), [vec![0, 1, 2, 3, 4, 5], vec![2, 3, 5], vec![3], vec![3]]);
    assert_eq!(written.stored, 3);
    assert_eq!(indices(&written.rejected), [(1, 1), (2, 2), (5, 5)]);
}

#[tokio::test(start_paused = true)]
async fn waits_longer_from_attempt_to_attempt_but_not_beyond_the_policy() {
    let failures = (0..12).map(|_| Step::Fail(WriteErrorKind::Busy, None));
    let writer = retrying(failures.chain([Step::Store]));
    write(&writer, 1, MINUTE * 10).await.unwrap();
    let attempts = writer.inner.attempts.lock().unwrap();
    for (number, pair) in attempts.windows(2).enumerate() {
        let waited = pair[1].0 - pair[0].0;
        let failures = u32::try_from(number).unwrap() + 1;
        let most = writer.policy.delay(failures, None, 1.0) + Duration::from_millis(1);
        assert!(waited >= Duration::from_millis(1) && waited <= most, "wait {number}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_the_store_asks() {
    let asked = Duration::from_secs(20);
    let writer = retrying([Step::Fail(WriteErrorKind::Busy, Some(asked)), Step::Store]);
    write(&writer, 1, MINUTE).await.unwrap();
    let attempts = writer.inner.attempts.lock().unwrap();
    assert!(attempts[1].0 - attempts[0].0 >= asked);
}

#[tokio::test(start_paused = true)]
async fn answers_at_once_when_the_store_asks_for_more_time_than_there_is() {
    let asked = Some(Duration::from_secs(90));
    let writer = retrying([Step::Fail(WriteErrorKind::Busy, asked)]);
    let began = Instant::now();
    let error = write(&writer, 2, MINUTE).await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (WriteErrorKind::Busy, asked));
    assert_eq!(error.unfinished, [0, 1]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn gives_up_before_the_deadline_and_tells_what_is_settled_by_the_callers_positions() {
    let fail = || Step::Fail(WriteErrorKind::Unavailable, Some(Duration::from_secs(2)));
    let first = Step::Part { rejected: vec![0], unfinished: vec![3, 1] };
    let writer = retrying([first, fail(), fail(), fail()]);
    let error = write(&writer, 4, Duration::from_secs(6)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Unavailable);
    assert_eq!(error.attempted, 4);
    assert_eq!(error.settled.stored, 1);
    assert_eq!(indices(&error.settled.rejected), [(0, 0)]);
    assert_eq!(error.unfinished, [1, 3]);
    assert_eq!(error.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(error.to_string(), "store 4 spans: 2 not stored yet: down");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_in_time() {
    let writer = retrying([Step::Part { rejected: vec![], unfinished: vec![1] }, Step::Hang]);
    let error = write(&writer, 2, MINUTE).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::DeadlineExceeded);
    assert_eq!((error.settled.stored, error.unfinished), (1, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn what_a_store_tells_at_its_deadline_is_not_lost() {
    struct JustInTime;
    #[async_trait]
    impl SpanWriter for JustInTime {
        async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
            // On a busy machine the moment passes before the store's task has its turn.
            let turn = Instant::from_std(context.deadline) + Duration::from_millis(10);
            tokio::time::sleep_until(turn).await;
            let kind = WriteErrorKind::DeadlineExceeded;
            let settled = Written { stored: 1, rejected: Vec::new() };
            let late = WriteError::nothing_settled(kind, batch.len(), "late");
            Err(WriteError { settled, unfinished: vec![1], ..late })
        }
    }
    let writer = RetryingWriter::new(JustInTime, RetryPolicy::default(), RetryMetrics::default());
    let context = context(MINUTE);
    let error = writer.write(&context, &batch(2)).await.unwrap_err();
    assert_eq!((error.settled.stored, error.unfinished), (1, vec![1]));
    assert!(Instant::now() < Instant::from_std(context.deadline));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_costs_no_attempt() {
    let writer = retrying([]);
    let error = write(&writer, 2, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::DeadlineExceeded);
    assert_eq!(error.unfinished, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_store_is_told_an_earlier_deadline_than_the_callers() {
    struct Watches(Mutex<Option<std::time::Instant>>);
    #[async_trait]
    impl SpanWriter for Watches {
        async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
            *self.0.lock().unwrap() = Some(context.deadline);
            Ok(Written { stored: batch.len(), rejected: Vec::new() })
        }
    }
    let writer =
        RetryingWriter::new(Watches(Mutex::default()), RetryPolicy::default(), RetryMetrics::default());
    let context = context(MINUTE);
    writer.write(&context, &batch(1)).await.unwrap();
    let told = writer.inner.0.lock().unwrap().unwrap();
    assert_eq!(context.deadline - told, ANSWER_ROOM);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_does_not_add_up_is_not_believed() {
    let short = Written { stored: 1, rejected: Vec::new() };
    let twice = Written { stored: 0, rejected: vec![rejection(&batch(2), 1), rejection(&batch(2), 1)] };
    let mut beyond = WriteError::nothing_settled(WriteErrorKind::Busy, 2, "429");
    beyond.unfinished = vec![0, 2];
    let long = Written { stored: 3, rejected: Vec::new() };
    let steps = [Ok(short), Ok(long), Ok(twice), Err(beyond)].map(Step::Answer);
    let writer = retrying(steps.into_iter().chain([Step::Store]));
    let written = write(&writer, 2, MINUTE).await.unwrap();
    assert_eq!(written, Written { stored: 2, rejected: vec![] });
    assert_eq!(writer.inner.attempted_ids(), vec![vec![0, 1]; 5]);
}

#[tokio::test(start_paused = true)]
async fn counts_what_is_repeated_by_its_cause() {
    let mut registry = Registry::default();
    let metrics = RetryMetrics::register(&mut registry);
    let script = Scripted::new([
        Step::Fail(WriteErrorKind::Unavailable, None),
        Step::Part { rejected: vec![], unfinished: vec![0, 1] },
        Step::Store,
    ]);
    let writer = RetryingWriter::new(script, RetryPolicy::default(), metrics);
    write(&writer, 5, MINUTE).await.unwrap();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "spoor_storage_write_retries_total{cause=\"unavailable\"} 1",
        "spoor_storage_write_retries_total{cause=\"busy\"} 1",
        "spoor_storage_write_retried_spans_total{cause=\"unavailable\"} 5",
        "spoor_storage_write_retried_spans_total{cause=\"busy\"} 2",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

/// A store that settles each span it is asked about by chance, remembers how, and never wants to see it again.
struct Chancy {
    chance: Mutex<fastrand::Rng>,
    fates: Mutex<Vec<Option<bool>>>,
}

#[async_trait]
impl SpanWriter for Chancy {
    async fn write(&self, _context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let mut chance = self.chance.lock().unwrap();
        let mut fates = self.fates.lock().unwrap();
        let (mut rejected, mut unfinished) = (Vec::new(), Vec::new());
        for (index, span) in batch.spans().enumerate() {
            let fate = &mut fates[usize::try_from(span.span_id().0).unwrap()];
            assert_eq!(*fate, None, "a settled span is not written again");
            match chance.u8(0..4) {
                0 => *fate = Some(true),
                1 => {
                    *fate = Some(false);
                    rejected.push(index);
                }
                _ => unfinished.push(index),
            }
        }
        part(batch, &rejected, unfinished)
    }
}

proptest! {
    #[test]
    fn every_span_is_settled_once_or_unfinished(seed: u64, spans in 0_usize..40, timeout_ms in 1_u64..3_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let store = Chancy {
            chance: Mutex::new(fastrand::Rng::with_seed(seed)),
            fates: Mutex::new(vec![None; spans]),
        };
        let writer = RetryingWriter::new(store, RetryPolicy::default(), RetryMetrics::default());
        let outcome = runtime.unwrap().block_on(async {
            writer.write(&context(Duration::from_millis(timeout_ms)), &batch(spans as u64)).await
        });
        let (settled, unfinished) = match outcome {
            Ok(written) => (written, Vec::new()),
            Err(error) => (error.settled, error.unfinished),
        };
        let fates = writer.inner.fates.lock().unwrap();
        let having = |fate| (0..spans).filter(|&index| fates[index] == fate).collect::<Vec<_>>();
        prop_assert_eq!(settled.stored, having(Some(true)).len());
        let rejected: Vec<usize> = settled.rejected.iter().map(|rejection| rejection.index).collect();
        prop_assert_eq!(rejected, having(Some(false)));
        prop_assert!(settled.rejected.iter().all(|rejection| rejection.span_id.0 == rejection.index as u64));
        prop_assert_eq!(unfinished, having(None));
    }
}
