//! OTLP by gRPC: success only when stored, and the right code for everything else.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use spoor_storage::WriteErrorKind;
use tonic::Code;
use tonic_types::StatusExt;

use crate::client::{EXPORT, call, call_compressed, call_framed};
use crate::fixture::Fixture;
use crate::requests::{good, gzip, otlp, span, zstd};
use crate::writer::Act;

#[tokio::test]
async fn success_comes_only_after_the_write() {
    let fixture = Fixture::start([Act::Gated]);
    let channel = fixture.otlp_grpc();
    let answer = tokio::spawn(async move { call(&channel, EXPORT, &good(3)).await });
    fixture.writer.has_begun().await;
    assert!(!answer.is_finished());
    assert_eq!(fixture.metric("spoor_collector_spans_in_flight", ""), 3.0);
    fixture.writer.gate.add_permits(1);
    assert_eq!(answer.await.unwrap().unwrap(), "", "an empty message is full success");
    let stored = fixture.writer.stored();
    assert_eq!(stored.len(), 3);
    assert_eq!((stored[0].service.as_str(), stored[0].name.as_str()), ("shop", "checkout"));
    fixture.accounts_add_up().await;
    fixture.stop().await;
}

#[tokio::test]
async fn compressed_messages_are_taken() {
    let fixture = Fixture::start([]);
    let channel = fixture.otlp_grpc();
    call_compressed(&channel, EXPORT, "gzip", &gzip(&good(2))).await.unwrap();
    call_compressed(&channel, EXPORT, "zstd", &zstd(&good(2))).await.unwrap();
    assert_eq!(fixture.writer.stored().len(), 4);
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let fixture = Fixture::start([]);
    assert_eq!(call(&fixture.otlp_grpc(), EXPORT, &[]).await.unwrap(), "");
}

#[tokio::test]
async fn a_store_that_fails_is_a_retryable_error_with_a_time() {
    let asked = Some(Duration::from_secs(30));
    let fixture = Fixture::start([
        Act::Fail(WriteErrorKind::Busy, None),
        Act::Fail(WriteErrorKind::Unavailable, asked),
        Act::Fail(WriteErrorKind::DeadlineExceeded, None),
    ]);
    let channel = fixture.otlp_grpc();
    let mut pauses = Vec::new();
    for code in [Code::ResourceExhausted, Code::Unavailable, Code::Unavailable] {
        let status = call(&channel, EXPORT, &good(2)).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        pauses.push(status.get_details_retry_info().expect("when to send again").retry_delay);
    }
    assert_eq!(pauses[1], asked, "the store's own wish");
    call(&channel, EXPORT, &good(2)).await.unwrap();
    assert_eq!(fixture.metric("spoor_collector_spans_returned_total", ""), 6.0);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn rejected_spans_are_named_in_a_partial_success() {
    let fixture = Fixture::start([Act::Reject("poison")]);
    let spans = vec![span(0, 7, "no trace"), span(1, 2, "fine"), span(1, 3, "poison"), span(1, 4, "fine")];
    let answer = call(&fixture.otlp_grpc(), EXPORT, &otlp("shop", spans)).await.unwrap();
    let partial = ExportTraceServiceResponse::decode(answer).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    let text = partial.error_message;
    assert!(text.contains("span 0000000000000007: the trace id is zero"), "{text}");
    assert!(text.contains("span 0000000000000003: mapping conflict"), "{text}");
    assert_eq!(fixture.writer.stored().iter().map(|span| span.span_id).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(fixture.metric("spoor_collector_spans_rejected_total", "reason=\"store\""), 1.0);
    assert_eq!(fixture.metric("spoor_collector_spans_rejected_total", "reason=\"invalid_id\""), 1.0);
    assert_eq!(fixture.metric("jaeger_collector_spans_rejected_total", "svc=\"shop\""), 2.0);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn what_is_not_a_request_is_an_internal_error() {
    let fixture = Fixture::start([]);
    let channel = fixture.otlp_grpc();
    let status = call(&channel, EXPORT, b"\x0a\xff\xff\xff\xff\x0f").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    let cut = gzip(&good(50));
    let status = call_compressed(&channel, EXPORT, "gzip", &cut[..cut.len() / 2]).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    let status = call_framed(&channel, EXPORT, &[], (&b"\0\0\0\0\x09abc"[..]).into()).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    assert_eq!(fixture.metric("spoor_collector_requests_refused_total", "undecodable"), 3.0);
}

#[tokio::test]
async fn unknown_encodings_methods_and_content_types_are_refused() {
    let fixture = Fixture::start([]);
    let channel = fixture.otlp_grpc();
    let status = call_compressed(&channel, EXPORT, "snappy", b"x").await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
    let known = status.metadata().get("grpc-accept-encoding").expect("the encodings that are known");
    assert_eq!(known, "identity,gzip,zstd,deflate");
    let status = call(&channel, "/nobody.Knows/This", b"").await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
    let headers = [("content-type", "application/json")];
    let request = http::Request::post(EXPORT).header(headers[0].0, headers[0].1);
    let request = request.body(tonic::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(channel, request).await.unwrap();
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn the_senders_deadline_bounds_the_write() {
    let fixture = Fixture::with_args([], &["--collector.write-timeout=60s"]);
    let channel = fixture.otlp_grpc();
    call(&channel, EXPORT, &good(1)).await.unwrap();
    let body = spoor_net::grpc::frame(&good(1));
    call_framed(&channel, EXPORT, &[("grpc-timeout", "30S")], body.clone()).await.unwrap();
    call_framed(&channel, EXPORT, &[("grpc-timeout", "600S")], body).await.unwrap();
    let patience: Vec<_> = fixture.writer.patience().iter().map(Duration::as_secs_f64).collect();
    // A busy machine may take some of it before the write begins.
    assert!(patience[0] > 30.0 && patience[0] <= 60.0, "{patience:?}");
    assert!(patience[1] > 5.0 && patience[1] <= 30.0, "{patience:?}");
    assert!(patience[2] > 30.0 && patience[2] <= 60.0, "{patience:?}");
}

#[tokio::test]
async fn the_health_service_knows_the_trace_service() {
    let fixture = Fixture::start([]);
    let name = b"opentelemetry.proto.collector.trace.v1.TraceService";
    let mut request = vec![0x0a, u8::try_from(name.len()).unwrap()];
    request.extend_from_slice(name);
    let answer = call(&fixture.otlp_grpc(), "/grpc.health.v1.Health/Check", &request).await.unwrap();
    assert_eq!(&answer[..], [0x08, 1], "SERVING");
}
