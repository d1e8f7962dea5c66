//! Jaeger's spans in Thrift by HTTP: codes and texts as its clients know them.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use spoor_proto::convert::jaeger_thrift::encode_batch;
use spoor_proto::convert::otlp::decode_export_request;
use spoor_storage::WriteErrorKind;

use crate::client::{header, http, post};
use crate::fixture::Fixture;
use crate::requests::{good, gzip, otlp, span, zstd};
use crate::writer::Act;

const THRIFT: &str = "application/x-thrift";
const PATH: &str = "/api/traces";

/// The spans of an OTLP request as a client of Jaeger's writes them.
fn thrift(request: Vec<u8>) -> Bytes {
    let batch = decode_export_request(request.into()).unwrap();
    let mut out = Vec::new();
    encode_batch(&mut out, batch.resources().next().unwrap(), batch.spans());
    out.into()
}

async fn send(fixture: &Fixture, content_type: &str, body: impl Into<Bytes>) -> (u16, String) {
    let answer = post_to(fixture, content_type, &[], body).await;
    (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
}

async fn post_to(
    fixture: &Fixture,
    content_type: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> http::Response<Bytes> {
    let mut request = Request::post(format!("http://{}{PATH}?format=jaeger.thrift", fixture.jaeger_http));
    for (name, value) in [("content-type", content_type)].iter().chain(headers) {
        if !value.is_empty() {
            request = request.header(*name, *value);
        }
    }
    http(fixture.jaeger_http, request.body(Full::new(body.into())).unwrap()).await
}

#[tokio::test]
async fn a_batch_is_stored_and_answered_with_nothing_under_either_content_type() {
    let fixture = Fixture::start([]);
    for content_type in
        [THRIFT, "application/vnd.apache.thrift.binary", "Application/X-Thrift; charset=utf-8"]
    {
        assert_eq!(
            send(&fixture, content_type, thrift(good(2))).await,
            (202, String::new()),
            "{content_type}"
        );
    }
    for (encoding, body) in [("gzip", gzip(&thrift(good(1)))), ("zstd", zstd(&thrift(good(1))))] {
        let answer = post_to(&fixture, THRIFT, &[("content-encoding", encoding)], body).await;
        assert_eq!(answer.status(), 202, "{encoding}");
    }
    assert_eq!(fixture.writer.stored().len(), 8);
    fixture.accounts_add_up().await;
    let labels = "format=\"jaeger\"";
    assert_eq!(fixture.metric("jaeger_collector_spans_received_total", labels), 8.0);
    assert_eq!(fixture.metric("jaeger_collector_http_request_duration_count", "path=\"/api/traces\""), 5.0);
}

#[tokio::test]
async fn what_is_no_batch_is_refused_with_jaegers_words() {
    let fixture = Fixture::start([]);
    for (content_type, status, text) in [
        ("", 400, "Cannot parse content type: mime: no media type"),
        ("application/", 400, "Cannot parse content type: mime:"),
        ("text/html", 400, "Unsupported content type: text/html"),
        ("a&b", 400, "Unsupported content type: a&amp;b"),
        (THRIFT, 400, "Unable to process request body: cannot decode"),
    ] {
        let answer = send(&fixture, content_type, "junk").await;
        assert!(answer.0 == status && answer.1.starts_with(text), "{content_type}: {answer:?}");
    }
    let get = Request::builder().method(Method::GET).uri(format!("http://{}{PATH}", fixture.jaeger_http));
    let answer = http(fixture.jaeger_http, get.body(Full::default()).unwrap()).await;
    assert_eq!(answer.status(), 405);
    assert!(fixture.writer.stored().is_empty());
}

#[tokio::test]
async fn a_store_that_fails_or_refuses_is_told() {
    let fixture = Fixture::start([
        Act::Fail(WriteErrorKind::Busy, None),
        Act::Fail(WriteErrorKind::Unavailable, Some(Duration::from_secs(3))),
        Act::Reject("poison"),
    ]);
    let answer = post_to(&fixture, THRIFT, &[], thrift(good(1))).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "retry-after")), (429, "1"));
    let answer = post_to(&fixture, THRIFT, &[], thrift(good(1))).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "retry-after")), (500, "3"));
    assert!(answer.body().starts_with(b"Cannot submit Jaeger batch: the store cannot take spans right now"));
    let poisoned = thrift(otlp("shop", vec![span(1, 1, "fine"), span(1, 2, "poison")]));
    let (status, text) = send(&fixture, THRIFT, poisoned).await;
    assert!(
        status == 400 && text.contains("1 of 2 spans rejected, the others are stored"),
        "{status} {text}"
    );
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_and_a_tenant_that_is_unknown_are_refused() {
    let args = ["--collector.http-server.max-request-size=300", "--multi-tenancy.enabled"];
    let fixture = Fixture::with_args([], &args);
    assert_eq!(post_to(&fixture, THRIFT, &[], thrift(good(1))).await.status(), 401);
    let answer = post_to(&fixture, THRIFT, &[("x-tenant", "red")], thrift(good(50))).await;
    assert_eq!(answer.status(), 413);
    let otlp = post(fixture.otlp_http, "application/x-protobuf", &[("x-tenant", "red")], good(1)).await;
    assert_eq!(otlp.status(), 200, "and nobody else suffers");
}
