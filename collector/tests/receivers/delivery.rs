//! What happens to accepted spans when the sender, the store or this process does not behave.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prost::Message;
use spoor_storage::WriteErrorKind;
use tonic::Code;

use crate::client::{EXPORT, call, post};
use crate::fixture::{Fixture, PATIENCE};
use crate::requests::{good, otlp, span};
use crate::writer::Act;

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_stop_the_write() {
    let fixture = Fixture::start([Act::Gated]);
    let channel = fixture.otlp_grpc();
    let sender = tokio::spawn(async move { call(&channel, EXPORT, &good(2)).await });
    fixture.writer.has_begun().await;
    sender.abort();
    assert!(sender.await.unwrap_err().is_cancelled());
    fixture.writer.gate.add_permits(1);
    fixture.until("stored all the same", |this| this.writer.stored().len() == 2).await;
    fixture.accounts_add_up().await;
    assert_eq!(fixture.metric("spoor_collector_spans_stored_total", ""), 2.0);
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight() {
    let fixture = Fixture::start([Act::Gated, Act::Gated]);
    let (grpc, address) = (fixture.otlp_grpc(), fixture.otlp_http);
    let by_grpc = tokio::spawn(async move { call(&grpc, EXPORT, &good(1)).await });
    let by_http = tokio::spawn(async move { post(address, "application/x-protobuf", &[], good(1)).await });
    fixture.writer.has_begun().await;
    fixture.writer.has_begun().await;
    fixture.shutdown.cancel();
    fixture.until("nobody listens", |this| std::net::TcpStream::connect(this.otlp_http).is_err()).await;
    assert!(!fixture.running.is_finished(), "two writes are on their way");
    fixture.writer.gate.add_permits(2);
    by_grpc.await.unwrap().expect("answered");
    assert_eq!(by_http.await.unwrap().status(), 200);
    fixture.accounts_add_up().await;
    fixture.stop().await;
}

#[tokio::test]
async fn a_drain_waits_for_writes_whose_sender_is_gone() {
    let fixture = Fixture::start([Act::Gated]);
    let channel = fixture.otlp_grpc();
    let sender = tokio::spawn(async move { call(&channel, EXPORT, &good(1)).await });
    fixture.writer.has_begun().await;
    sender.abort();
    let _ = sender.await;
    fixture.shutdown.cancel();
    fixture.until("nobody listens", |this| std::net::TcpStream::connect(this.otlp_http).is_err()).await;
    assert!(!fixture.running.is_finished());
    fixture.writer.gate.add_permits(1);
    tokio::time::timeout(PATIENCE, fixture.running).await.expect("ends in time").unwrap().unwrap();
    assert_eq!(fixture.writer.stored().len(), 1);
}

#[tokio::test]
async fn a_health_watcher_does_not_hold_up_the_end() {
    let fixture = Fixture::start([]);
    let channel = fixture.otlp_grpc();
    let watcher = tokio::spawn(async move { call(&channel, "/grpc.health.v1.Health/Watch", b"").await });
    call(&fixture.otlp_grpc(), EXPORT, &good(1)).await.unwrap();
    fixture.stop().await;
    let _ = watcher.await.unwrap();
}

#[tokio::test]
async fn a_store_that_never_answers_is_unavailable_after_the_deadline() {
    let fixture = Fixture::with_args([Act::Hang], &["--collector.write-timeout=50ms"]);
    let status = call(&fixture.otlp_grpc(), EXPORT, &good(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(fixture.metric("spoor_collector_spans_in_flight", ""), 1.0, "its fate is open");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_to_be_sent_again_after_the_deadline() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let fixture = Fixture::with_args([], &["--collector.write-timeout=50ms"]);
    let mut stream = tokio::net::TcpStream::connect(fixture.otlp_http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("answered in time").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
}

#[tokio::test]
async fn a_broken_or_lying_store_acknowledges_nothing() {
    let fixture = Fixture::start([Act::Panic, Act::Lie]);
    let channel = fixture.otlp_grpc();
    for _ in 0..2 {
        let status = call(&channel, EXPORT, &good(3)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unknown, "{status}");
    }
    fixture.accounts_add_up().await;
    assert_eq!(fixture.metric("spoor_collector_spans_returned_total", "internal"), 6.0);
    assert_eq!(fixture.metric("jaeger_collector_spans_saved_by_svc_total", "ok"), 0.0);
    call(&channel, EXPORT, &good(3)).await.expect("serves on");
}

#[tokio::test]
async fn spans_are_normalized_before_they_are_stored() {
    let fixture = Fixture::with_args([], &["--collector.tags=zone=eu"]);
    let mut late = span(1, 1, "");
    late.end_time_unix_nano = 5;
    call(&fixture.otlp_grpc(), EXPORT, &otlp("", vec![late])).await.unwrap();
    let stored = fixture.writer.stored();
    assert_eq!(
        (stored[0].service.as_str(), stored[0].name.as_str()),
        ("empty-service-name", "empty-span-name")
    );
    assert_eq!(fixture.metric("jaeger_collector_spans_received_total", "svc=\"__unknown\""), 1.0);
}

#[tokio::test]
async fn repaired_texts_are_counted() {
    let fixture = Fixture::start([]);
    let mut request = otlp("shop", vec![span(1, 1, "four")]);
    let at = request.windows(4).position(|window| window == b"four").unwrap();
    request[at..at + 4].copy_from_slice(b"a\xff\xfeb");
    assert!(String::from_utf8(request.clone()).is_err());
    call(&fixture.otlp_grpc(), EXPORT, &request).await.unwrap();
    assert_eq!(fixture.writer.stored()[0].name, "a\u{fffd}\u{fffd}b");
    assert_eq!(fixture.metric("spoor_collector_repaired_texts_total", ""), 1.0);
    assert!(
        opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::decode(&request[..])
            .is_err()
    );
}

#[tokio::test]
async fn connections_grow_old_under_their_senders_without_loss() {
    const AGE: Duration = Duration::from_millis(20);
    let args = ["--collector.otlp.grpc.max-connection-age=20ms", "--collector.write-timeout=2m"];
    let fixture = Fixture::with_args([Act::Gated], &args);
    let channel = fixture.otlp_grpc();
    let first = channel.clone();
    let slow = tokio::spawn(async move { call(&first, EXPORT, &good(1)).await });
    fixture.writer.has_begun().await;
    let began = Instant::now();
    let mut acknowledged = 1;
    // A busy machine may have hardly sent anything within that time.
    while began.elapsed() < 10 * AGE || acknowledged <= 10 {
        assert!(began.elapsed() < PATIENCE, "connections are renewed: {acknowledged}");
        // This client gives up a call that it had not sent yet when the connection closed; others send it again themselves.
        let answer = tokio::time::timeout(PATIENCE, call(&channel, EXPORT, &good(1))).await;
        acknowledged += usize::from(answer.expect("answered in time").is_ok());
    }
    fixture.writer.gate.add_permits(1);
    slow.await.unwrap().expect("a request in flight is finished on its old connection");
    assert_eq!(fixture.writer.stored().len(), acknowledged, "what was taken was answered");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_outage_is_logged_when_it_begins_and_when_it_ends() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let fixture = Fixture::start([Act::Fail(WriteErrorKind::Unavailable, None); 30]);
    let channel = fixture.otlp_grpc();
    for _ in 0..30 {
        call(&channel, EXPORT, &good(1)).await.unwrap_err();
    }
    call(&channel, EXPORT, &good(1)).await.unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!((lines("WARN"), lines("spans cannot be stored")), (1, 1), "{text}");
    assert_eq!(lines("spans are stored again failed_requests=30"), 1, "{text}");
}
