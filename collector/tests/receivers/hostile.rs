//! Random and mutated bytes on every port: the right code, and the next sender is served.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

use crate::client::{EXPORT, POST_SPANS, call, call_compressed, call_framed, post};
use crate::fixture::{Fixture, PATIENCE};
use crate::requests::{JSON, good};

fn each_case<S: Strategy>(cases: u32, strategy: &S, mut check: impl FnMut(S::Value)) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    for _ in 0..cases {
        let tree = strategy.new_tree(&mut runner).unwrap();
        check(proptest::strategy::ValueTree::current(&tree));
    }
}

/// Good bytes with some of them changed, or no good bytes at all.
fn bodies(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    let mutated = changes.prop_map(move |changes| {
        let mut body = good.clone();
        for (index, byte) in changes {
            let at = index.index(body.len());
            body[at] = byte;
        }
        body
    });
    prop_oneof![mutated, proptest::collection::vec(any::<u8>(), 0..300)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_get_their_code_on_grpc() {
    let fixture = Fixture::start([]);
    for (channel, path) in [(fixture.otlp_grpc(), EXPORT), (fixture.jaeger_grpc(), POST_SPANS)] {
        let mut cases = Vec::new();
        each_case(150, &bodies(good(3)), |body| cases.push(body));
        for body in cases {
            let codes = [
                call(&channel, path, &body).await,
                call_compressed(&channel, path, "gzip", &body).await,
                call_compressed(&channel, path, "zstd", &body).await,
                call_framed(&channel, path, &[], body.clone().into()).await,
            ]
            .map(|answer| answer.map_or_else(|status| status.code(), |_| Code::Ok));
            let expected = [Code::Ok, Code::Internal, Code::InvalidArgument, Code::ResourceExhausted];
            assert!(codes.iter().all(|code| expected.contains(code)), "{codes:?}: {body:02x?}");
        }
    }
    call(&fixture.otlp_grpc(), EXPORT, &good(1)).await.expect("serves on");
    fixture.accounts_add_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_get_their_code_on_http() {
    let fixture = Fixture::start([]);
    let mut cases = Vec::new();
    each_case(100, &bodies(good(3)), |body| cases.push(("application/x-protobuf", body)));
    each_case(100, &bodies(JSON.into()), |body| cases.push(("application/json", body)));
    for (content_type, body) in cases {
        for headers in [&[][..], &[("content-encoding", "gzip")], &[("content-encoding", "zstd")]] {
            let code = post(fixture.otlp_http, content_type, headers, body.clone()).await.status();
            assert!(code == 200 || code == 400, "{code} for {content_type} {body:02x?}");
        }
    }
    assert_eq!(post(fixture.otlp_http, "application/json", &[], JSON).await.status(), 200);
    fixture.accounts_add_up().await;
}

#[tokio::test]
async fn bytes_that_are_no_http_harm_nobody() {
    let fixture = Fixture::start([]);
    let mut cases = Vec::new();
    each_case(30, &proptest::collection::vec(any::<u8>(), 1..500), |body| cases.push(body));
    for body in cases {
        let mut stream = tokio::net::TcpStream::connect(fixture.otlp_http).await.unwrap();
        // The server may hang up at any point; only that it does so matters.
        let _ = stream.write_all(&body).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("ended in time");
    }
    assert_eq!(post(fixture.otlp_http, "application/json", &[], JSON).await.status(), 200);
}
