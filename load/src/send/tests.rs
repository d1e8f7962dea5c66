//! Claims about the sender, against a server that answers as it is told.

mod server;

use std::num::NonZeroU32;
use std::time::Duration;

use spoor_model::{SpanId, TraceId, UnixNanos};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::answer::{Answer, Retry};
use super::{Latency, Outcome, Report, Share, run};
use crate::{Compression, GenerateConfig, Protocol, Request, Requests, SendConfig};
use server::{Reply, Server};

const PROTOCOLS: [Protocol; 4] =
    [Protocol::OtlpGrpc, Protocol::OtlpHttp, Protocol::OtlpHttpJson, Protocol::JaegerGrpc];
/// Those whose answers know a partial success.
const OTLP: [Protocol; 3] = [Protocol::OtlpGrpc, Protocol::OtlpHttp, Protocol::OtlpHttpJson];

/// `count` requests of 10 spans.
fn requests(count: u32, protocol: Protocol) -> Vec<Request> {
    let config = GenerateConfig {
        spans_per_request: NonZeroU32::new(10).unwrap(),
        spans: Some(u64::from(count) * 10),
        ..GenerateConfig::default()
    };
    Requests::new(&config, UnixNanos::from_millis(1_767_225_600_000), protocol).collect()
}

fn config(protocol: Protocol, endpoint: &str) -> SendConfig {
    SendConfig { protocol, endpoint: Some(endpoint.to_owned()), record: true, ..SendConfig::default() }
}

async fn send(config: &SendConfig, requests: Vec<Request>) -> Report {
    let report = run(config, requests, CancellationToken::new()).await.unwrap();
    let ends = [report.acknowledged.spans, report.rejected.spans, report.refused.spans, report.unknown.spans];
    assert_eq!(report.sent.spans, ends.iter().sum::<u64>(), "{report:?}");
    report
}

fn share(requests: u64, spans: u64) -> Share {
    Share { requests, spans }
}

#[tokio::test]
async fn every_request_arrives_once_as_it_was_made_and_is_acknowledged() {
    for protocol in PROTOCOLS {
        for compression in [Compression::None, Compression::Gzip] {
            let server = Server::start([]).await;
            let streams = NonZeroU32::new(4).unwrap();
            let config = SendConfig { streams, compression, ..config(protocol, &server.endpoint) };
            let requests = requests(20, protocol);
            let report = send(&config, requests.clone()).await;
            assert_eq!(report.acknowledged, share(20, 200), "{protocol:?} {compression:?} {report:?}");
            assert_eq!(report.attempts, 20);
            assert!(report.latency.p50_us > 0 && report.latency.p50_us <= report.latency.max_us);
            let mut bodies: Vec<_> = requests.iter().map(|request| request.body.clone()).collect();
            bodies.sort();
            assert_eq!(server.received(), bodies);
            let mut sent: Vec<_> = requests.iter().flat_map(|request| request.spans.to_vec()).collect();
            let mut acknowledged: Vec<_> = report.acknowledged_keys().collect();
            sent.sort_unstable();
            acknowledged.sort_unstable();
            assert_eq!(acknowledged, sent);
        }
    }
}

#[tokio::test]
async fn a_partial_success_counts_its_rejected_spans_and_keeps_its_message() {
    for protocol in OTLP {
        let server =
            Server::start([Reply::Ok, Reply::Partial(3, "bad tag"), Reply::Partial(99, "all bad")]).await;
        let report = send(&config(protocol, &server.endpoint), requests(3, protocol)).await;
        assert_eq!(report.acknowledged, share(3, 17), "{protocol:?} {report:?}");
        assert_eq!(report.rejected, share(2, 13));
        assert_eq!(report.messages["bad tag"], 1);
        assert_eq!(report.requests[1].outcome, Outcome::Partial { rejected: 3 });
        assert_eq!(report.acknowledged_keys().count(), 10);
    }
}

#[tokio::test]
async fn a_warning_without_rejected_spans_is_a_whole_success() {
    let server = Server::start([Reply::Partial(0, "slow down please")]).await;
    let report = send(&config(Protocol::OtlpGrpc, &server.endpoint), requests(1, Protocol::OtlpGrpc)).await;
    assert_eq!((report.acknowledged, report.rejected), (share(1, 10), share(0, 0)));
    assert_eq!(report.messages["slow down please"], 1);
}

