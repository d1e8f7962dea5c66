//! OTLP by HTTP: answers in the request's encoding, codes by the book, browsers where they are allowed.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Value, json};
use spoor_storage::WriteErrorKind;
use tonic_types::pb;

use crate::client::{header, http, post};
use crate::fixture::Fixture;
use crate::requests::{JSON, good, gzip, otlp, span, zstd};
use crate::writer::Act;

const PROTOBUF: &str = "application/x-protobuf";
const JSON_TYPE: &str = "application/json";

fn json_of(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[tokio::test]
async fn both_encodings_are_taken_and_answered_in_kind() {
    let fixture = Fixture::start([]);
    let answer = post(fixture.otlp_http, PROTOBUF, &[], good(2)).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "content-type")), (200, PROTOBUF));
    assert_eq!(answer.body(), "");
    let answer = post(fixture.otlp_http, "Application/JSON; charset=utf-8", &[], JSON).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "content-type")), (200, JSON_TYPE));
    assert_eq!(json_of(answer.body()), json!({}));
    assert_eq!(fixture.writer.stored().len(), 3);
    fixture.accounts_add_up().await;
    assert_eq!(fixture.metric("jaeger_collector_http_request_duration_count", "path=\"/v1/traces\""), 2.0);
}

#[tokio::test]
async fn compressed_bodies_are_taken() {
    let fixture = Fixture::start([]);
    for (encoding, body) in [("gzip", gzip(&good(1))), ("zstd", zstd(&good(1)))] {
        let answer = post(fixture.otlp_http, PROTOBUF, &[("content-encoding", encoding)], body).await;
        assert_eq!(answer.status(), 200, "{encoding}");
    }
    assert_eq!(fixture.writer.stored().len(), 2);
}

#[tokio::test]
async fn partial_success_names_the_rejected_spans() {
    let fixture = Fixture::start([Act::Reject("poison")]);
    let body = otlp("shop", vec![span(1, 1, "fine"), span(1, 2, "poison")]);
    let answer = post(fixture.otlp_http, PROTOBUF, &[], body).await;
    assert_eq!(answer.status(), 200);
    let partial = ExportTraceServiceResponse::decode(answer.into_body()).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    let poisoned = JSON.replace("eee19b7ec3c1b174", "0000000000000000");
    let answer = json_of(post(fixture.otlp_http, JSON_TYPE, &[], poisoned).await.body());
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1");
    assert!(answer["partialSuccess"]["errorMessage"].as_str().unwrap().contains("the span id is zero"));
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_with_retry_after() {
    let asked = Some(Duration::from_millis(6_500));
    let fixture = Fixture::start([
        Act::Fail(WriteErrorKind::Busy, None),
        Act::Fail(WriteErrorKind::Unavailable, asked),
    ]);
    let answer = post(fixture.otlp_http, PROTOBUF, &[], good(1)).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "retry-after")), (429, "1"));
    let status = pb::Status::decode(answer.into_body()).unwrap();
    assert_eq!((status.code, status.details.len()), (8, 1));
    let answer = post(fixture.otlp_http, JSON_TYPE, &[], JSON).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "retry-after")), (503, "7"));
    let body = json_of(answer.body());
    assert_eq!((&body["code"], &body["details"][0]["retryDelay"]), (&json!(14), &json!("6.5s")));
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn undecodable_bodies_are_400_in_their_own_encoding() {
    let fixture = Fixture::start([]);
    let answer = post(fixture.otlp_http, PROTOBUF, &[], &b"\x0a\xff\xff"[..]).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "content-type")), (400, PROTOBUF));
    assert_eq!(pb::Status::decode(answer.into_body()).unwrap().code, 3);
    let answer = post(fixture.otlp_http, JSON_TYPE, &[], "{\"resourceSpans\":").await;
    assert_eq!(answer.status(), 400);
    assert_eq!(json_of(answer.body())["code"], 3);
    let cut = gzip(&good(50));
    let gzipped = [("content-encoding", "gzip")];
    let answer = post(fixture.otlp_http, PROTOBUF, &gzipped, cut[..cut.len() / 2].to_vec()).await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn wrong_methods_types_encodings_and_paths_are_told_so() {
    let fixture = Fixture::start([]);
    for content_type in ["text/plain", "", "application/x-protobuf2"] {
        let answer = post(fixture.otlp_http, content_type, &[], good(1)).await;
        assert_eq!(
            (answer.status().as_u16(), header(answer.headers(), "content-type")),
            (415, "text/plain; charset=utf-8")
        );
    }
    let answer = post(fixture.otlp_http, PROTOBUF, &[("content-encoding", "br")], good(1)).await;
    assert_eq!(
        (answer.status().as_u16(), header(answer.headers(), "accept-encoding")),
        (415, "gzip, zstd, deflate")
    );
    let get = |path: &str| Request::get(path).header("host", "test").body(Full::default()).unwrap();
    let answer = http(fixture.otlp_http, get("/v1/traces")).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "allow")), (405, "POST"));
    assert_eq!(http(fixture.otlp_http, get("/v1/metrics")).await.status(), 404);
    assert_eq!(fixture.writer.stored().len(), 0);
}

fn preflight(origin: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/traces")
        .header("host", "test")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-tenant")
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn browsers_may_send_from_allowed_origins_only() {
    let origins = "--collector.otlp.http.cors.allowed-origins=https://*.shop.example,http://localhost:3000";
    let fixture = Fixture::with_args([], &[origins, "--collector.otlp.http.cors.allowed-headers=x-tenant"]);
    let answer = http(fixture.otlp_http, preflight("https://www.shop.example")).await;
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "https://www.shop.example");
    assert_eq!(header(answer.headers(), "access-control-allow-methods"), "POST");
    let allowed = header(answer.headers(), "access-control-allow-headers");
    assert!(allowed.contains("content-type") && allowed.contains("x-tenant"), "{allowed}");
    let answer = post(fixture.otlp_http, JSON_TYPE, &[("origin", "http://localhost:3000")], JSON).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "http://localhost:3000");
    let answer = http(fixture.otlp_http, preflight("https://evil.example")).await;
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "");
}

#[tokio::test]
async fn without_the_setting_no_browser_may_send() {
    let fixture = Fixture::start([]);
    let answer = http(fixture.otlp_http, preflight("https://www.shop.example")).await;
    assert_eq!(answer.status(), 405);
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "");
}
