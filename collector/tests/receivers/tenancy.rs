//! Senders of several tenants on the same ports.

use prost::Message;
use spoor_proto::jaeger::api_v2::PostSpansRequest;
use tonic::Code;
use tonic_types::pb;

use crate::client::{EXPORT, POST_SPANS, call_framed, post};
use crate::fixture::Fixture;
use crate::requests::{JSON, good};

const TENANCY: [&str; 2] = ["--multi-tenancy.enabled", "--multi-tenancy.tenants=red,blue"];

#[tokio::test]
async fn spans_of_every_port_are_their_senders_tenants() {
    let fixture = Fixture::with_args([], &TENANCY);
    let framed = |message: &[u8]| spoor_net::grpc::frame(message);
    call_framed(&fixture.otlp_grpc(), EXPORT, &[("x-tenant", "red")], framed(&good(1))).await.unwrap();
    let answer = post(fixture.otlp_http, "application/json", &[("X-Tenant", "blue")], JSON).await;
    assert_eq!(answer.status(), 200);
    let span = spoor_proto::jaeger::api_v2::Span {
        trace_id: vec![1; 16].into(),
        span_id: vec![1; 8].into(),
        ..Default::default()
    };
    let batch = spoor_proto::jaeger::api_v2::Batch { spans: vec![span], ..Default::default() };
    let jaegers = PostSpansRequest { batch: Some(batch) }.encode_to_vec();
    call_framed(&fixture.jaeger_grpc(), POST_SPANS, &[("x-tenant", "red")], framed(&jaegers)).await.unwrap();
    assert_eq!(fixture.writer.tenants(), ["red", "blue", "red"]);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn who_is_no_tenant_is_refused_before_anything_is_read_and_counted() {
    let fixture = Fixture::with_args([], &TENANCY);
    for (headers, code, http, text) in [
        (&[][..], Code::Unauthenticated, 401, "missing tenant header"),
        (&[("x-tenant", "green")], Code::PermissionDenied, 401, "unknown tenant"),
        (&[("x-tenant", "red"), ("x-tenant", "red")], Code::PermissionDenied, 401, "extra tenant header"),
    ] {
        for (channel, path) in [(fixture.otlp_grpc(), EXPORT), (fixture.jaeger_grpc(), POST_SPANS)] {
            let body = spoor_net::grpc::frame(&good(1));
            let status = call_framed(&channel, path, headers, body).await.unwrap_err();
            assert_eq!((status.code(), status.message()), (code, text), "{path}");
        }
        let answer = post(fixture.otlp_http, "application/x-protobuf", headers, good(1)).await;
        let status = pb::Status::decode(answer.body().clone()).unwrap();
        assert_eq!((answer.status().as_u16(), status.message.as_str()), (http, text));
        assert_eq!(status.code, code as i32);
    }
    assert!(fixture.writer.tenants().is_empty(), "nothing was written");
    assert_eq!(fixture.metric("spoor_collector_requests_refused_total", "tenancy"), 9.0);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn without_tenancy_the_header_means_nothing() {
    let fixture = Fixture::start([]);
    let body = spoor_net::grpc::frame(&good(1));
    call_framed(&fixture.otlp_grpc(), EXPORT, &[("x-tenant", "red")], body).await.unwrap();
    assert_eq!(fixture.writer.tenants(), [""]);
}