#[tokio::test]
async fn a_refusal_counts_by_its_status_and_is_not_repeated_unless_wanted() {
    for (protocol, reason) in [
        (Protocol::OtlpGrpc, "grpc ResourceExhausted"),
        (Protocol::JaegerGrpc, "grpc ResourceExhausted"),
        (Protocol::OtlpHttp, "http 429"),
        (Protocol::OtlpHttpJson, "http 429"),
    ] {
        let refuse = Reply::Refuse(Code::ResourceExhausted, 429, Some(Duration::ZERO));
        let server = Server::start([Reply::Ok, refuse.clone(), refuse]).await;
        let report = send(&config(protocol, &server.endpoint), requests(4, protocol)).await;
        assert_eq!((report.acknowledged, report.refused), (share(2, 20), share(2, 20)), "{report:?}");
        assert_eq!((report.attempts, report.reasons[reason], report.messages["told to refuse"]), (4, 2, 2));
        assert_eq!(report.requests[1].outcome, Outcome::Refused { reason: reason.to_owned() });
    }
}

#[tokio::test]
async fn repeats_after_the_delay_that_the_server_asked_for() {
    for protocol in PROTOCOLS {
        let delay = Duration::from_secs(1);
        let server = Server::start([Reply::Refuse(Code::Unavailable, 503, Some(delay))]).await;
        let config = SendConfig { retry_for: Duration::from_secs(60), ..config(protocol, &server.endpoint) };
        let report = send(&config, requests(1, protocol)).await;
        assert_eq!((report.acknowledged, report.attempts), (share(1, 10), 2), "{report:?}");
        // Far from the minute for which it would be repeated; a busy machine takes its time.
        assert!((1_000..30_000).contains(&report.elapsed_ms), "{} ms", report.elapsed_ms);
        assert_eq!(server.received().len(), 2);
    }
}

#[tokio::test]
async fn gives_up_when_the_time_for_repetitions_would_pass() {
    let later = Reply::Refuse(Code::Unavailable, 503, Some(Duration::from_secs(3_600)));
    let never = Reply::Refuse(Code::InvalidArgument, 400, None);
    let full = Reply::Refuse(Code::ResourceExhausted, 413, None);
    for protocol in PROTOCOLS {
        let server = Server::start([later.clone(), never.clone(), full.clone()]).await;
        let config = SendConfig { retry_for: Duration::from_secs(60), ..config(protocol, &server.endpoint) };
        let report = send(&config, requests(3, protocol)).await;
        assert_eq!((report.refused, report.attempts), (share(3, 30), 3), "{report:?}");
    }
}

#[tokio::test]
async fn a_closed_port_refuses_and_a_lost_connection_leaves_the_outcome_unknown() {
    for protocol in PROTOCOLS {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        let report = send(&config(protocol, &closed), requests(1, protocol)).await;
        assert_eq!((report.refused, report.reasons["unreachable"]), (share(1, 10), 1), "{report:?}");

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let hang_up = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.read_exact(&mut [0; 1_000]).await.unwrap();
        });
        let report = send(&config(protocol, &endpoint), requests(1, protocol)).await;
        hang_up.await.unwrap();
        assert_eq!((report.unknown, report.reasons["connection lost"]), (share(1, 10), 1), "{report:?}");
    }
}

#[tokio::test]
async fn an_answer_after_the_deadline_leaves_the_outcome_unknown() {
    for protocol in PROTOCOLS {
        let server = Server::start([Reply::Silence]).await;
        let config =
            SendConfig { deadline: Duration::from_millis(300), ..config(protocol, &server.endpoint) };
        let report = send(&config, requests(1, protocol)).await;
        assert_eq!(report.unknown, share(1, 10), "{report:?}");
        assert_eq!(report.reasons["no answer within the deadline"], 1);
    }
}

