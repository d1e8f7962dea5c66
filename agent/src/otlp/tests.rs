use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::extract::Request;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spoor_proto::jaeger::api_v2::PostSpansRequest;
use tonic::Code;
use tower::ServiceExt;

use super::*;
use crate::metrics::Accounts;

const ROOM: usize = 64 << 10;

fn receiver(buffer: &Arc<Buffer>) -> Receiver {
    use clap::{Args, Command, FromArgMatches};
    let command = OtlpConfig::augment_args(Command::new("test").no_binary_name(true));
    let flags = ["--agent.otlp.max-request-bytes=16KiB", "--agent.otlp.max-bytes-in-flight=1MiB"];
    let config = OtlpConfig::from_arg_matches(&command.get_matches_from(flags)).unwrap();
    let tags = "zone=eu".parse().unwrap();
    Receiver::register(&mut Registry::default(), &config, tags, 4 << 10, Arc::clone(buffer))
}

fn in_memory(room: usize) -> (Arc<Buffer>, Arc<Accounts>) {
    let accounts = Arc::new(Accounts::default());
    (Arc::new(Buffer::in_memory(room, Arc::clone(&accounts))), accounts)
}

/// So many spans of each of these services; the first span of all has no id.
fn request(services: &[&str], spans: u64, name: &str) -> ExportTraceServiceRequest {
    let mut id = 0;
    let resource_spans = services.iter().map(|service| {
        let value = AnyValue { value: Some(Value::StringValue((*service).to_owned())) };
        let name_of = KeyValue { key: "service.name".to_owned(), value: Some(value), ..KeyValue::default() };
        let spans = (0..spans).map(|_| {
            let span_id = u64::to_be_bytes(id).to_vec();
            id += 1;
            Span { trace_id: vec![7; 16], span_id, name: name.to_owned(), ..Span::default() }
        });
        let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
        ResourceSpans {
            resource: Some(Resource { attributes: vec![name_of], ..Resource::default() }),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        }
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

async fn post(receiver: &Receiver, body: Vec<u8>) -> (StatusCode, ::http::HeaderMap, Bytes) {
    let request = Request::post("/v1/traces")
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(Body::from(body))
        .unwrap();
    let response = http_routes(receiver.clone()).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (head.status, head.headers, body)
}

/// The code of gRPC, and when to come again.
async fn call(receiver: &Receiver, message: &[u8]) -> (Code, Option<Duration>) {
    use tonic_types::StatusExt;
    let request = Request::post("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        .header(CONTENT_TYPE, "application/grpc")
        .body(Body::from(spoor_net::grpc::frame(message)))
        .unwrap();
    let response = grpc_routes(receiver.clone()).oneshot(request).await.unwrap();
    match tonic::Status::from_header_map(response.headers()) {
        None => (Code::Ok, None),
        Some(status) => {
            let pause = status.get_details_retry_info().and_then(|info| info.retry_delay);
            (status.code(), pause)
        }
    }
}

#[tokio::test]
async fn ok_means_that_the_spans_lie_in_the_buffer_by_process_and_with_tags_and_what_was_rejected_is_named() {
    let (buffer, accounts) = in_memory(ROOM);
    let request = request(&["shop", "cart"], 20, "work");
    let (code, _, body) = post(&receiver(&buffer), request.encode_to_vec()).await;
    let partial = ExportTraceServiceResponse::decode(body).unwrap().partial_success.unwrap();
    assert_eq!((code, partial.rejected_spans), (StatusCode::OK, 1));
    assert!(partial.error_message.contains("the span id is zero"), "{}", partial.error_message);
    let counts = accounts.counts();
    assert_eq!((counts.received, counts.waiting), (39, 39));
    for (service, spans) in [("shop", 19), ("cart", 20)] {
        let taken = buffer.take().await;
        let batch = PostSpansRequest::decode(&taken.package().request[5..]).unwrap().batch.unwrap();
        let process = batch.process.unwrap();
        assert_eq!((process.service_name.as_str(), batch.spans.len()), (service, spans));
        assert_eq!((process.tags[0].key.as_str(), process.tags[0].v_str.as_str()), ("zone", "eu"));
        taken.delivered();
    }
    assert_eq!(accounts.counts().delivered, 39);
}

#[tokio::test]
async fn a_request_larger_than_a_batch_goes_in_several_and_one_span_beyond_it_alone() {
    let (buffer, _) = in_memory(ROOM);
    let name = "x".repeat(3 << 10);
    let (code, ..) = post(&receiver(&buffer), request(&["shop"], 4, &name).encode_to_vec()).await;
    assert_eq!(code, StatusCode::OK);
    for _ in 0..3 {
        assert_eq!(buffer.take().await.package().spans, 1);
    }
}

#[tokio::test]
async fn without_room_the_sender_is_asked_to_come_again_and_nothing_that_waits_goes() {
    let (buffer, accounts) = in_memory(2000);
    let receiver = receiver(&buffer);
    let message = request(&["shop"], 30, "work").encode_to_vec();
    assert_eq!(call(&receiver, &message).await, (Code::Ok, None));
    let before = accounts.counts();
    let (code, pause) = call(&receiver, &message).await;
    assert_eq!(code, Code::ResourceExhausted);
    assert!(pause.is_some());
    let (code, headers, _) = post(&receiver, message.clone()).await;
    assert_eq!(code, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains_key(RETRY_AFTER));
    assert_eq!(accounts.counts(), before, "nothing of it was taken, and nothing had to go");
    buffer.take().await.delivered();
    assert_eq!(call(&receiver, &message).await, (Code::Ok, None), "there is room again");
}

#[tokio::test]
async fn without_memory_for_another_request_the_sender_is_asked_to_come_again() {
    let (buffer, accounts) = in_memory(ROOM);
    let receiver = receiver(&buffer);
    let message = request(&["shop"], 1, "work").encode_to_vec();
    // As other requests do.
    let held = receiver.0.in_flight.take(1 << 20).unwrap();
    let (code, pause) = call(&receiver, &message).await;
    assert_eq!((code, pause.is_some()), (Code::ResourceExhausted, true));
    let (code, headers, _) = post(&receiver, message.clone()).await;
    assert_eq!((code, headers.contains_key(RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, true));
    assert_eq!(accounts.counts().received, 0);
    drop(held);
    assert_eq!(call(&receiver, &message).await, (Code::Ok, None));
}

#[tokio::test]
async fn what_can_never_be_taken_is_not_asked_for_again() {
    let (buffer, accounts) = in_memory(2000);
    let receiver = receiver(&buffer);
    let never_fits = request(&["shop"], 100, "work").encode_to_vec();
    assert_eq!(call(&receiver, &never_fits).await, (Code::ResourceExhausted, None));
    let over_the_limit = request(&["shop"], 1, &"x".repeat(17 << 10)).encode_to_vec();
    assert_eq!(post(&receiver, over_the_limit).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(&receiver, b"\xff\xff".to_vec()).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(call(&receiver, b"\xff\xff").await, (Code::Internal, None));
    assert_eq!(accounts.counts().received, 0);
}

#[tokio::test]
async fn a_spool_has_on_the_disk_what_was_acknowledged_and_a_full_one_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let accounts = Arc::new(Accounts::default());
        Arc::new(Buffer::on_disk(folder.path(), 1 << 20, accounts).unwrap())
    };
    let buffer = open();
    let receiver = receiver(&buffer);
    let message = request(&["shop"], 100, "work").encode_to_vec();
    let mut acknowledged = 0;
    let refused = loop {
        match call(&receiver, &message).await {
            (Code::Ok, None) => acknowledged += 99,
            other => break other,
        }
    };
    assert!(matches!(refused, (Code::ResourceExhausted, Some(_))), "{refused:?}");
    let counts = buffer.accounts().counts();
    assert_eq!((counts.received, counts.dropped_full), (acknowledged, 0));
    // Killed here: nothing more is written.
    drop((receiver, buffer));
    let buffer = open();
    assert_eq!(u64::try_from(buffer.accounts().counts().waiting).unwrap(), acknowledged);
}
