//! Claims about traces asked for by id.

use std::time::Duration;

use futures::TryStreamExt;
use spoor_model::{OperationQuery, TimeRange, TraceId, TraceLookup, TraceQuery, UnixNanos, ValueView};

use super::searching::query;
use super::{
    Fixture, Sample, batch_of, collect, context, found, read, shown, some_minutes_ago, store_samples,
    trace_id,
};
use crate::{ReadError, ReadErrorKind, RequestContext, SpanStream};

/// Before the first span every question has an empty answer.
pub async fn an_empty_store_answers_with_nothing(store: &dyn Fixture) {
    let context = context();
    let reader = store.reader();
    assert_eq!(reader.services(&context).await.expect("services"), Vec::<String>::new());
    let operations = OperationQuery { service: "shop".to_owned(), span_kind: None };
    assert_eq!(reader.operations(&context, &operations).await.expect("operations"), []);
    assert_eq!(read(store, trace_id(1)).await, []);
    assert_eq!(found(store, &query(some_minutes_ago())).await, []);
}

/// An id that nobody wrote is no error.
pub async fn an_unknown_trace_is_an_empty_stream(store: &dyn Fixture) {
    store_samples(store, &[Sample::new(trace_id(1), 1, some_minutes_ago())]).await;
    assert_eq!(read(store, trace_id(2)).await, []);
    assert_eq!(read(store, TraceId(1)).await, [], "the low half alone is another trace");
}

/// Written in several requests and out of order, read in the order of start times.
pub async fn a_trace_comes_back_in_order_of_start_times(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let sample =
        |id: u64, micros| Sample::new(trace_id(1), id, base.saturating_add(Duration::from_micros(micros)));
    let requests =
        [vec![sample(1, 900), sample(2, 100)], vec![sample(3, 500)], vec![sample(4, 101), sample(5, 0)]];
    for request in &requests {
        store_samples(store, request).await;
    }
    let ids: Vec<u64> = read(store, trace_id(1)).await.iter().map(|span| span.span_id.0).collect();
    assert_eq!(ids, [5, 2, 4, 3, 1]);
}

/// 12,000 spans, more than a page of any store, thousands of them at one microsecond.
pub async fn a_large_trace_of_one_start_time_comes_back_whole(store: &dyn Fixture) {
    const SPANS: u64 = 12_000;
    let base = some_minutes_ago();
    for first in (1..=SPANS).step_by(2_000) {
        let samples: Vec<_> = (first..first + 2_000)
            .map(|id| {
                let start = if id > SPANS - 100 { Duration::from_micros(id) } else { Duration::ZERO };
                Sample::new(trace_id(1), id, base.saturating_add(start))
            })
            .collect();
        let written = store.writer().write(&context(), &batch_of(&samples)).await.expect("acknowledged");
        assert_eq!((written.stored, written.rejected.len()), (samples.len(), 0));
    }
    store.settle().await;
    let mut ids: Vec<u64> = read(store, trace_id(1)).await.iter().map(|span| span.span_id.0).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=SPANS), "{} of {SPANS} spans came back", ids.len());
}

/// A trace of a 64-bit client is found by its id and by a search.
pub async fn trace_ids_of_64_bits_are_found(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let short = TraceId(0x00ab_cdef_0123_4567);
    let batch = batch_of(&[Sample::new(short, 1, base)]);
    store_samples(store, &[Sample::new(short, 1, base), Sample::new(trace_id(1), 1, base)]).await;
    assert_eq!(read(store, short).await, shown(&batch));
    let mut both = found(store, &query(base)).await;
    both.sort();
    assert_eq!(both, [short, trace_id(1)]);
}

/// A hint that is right, too narrow, or far off changes nothing about the answer.
pub async fn the_hint_never_hides_spans(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let samples = [
        Sample::new(trace_id(1), 1, base),
        Sample::new(trace_id(1), 2, base.saturating_add(Duration::from_secs(300))),
        Sample::new(trace_id(1), 3, base.saturating_sub(Duration::from_secs(7_200))),
    ];
    store_samples(store, &samples).await;
    let day = Duration::from_secs(86_400);
    let hints = [
        (base, base.saturating_add(Duration::from_secs(301))),
        (base, base),
        (base.saturating_sub(day * 30), base.saturating_sub(day * 29)),
        (UnixNanos::ZERO, UnixNanos::MAX),
        (base.saturating_add(day), base),
    ];
    for (start, end) in hints {
        let context = context();
        let lookup = TraceLookup { trace_id: trace_id(1), hint: Some(TimeRange { start, end }) };
        let stream = store.reader().trace(&context, &lookup).await.expect("the trace can be asked for");
        let traces = collect(stream).await.expect("the trace comes whole");
        assert_eq!(traces.len(), 1);
        let ids: Vec<u64> = traces[0].spans.iter().map(|span| span.span_id.0).collect();
        assert_eq!(ids, [3, 1, 2], "hint {start:?} to {end:?}");
    }
}

/// Every question with a deadline in the past is answered with an error, not with silence and not with less.
pub async fn a_read_past_its_deadline_says_so(store: &dyn Fixture) {
    let base = some_minutes_ago();
    store_samples(store, &[Sample::new(trace_id(1), 1, base).with("k", ValueView::Int(1))]).await;
    let late = RequestContext::with_timeout(Duration::ZERO);
    let reader = store.reader();
    let operations = OperationQuery { service: "shop".to_owned(), span_kind: None };
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let search = TraceQuery { limit: 20, ..query(base) };
    let all = async {
        [
            reader.services(&late).await.map(|_| ()),
            reader.operations(&late, &operations).await.map(|_| ()),
            drain(reader.trace(&late, &lookup).await).await,
            drain(reader.find_traces(&late, &search).await).await,
        ]
    };
    let outcomes = tokio::time::timeout(Duration::from_secs(20), all).await.expect("no hang");
    for (question, outcome) in ["services", "operations", "trace", "find_traces"].iter().zip(outcomes) {
        let error = outcome.expect_err(question);
        assert_eq!(error.kind, ReadErrorKind::DeadlineExceeded, "{question}: {error}");
    }
}

async fn drain(stream: Result<SpanStream<'_>, ReadError>) -> Result<(), ReadError> {
    stream?.try_for_each(|_| std::future::ready(Ok(()))).await
}