#[tokio::test]
async fn a_server_whose_own_deadline_passed_leaves_the_outcome_unknown() {
    let server = Server::start([Reply::Refuse(Code::DeadlineExceeded, 504, None)]).await;
    let report = send(&config(Protocol::OtlpGrpc, &server.endpoint), requests(1, Protocol::OtlpGrpc)).await;
    assert_eq!((report.unknown, report.reasons["grpc DeadlineExceeded"]), (share(1, 10), 1), "{report:?}");
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_end_and_sends_no_other() {
    let stop = CancellationToken::new();
    let server = Server::start([Reply::Ok, Reply::OkAnd(stop.clone())]).await;
    let endless = requests(1, Protocol::OtlpHttp).into_iter().cycle();
    let report = run(&config(Protocol::OtlpHttp, &server.endpoint), endless, stop).await.unwrap();
    assert_eq!((report.sent, report.acknowledged), (share(2, 20), share(2, 20)));
}

#[tokio::test]
async fn an_unusable_endpoint_is_an_error_before_anything_is_sent() {
    let config = config(Protocol::OtlpGrpc, "https://127.0.0.1:1");
    let error = run(&config, Vec::new(), CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("TLS is not offered"), "{error}");
}

#[test]
fn a_refusal_after_a_lost_attempt_stays_unknown() {
    let refused =
        Answer::Refused { reason: "http 400".to_owned(), message: String::new(), retry: Retry::Never };
    let unknown = Outcome::Unknown { reason: "connection lost".to_owned() };
    assert_eq!(refused.into_outcome(1, Some("connection lost".to_owned())), unknown);
    assert_eq!(Answer::success().into_outcome(1, Some("connection lost".to_owned())), Outcome::Acknowledged);
}

#[test]
fn a_report_reads_well_and_serializes_without_the_ids() {
    let spans = [(TraceId(1), SpanId(1))].into();
    let report = Report {
        streams: 2,
        elapsed_ms: 2_050,
        sent: share(4, 2_048),
        acknowledged: share(3, 1_535),
        rejected: share(1, 1),
        refused: share(1, 512),
        attempts: 6,
        reasons: [("http 503".to_owned(), 1)].into(),
        latency: Latency { p50_us: 1_234, p90_us: 2_000, p99_us: 30_000, max_us: 30_050 },
        requests: vec![super::SentRequest { spans, outcome: Outcome::Acknowledged }],
        ..Report::default()
    };
    let expected = "\
sent          2048 spans in 4 requests by 2 streams in 2.050 s
acknowledged  1535 spans in 3 requests, 748 spans per second
rejected      1 spans in 1 requests
refused       512 spans in 1 requests
repeated      2 times
  1 x http 503
latency       p50 1.2 ms, p90 2.0 ms, p99 30.0 ms, max 30.0 ms";
    assert_eq!(report.to_string(), expected);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((json["acknowledged"]["spans"].as_u64(), json.get("requests")), (Some(1_535), None));
}

#[tokio::test]
async fn thrift_by_http_is_posted_where_jaegers_clients_post_it() {
    let received = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = std::sync::Arc::clone(&received);
    let post = axum::routing::post(move |headers: http::HeaderMap, body: bytes::Bytes| async move {
        sink.lock().unwrap().push((headers["content-type"].to_str().unwrap().to_owned(), body));
        http::StatusCode::ACCEPTED
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    tokio::spawn(async { axum::serve(listener, axum::Router::new().route("/api/traces", post)).await });
    let requests = requests(3, Protocol::JaegerHttp);
    let report = send(&config(Protocol::JaegerHttp, &endpoint), requests.clone()).await;
    assert_eq!(report.acknowledged, share(requests.len() as u64, 30));
    let expected: Vec<_> =
        requests.into_iter().map(|request| ("application/x-thrift".to_owned(), request.body)).collect();
    assert_eq!(*received.lock().unwrap(), expected);
}

#[tokio::test]
async fn datagrams_arrive_as_they_were_made_and_count_as_unanswered() {
    for protocol in [Protocol::JaegerCompact, Protocol::JaegerBinary] {
        let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let endpoint = agent.local_addr().unwrap().to_string();
        let requests = requests(2, protocol);
        let report = send(&config(protocol, &endpoint), requests.clone()).await;
        assert_eq!((report.acknowledged, report.unknown), (share(0, 0), share(requests.len() as u64, 20)));
        for request in requests {
            let mut datagram = vec![0; 65_536];
            let length = agent.recv(&mut datagram).await.unwrap();
            assert_eq!(datagram[..length], request.body[..]);
        }
    }
}

#[tokio::test]
async fn settings_that_udp_has_no_use_for_are_refused() {
    let compressed =
        SendConfig { compression: Compression::Gzip, ..config(Protocol::JaegerCompact, "localhost:6831") };
    let repeated =
        SendConfig { retry_for: Duration::from_secs(1), ..config(Protocol::JaegerBinary, "localhost:6832") };
    for (config, setting) in [(compressed, "--compression"), (repeated, "--retry-for")] {
        let error = run(&config, Vec::new(), CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(setting), "{error}");
    }
}
