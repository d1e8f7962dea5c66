//! Claims about the door in: whole, once, by the deadline.

use std::time::Duration;

use futures::future::join_all;
use spoor_model::nested::{ListView, MapView, encode_list, encode_map};
use spoor_model::{
    ReferenceKind, SpanBatch, SpanKind, StatusCode, TraceLookup, UnixNanos, ValueView, jaeger,
};

use super::{
    Fixture, Sample, SampleEvent, SampleLink, batch_of, collect, context, read, shown, some_minutes_ago,
    store_all, store_samples, trace_id,
};
use crate::{RequestContext, WriteErrorKind};

/// Writes the samples (of one trace) and demands exactly them back.
async fn come_back(store: &dyn Fixture, samples: &[Sample<'_>]) {
    let batch = batch_of(samples);
    store_all(store, &batch).await;
    let mut spans = read(store, samples[0].trace_id).await;
    spans.sort();
    assert_eq!(spans, shown(&batch));
}

/// A trace of several services comes back with all that Jaeger shows of it.
pub async fn what_was_acknowledged_is_found_whole(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let root = Sample::new(trace_id(1), 1, base).with("customer", ValueView::Str("Łódź 東京 🛒"));
    let child = Sample {
        parent: 1,
        service: "płatności",
        name: "Überweisung 支払い \"now\" \\ <b>&",
        start: base.saturating_add(Duration::from_nanos(1_234_567)),
        duration: Duration::from_nanos(987_654_321),
        resource: vec![("host.name", ValueView::Str("a-1")), ("process.pid", ValueView::Int(77))],
        ..Sample::new(trace_id(1), 2, base)
    };
    let instant = Sample { parent: 2, duration: Duration::ZERO, ..Sample::new(trace_id(1), u64::MAX, base) };
    let elsewhere = Sample::new(trace_id(2), 1, base);
    store_samples(store, &[elsewhere]).await;
    come_back(store, &[root, child, instant]).await;
}

/// All types of values, with their extremes, on span, resource and event; keys of every shape.
pub async fn every_kind_of_value_comes_back(store: &dyn Fixture) {
    let (mut list, mut map) = (Vec::new(), Vec::new());
    encode_list(&mut list, [ValueView::Str("é\"\n"), ValueView::Int(i64::MIN), ValueView::Empty]);
    encode_map(&mut map, [("list", ValueView::List(ListView::new(&list))), ("truth", ValueView::Bool(true))]);
    let values = [
        ("text", ValueView::Str("a \"quoted\" \\ line\nand\ttabs \u{1}\u{7f} é 🚀")),
        ("text.empty", ValueView::Str("")),
        ("text.number", ValueView::Str("42")),
        ("yes", ValueView::Bool(true)),
        ("no", ValueView::Bool(false)),
        ("int.max", ValueView::Int(i64::MAX)),
        ("int.min", ValueView::Int(i64::MIN)),
        ("int.odd", ValueView::Int(9_007_199_254_740_993)),
        ("double", ValueView::Double(0.1)),
        ("double.whole", ValueView::Double(1.0)),
        ("double.max", ValueView::Double(f64::MAX)),
        ("double.tiny", ValueView::Double(5e-324)),
        ("double.nan", ValueView::Double(f64::NAN)),
        ("double.inf", ValueView::Double(f64::INFINITY)),
        ("double.-inf", ValueView::Double(f64::NEG_INFINITY)),
        ("bytes", ValueView::Bytes(b"\x00\xff\x80binary")),
        ("bytes.empty", ValueView::Bytes(b"")),
        ("list", ValueView::List(ListView::new(&list))),
        ("map", ValueView::Map(MapView::new(&map))),
        ("list.empty", ValueView::List(ListView::default())),
        ("empty", ValueView::Empty),
        ("user@host", ValueView::Str("at")),
        ("ключ", ValueView::Str("значение")),
        ("spaces and \"quotes\"", ValueView::Int(0)),
    ];
    let base = some_minutes_ago();
    let event = SampleEvent { time: base, name: "values", attributes: values.to_vec() };
    let sample = Sample {
        attributes: values.to_vec(),
        resource: values.to_vec(),
        events: vec![event],
        ..Sample::new(trace_id(1), 1, base)
    };
    come_back(store, &[sample]).await;
}

/// Events with and without names, links of all kinds, a parent that is linked to as well.
pub async fn events_and_references_come_back(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let later = |micros| base.saturating_add(Duration::from_micros(micros));
    let event = |micros, name, attributes| SampleEvent { time: later(micros), name, attributes };
    let link = |number, span_id, kind| SampleLink { trace_id: trace_id(number), span_id, kind };
    let events = vec![
        event(1, "cache miss", vec![("key", ValueView::Str("k1"))]),
        event(1, "", vec![("message", ValueView::Str("no name"))]),
        event(2, "named twice", vec![(jaeger::EVENT, ValueView::Str("by attribute"))]),
        event(7, "bare", vec![]),
    ];
    let links = vec![
        link(9, 5, ReferenceKind::Link),
        link(1, 7, ReferenceKind::ChildOf),
        link(8, 6, ReferenceKind::FollowsFrom),
    ];
    let child = Sample { parent: 1, events, links, ..Sample::new(trace_id(1), 2, later(5)) };
    let follower = Sample {
        parent: 1,
        links: vec![link(1, 1, ReferenceKind::FollowsFrom)],
        ..Sample::new(trace_id(1), 3, later(6))
    };
    let root = Sample { links: vec![link(4, 4, ReferenceKind::Link)], ..Sample::new(trace_id(1), 1, base) };
    come_back(store, &[root, child, follower]).await;
}

/// Every kind, every status with and without words, trace state, scope.
pub async fn kind_status_and_scope_come_back(store: &dyn Fixture) {
    let kinds = [
        SpanKind::Unspecified,
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let statuses = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error];
    let base = some_minutes_ago();
    let mut samples = Vec::new();
    for kind in kinds {
        for status in statuses {
            for status_message in ["", "deadline exceeded: \"5s\""] {
                let span_id = samples.len() as u64 + 1;
                samples.push(Sample {
                    kind,
                    status,
                    status_message,
                    scope: ("io.example.http", if status_message.is_empty() { "" } else { "1.2.3" }),
                    trace_state: if status == StatusCode::Ok { "vendor=abc,other=1" } else { "" },
                    ..Sample::new(trace_id(1), span_id, base)
                });
            }
        }
    }
    come_back(store, &samples).await;
}

/// A span's warnings are still a list of warnings.
pub async fn warnings_come_back(store: &dyn Fixture) {
    let mut batch = batch_of(&[Sample::new(trace_id(1), 1, some_minutes_ago())]);
    jaeger::add_warning(&mut batch, 0, "clock skew");
    jaeger::add_warning(&mut batch, 0, "a \"second\" one");
    store_all(store, &batch).await;
    assert_eq!(read(store, trace_id(1)).await, shown(&batch));
}

/// Nothing is cut: a value of 100,000 bytes, and names longer than an index takes as a term.
pub async fn long_texts_come_back(store: &dyn Fixture) {
    let value = "x y ".repeat(25_000);
    let long_name = "n".repeat(2_000);
    let long_key = "k".repeat(500);
    let sample = Sample { name: &long_name, ..Sample::new(trace_id(1), 1, some_minutes_ago()) }
        .with("long", ValueView::Str(&value))
        .with(&long_key, ValueView::Bool(true));
    come_back(store, &[sample]).await;
}

/// The same batch again, the same span twice in a batch, and the same span among others: one span.
pub async fn writing_the_same_again_stores_nothing_twice(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let one = Sample { status: StatusCode::Error, ..Sample::new(trace_id(1), 1, base) }
        .with("k", ValueView::Str("v"));
    let two = Sample { parent: 1, service: "stock", ..Sample::new(trace_id(1), 2, base) };
    let batch = batch_of(&[one.clone(), two.clone()]);
    store_all(store, &batch).await;
    store_all(store, &batch).await;
    store_samples(store, &[two.clone(), two, Sample::new(trace_id(2), 9, base), one]).await;
    let mut spans = read(store, trace_id(1)).await;
    spans.sort();
    assert_eq!(spans, shown(&batch));
}

/// Client and server halves under one id (Zipkin), or a clash: spans of different content are different spans.
pub async fn spans_that_share_an_id_are_all_kept(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let client = Sample { kind: SpanKind::Client, ..Sample::new(trace_id(1), 1, base) };
    let server = Sample { service: "stock", ..Sample::new(trace_id(1), 1, base) };
    let again = Sample { attributes: vec![("attempt", ValueView::Int(2))], ..client.clone() };
    come_back(store, &[client, server, again]).await;
}

/// Nothing to do is done at once.
pub async fn an_empty_batch_is_stored_trivially(store: &dyn Fixture) {
    store_all(store, &SpanBatch::default()).await;
    assert!(read(store, trace_id(1)).await.is_empty());
}

/// Twenty writers, their traces shared: every acknowledged span is there, once.
pub async fn many_writers_at_once_lose_nothing(store: &dyn Fixture) {
    const WRITERS: u64 = 20;
    const SPANS: u64 = 30;
    let base = some_minutes_ago();
    let batches: Vec<SpanBatch> = (0..WRITERS)
        .map(|writer| {
            let span = |span| {
                let id = writer * SPANS + span + 1;
                Sample::new(trace_id(span % 3), id, base.saturating_add(Duration::from_millis(id)))
            };
            batch_of(&(0..SPANS).map(span).collect::<Vec<_>>())
        })
        .collect();
    let context = context();
    let writes = batches.iter().map(|batch| store.writer().write(&context, batch));
    for (written, batch) in join_all(writes).await.into_iter().zip(&batches) {
        let written = written.expect("every writer is answered");
        assert_eq!((written.stored, written.rejected.len()), (batch.len(), 0));
    }
    store.settle().await;
    for trace in 0..3 {
        let ids: Vec<u64> = read(store, trace_id(trace)).await.iter().map(|span| span.span_id.0).collect();
        let expected: Vec<u64> =
            (0..WRITERS * SPANS).filter(|id| id % SPANS % 3 == trace).map(|id| id + 1).collect();
        assert_eq!(ids, expected, "spans of trace {trace}");
    }
}

/// A deadline in the past is an error at once, and what it says about the spans adds up.
pub async fn a_write_past_its_deadline_says_so(store: &dyn Fixture) {
    let batch = batch_of(&[Sample::new(trace_id(1), 1, some_minutes_ago())]);
    let late = RequestContext::with_timeout(Duration::ZERO);
    let write = store.writer().write(&late, &batch);
    let outcome = tokio::time::timeout(Duration::from_secs(20), write).await.expect("no hang");
    let error = outcome.expect_err("the time is up");
    assert_eq!(error.kind, WriteErrorKind::DeadlineExceeded);
    assert_eq!(error.attempted, 1);
    assert_eq!(error.settled.stored + error.settled.rejected.len() + error.unfinished.len(), 1);
    // What is unfinished may be written again and is then there once.
    store_all(store, &batch).await;
    let context = context();
    let hint = Some(spoor_model::TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX });
    let lookup = TraceLookup { trace_id: trace_id(1), hint };
    let stream = store.reader().trace(&context, &lookup).await.expect("the trace can be asked for");
    let traces = collect(stream).await.expect("the trace comes whole");
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].spans, shown(&batch));
}
