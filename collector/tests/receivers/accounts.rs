//! Promise 2: received = stored + rejected + returned + in flight, over a run in which everything happens.

use std::sync::Arc;

use spoor_storage::WriteErrorKind;
use tokio::task::JoinSet;

use crate::client::{EXPORT, call, post};
use crate::fixture::Fixture;
use crate::requests::{JSON, good, otlp, span};
use crate::writer::Act;

/// One after the other, again and again.
const ACTS: [Act; 8] = [
    Act::Store,
    Act::Reject("poison"),
    Act::Fail(WriteErrorKind::Busy, None),
    Act::Fail(WriteErrorKind::Unavailable, None),
    Act::Fail(WriteErrorKind::DeadlineExceeded, None),
    Act::Half,
    Act::Lie,
    Act::Panic,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_balance_after_a_mixed_run() {
    let script = ACTS.into_iter().cycle().take(160);
    let fixture = Arc::new(Fixture::with_args(script, &["--collector.max-concurrent-requests=6"]));
    let mut senders = JoinSet::new();
    for sender in 0..8u64 {
        let (channel, address) = (fixture.otlp_grpc(), fixture.otlp_http);
        senders.spawn(async move {
            for round in 0..25u64 {
                let spans = (1..=7)
                    .map(|id| {
                        span(u128::from((id + round) % 5), id, if id % 3 == 0 { "poison" } else { "fine" })
                    })
                    .collect();
                let body = otlp(&format!("service {}", (sender + round) % 5), spans);
                let _ = call(&channel, EXPORT, &body).await;
                let _ =
                    post(address, "application/json", &[], JSON.repeat(usize::from(round % 4 != 3))).await;
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    fixture.accounts_add_up().await;
    let stored = fixture.metric("spoor_collector_spans_stored_total", "");
    assert_eq!(
        stored,
        f64::from(u32::try_from(fixture.writer.stored().len()).unwrap()),
        "counted is what is stored"
    );
    for heading in ["stored", "rejected", "returned"] {
        assert!(
            fixture.metric(&format!("spoor_collector_spans_{heading}_total"), "") > 0.0,
            "{heading} has happened"
        );
    }
    assert_eq!(fixture.metric("spoor_collector_spans_dropped_total", ""), 0.0);
    let received = fixture.metric("spoor_collector_spans_received_total", "");
    assert_eq!(
        fixture.metric("jaeger_collector_spans_received_total", ""),
        received,
        "Jaeger's counters agree"
    );
    assert_eq!(fixture.metric("jaeger_collector_spans_saved_by_svc_total", "ok"), stored);
    assert_eq!(fixture.metric("jaeger_collector_spans_saved_by_svc_total", "err"), received - stored);
}

#[tokio::test]
async fn service_names_are_bounded() {
    let fixture = Fixture::start([]);
    let channel = fixture.otlp_grpc();
    for first in (0..4_100u32).step_by(100) {
        let requests: Vec<_> =
            (first..first + 100).map(|n| otlp(&format!("svc-{n}"), vec![span(1, 1, "x")])).collect();
        // Requests put one behind the other are one request.
        call(&channel, EXPORT, &requests.concat()).await.unwrap();
    }
    assert_eq!(fixture.metric("jaeger_collector_spans_received_total", "other-services"), 100.0);
    assert_eq!(fixture.metric("jaeger_collector_spans_received_total", ""), 4_100.0);
    call(&channel, EXPORT, &good(1)).await.unwrap();
    assert_eq!(fixture.metric("jaeger_collector_spans_received_total", "other-services"), 101.0);
}

#[tokio::test]
async fn a_store_that_breaks_off_without_a_word_has_stored_nothing() {
    let fixture = Fixture::start([Act::Silent]);
    call(&fixture.otlp_grpc(), EXPORT, &good(3)).await.unwrap_err();
    assert_eq!(fixture.metric("spoor_collector_spans_stored_total", ""), 0.0);
    assert_eq!(fixture.metric("spoor_collector_spans_returned_total", "internal"), 3.0);
    assert_eq!(fixture.metric("jaeger_collector_spans_saved_by_svc_total", "err"), 3.0);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn jaegers_metrics_of_a_host_have_its_label_and_tell_of_room_size_and_names() {
    let fixture = Fixture::with_args([Act::Store], &["--collector.max-bytes-in-flight=67108864"]);
    let host = |name: &str| fixture.metric(&format!("jaeger_collector_{name}"), "host=\"here\"");
    assert_eq!(
        (host("queue_capacity"), host("spans_bytes"), host("spans_serviceNames")),
        (65_536.0, 0.0, 0.0)
    );
    let body = otlp("one", vec![span(1, 1, "a"), span(1, 2, "b")]);
    call(&fixture.otlp_grpc(), EXPORT, &body).await.unwrap();
    let size = f64::from(u32::try_from(body.len()).unwrap());
    assert_eq!((host("spans_bytes"), host("spans_serviceNames"), host("batch_size")), (size, 1.0, 2.0));
    let capacity = host("queue_capacity");
    let smallest = 67_108_864.0 / size;
    assert!(capacity >= 1.0 && capacity <= 2.0 * smallest, "{capacity}: a span holds its bytes at least");
    for (name, kind) in [
        ("spans_dropped", "counter"),
        ("batch_size", "gauge"),
        ("queue_length", "gauge"),
        ("queue_capacity", "gauge"),
        ("spans_bytes", "gauge"),
        ("spans_serviceNames", "gauge"),
        ("in_queue_latency", "histogram"),
        ("save_latency", "histogram"),
    ] {
        let text = fixture.metrics_text();
        let samples = text.lines().filter(|line| line.starts_with(&format!("jaeger_collector_{name}")));
        assert!(text.contains(&format!("# TYPE jaeger_collector_{name} {kind}\n")), "{name}: {text}");
        assert!(
            samples.clone().count() > 0 && samples.clone().all(|line| line.contains("host=\"here\"")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn rejected_roots_are_counted_as_rejected_traces_under_jaegers_labels() {
    let fixture = Fixture::start([Act::Reject("poison")]);
    let child = opentelemetry_proto::tonic::trace::v1::Span {
        parent_span_id: 1_u64.to_be_bytes().to_vec(),
        ..span(1, 3, "poison")
    };
    let body = otlp("Shop 1", vec![span(1, 1, "fine"), span(1, 2, "poison"), child]);
    call(&fixture.otlp_grpc(), EXPORT, &body).await.unwrap();
    let labels = r#"{svc="shop_1",debug="false",format="otlp",transport="grpc",sampler_type="unrecognized"}"#;
    let count = |name: &str| fixture.metric(&format!("jaeger_collector_traces_{name}_total"), labels);
    assert_eq!((count("received"), count("rejected")), (2.0, 1.0));
    assert_eq!(fixture.metric("jaeger_collector_spans_rejected_total", "shop_1"), 2.0);
}
