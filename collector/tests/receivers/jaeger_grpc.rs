//! Jaeger's PostSpans.

use prost::Message;
use prost_types::{Duration, Timestamp};
use spoor_proto::jaeger::api_v2::{Batch, PostSpansRequest, Process, Span};
use spoor_storage::WriteErrorKind;
use tonic::Code;
use tonic_types::StatusExt;

use crate::client::{POST_SPANS, call, call_compressed};
use crate::fixture::Fixture;
use crate::requests::gzip;
use crate::writer::Act;

fn span(span_id: u64, name: &str) -> Span {
    Span {
        trace_id: 1u128.to_be_bytes().to_vec().into(),
        span_id: span_id.to_be_bytes().to_vec().into(),
        operation_name: name.to_owned(),
        flags: 2,
        start_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        duration: Some(Duration { seconds: 0, nanos: 5_000 }),
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let process = Some(Process { service_name: "Cart Service".to_owned(), ..Process::default() });
    PostSpansRequest { batch: Some(Batch { spans, process }) }.encode_to_vec()
}

#[tokio::test]
async fn spans_are_stored_before_the_empty_answer() {
    let fixture = Fixture::start([]);
    let channel = fixture.jaeger_grpc();
    assert_eq!(call(&channel, POST_SPANS, &request(vec![span(1, "add"), span(2, "")])).await.unwrap(), "");
    call_compressed(&channel, POST_SPANS, "gzip", &gzip(&request(vec![span(3, "add")]))).await.unwrap();
    let stored = fixture.writer.stored();
    let names: Vec<_> = stored.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["add", "empty-span-name", "add"]);
    let labels = r#"svc="cart_service",debug="true",format="proto",transport="grpc""#;
    assert_eq!(fixture.metric("jaeger_collector_spans_received_total", labels), 3.0);
    let labels = r#"svc="cart_service",debug="true",result="ok""#;
    assert_eq!(fixture.metric("jaeger_collector_spans_saved_by_svc_total", labels), 3.0);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn rejected_spans_make_an_error_that_names_them_and_the_others_are_stored() {
    let fixture = Fixture::start([Act::Reject("poison")]);
    let spans = request(vec![span(1, "add"), span(2, "poison")]);
    let status = call(&fixture.jaeger_grpc(), POST_SPANS, &spans).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("span 0000000000000002: mapping conflict"), "{status}");
    assert_eq!(spoor_net::grpc::rejected_spans(&status), Some(1), "for those who account for each span");
    assert_eq!(fixture.writer.stored().len(), 1);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn failures_carry_their_codes() {
    let fixture = Fixture::start([Act::Fail(WriteErrorKind::Unavailable, None)]);
    let channel = fixture.jaeger_grpc();
    let status = call(&channel, POST_SPANS, &request(vec![span(1, "add")])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_retry_info().is_some());
    let status = call(&channel, POST_SPANS, b"\xff\xff").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let unknown = call(&channel, crate::client::EXPORT, b"").await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented, "OTLP has its own port");
}

#[tokio::test]
async fn the_health_service_knows_the_collector_service() {
    let fixture = Fixture::start([]);
    let request = b"\x0a\x1fjaeger.api_v2.CollectorService\x00";
    let request = &request[..request.len() - 1];
    let request = [&[0x0a, u8::try_from(request.len() - 2).unwrap()], &request[2..]].concat();
    let answer = call(&fixture.jaeger_grpc(), "/grpc.health.v1.Health/Check", &request).await.unwrap();
    assert_eq!(&answer[..], [0x08, 1], "SERVING");
}
