//! Bounds on size, memory and requests at a time, on every port.

use prost::Message;
use tonic::Code;
use tonic_types::{StatusExt, pb};

use crate::client::{EXPORT, POST_SPANS, call, call_compressed, header, post};
use crate::fixture::Fixture;
use crate::requests::{good, gzip, zstd};
use crate::writer::Act;

const PROTOBUF: &str = "application/x-protobuf";
const MIB: usize = 1 << 20;

#[tokio::test]
async fn oversized_requests_are_refused_for_good() {
    let fixture = Fixture::start([]);
    for (channel, path) in [(fixture.otlp_grpc(), EXPORT), (fixture.jaeger_grpc(), POST_SPANS)] {
        let status = call(&channel, path, &vec![0; 4 * MIB + 1]).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{path}: {status}");
        assert!(status.get_details_retry_info().is_none(), "the same request would fail again");
    }
    let answer = post(fixture.otlp_http, PROTOBUF, &[], vec![0; 20 * MIB + 1]).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "retry-after")), (413, ""));
    assert_eq!(fixture.metric("spoor_collector_requests_refused_total", "too_large"), 3.0);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn zip_bombs_stop_at_the_limit_on_every_port() {
    let fixture = Fixture::start([]);
    let zeros = vec![0; 64 * MIB];
    for (encoding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        assert!(bomb.len() < MIB);
        for (channel, path) in [(fixture.otlp_grpc(), EXPORT), (fixture.jaeger_grpc(), POST_SPANS)] {
            let status = call_compressed(&channel, path, encoding, &bomb).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{path} {encoding}: {status}");
        }
        let answer = post(fixture.otlp_http, PROTOBUF, &[("content-encoding", encoding)], bomb).await;
        assert_eq!(answer.status(), 413, "{encoding}");
    }
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_at_once_and_taken_later() {
    let fixture = Fixture::with_args([Act::Gated], &["--collector.max-concurrent-requests=1"]);
    let channel = fixture.otlp_grpc();
    let busy = channel.clone();
    let first = tokio::spawn(async move { call(&busy, EXPORT, &good(1)).await });
    fixture.writer.has_begun().await;
    // Larger than a flow-control window: the refusal comes while the sender is still writing.
    let status = call(&channel, EXPORT, &vec![0; 3 * MIB]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.get_details_retry_info().is_some());
    let answer = post(fixture.otlp_http, PROTOBUF, &[], vec![0; 10 * MIB]).await;
    assert_eq!((answer.status().as_u16(), header(answer.headers(), "retry-after")), (429, "1"));
    assert_eq!(pb::Status::decode(answer.into_body()).unwrap().code, 8);
    assert_eq!(fixture.metric("spoor_collector_requests_refused_total", "too_many_requests"), 2.0);
    fixture.writer.gate.add_permits(1);
    first.await.unwrap().unwrap();
    fixture.until("room again", |this| this.metric("spoor_collector_requests_in_flight", "") == 0.0).await;
    call(&channel, EXPORT, &good(1)).await.unwrap();
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn bytes_beyond_the_budget_are_refused_until_there_is_room() {
    let small = [
        "--collector.max-bytes-in-flight=400000",
        "--collector.otlp.grpc.max-message-size=100000",
        "--collector.otlp.http.max-request-size=100000",
        "--collector.http-server.max-request-size=100000",
        "--collector.grpc-server.max-message-size=100000",
    ];
    let fixture = Fixture::with_args([Act::Gated], &small);
    let channel = fixture.otlp_grpc();
    let large = good(1_000);
    assert!((50_000..100_000).contains(&large.len()), "{}", large.len());
    let (busy, body) = (channel.clone(), large.clone());
    let first = tokio::spawn(async move { call(&busy, EXPORT, &body).await });
    fixture.writer.has_begun().await;
    let held = fixture.metric("spoor_collector_bytes_in_flight", "");
    assert!(held > 200_000.0, "{held}: a thousand rows of the decoded batch are held, too");
    let status = call(&channel, EXPORT, &large).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.get_details_retry_info().is_some());
    let answer = post(fixture.otlp_http, PROTOBUF, &[("content-encoding", "gzip")], gzip(&large)).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(fixture.metric("spoor_collector_requests_refused_total", "no_room"), 2.0);
    call(&channel, EXPORT, &good(1)).await.expect("a small one fits");
    fixture.writer.gate.add_permits(1);
    first.await.unwrap().unwrap();
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn a_request_whose_tables_exceed_the_budget_is_taken_alone() {
    let small = [
        "--collector.max-bytes-in-flight=100000",
        "--collector.otlp.grpc.max-message-size=100000",
        "--collector.otlp.http.max-request-size=100000",
        "--collector.http-server.max-request-size=100000",
        "--collector.grpc-server.max-message-size=100000",
    ];
    let fixture = Fixture::with_args([], &small);
    call(&fixture.otlp_grpc(), EXPORT, &good(1_000)).await.unwrap();
    assert_eq!(fixture.writer.stored().len(), 1_000);
    fixture.accounts_add_up().await;
}
