//! Claims that need a real connection: hanging up, ending gracefully, streaming.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::server::Query;

/// A running role.
struct Running {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    registry: Registry,
}

impl Running {
    fn start(reader: Arc<FakeReader>) -> Self {
        let config = config(&[
            "--query.http-server.host-port=127.0.0.1:0",
            "--query.grpc-server.host-port=127.0.0.1:0",
        ]);
        let socket = Query::bind(&config).unwrap();
        let address = socket.http_addr();
        let mut registry = Registry::default();
        let query =
            Query::build(&config, Tenancy::off(), socket, Stores::new(reader), "{}", &mut registry).unwrap();
        let stop = CancellationToken::new();
        Self { address, task: tokio::spawn(query.run(stop.clone())), stop, registry }
    }

    async fn send(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    fn running(&self) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        !text.contains("spoor_query_running 0\n")
    }
}

async fn until(condition: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the condition holds within ten seconds");
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_work_for_it() {
    let reader = Arc::new(FakeReader::new(Script::Hang));
    let running = Running::start(reader.clone());
    let client = running.send("/api/traces?service=a").await;
    until(|| reader.working.load(Ordering::SeqCst) == 1).await;
    assert!(running.running());
    drop(client);
    until(|| reader.working.load(Ordering::SeqCst) == 0).await;
    until(|| !running.running()).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_an_answer_gives_its_room_back() {
    let script = Script::HangAfter(vec![plain_trace(0xa, 100_000)]);
    let running = Running::start(Arc::new(FakeReader::new(script)));
    let mut client = running.send("/api/traces/a?raw=true").await;
    let mut first = [0; 1_000];
    client.read_exact(&mut first).await.unwrap();
    until(|| running.running()).await; // The rest is being read.
    drop(client);
    until(|| !running.running()).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_its_answer_is_no_running_search() {
    let running = Running::start(Arc::new(FakeReader::new(Script::Parts(vec![plain_trace(0xa, 100_000)]))));
    let mut slow = running.send("/api/traces/a").await;
    let mut first = [0; 1];
    slow.read_exact(&mut first).await.unwrap();
    assert!(!running.running(), "the store is read, and the rest of 20 MB waits for the client alone");
    let other =
        first_line(&running, "GET /api/traces/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(other.contains("200"), "{other}");
}

#[tokio::test]
async fn an_answer_in_flight_is_sent_to_its_end_when_the_role_stops() {
    let running = Running::start(Arc::new(FakeReader::new(Script::Parts(vec![plain_trace(0xa, 50_000)]))));
    let mut client = running.send("/api/traces/a?raw=true").await;
    let mut answer = vec![0; 1_000];
    client.read_exact(&mut answer).await.unwrap();
    running.stop.cancel();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"), "the last chunk has come");
    running.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// The first line of the answer to a request that is sent as it stands.
async fn first_line(running: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    // The server may answer, and close, before it has read all of it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn heads_beyond_all_measure_are_refused_with_their_codes() {
    let running = Running::start(Arc::new(FakeReader::new(Script::Parts(Vec::new()))));
    let long = "x".repeat(70_000);
    let end = "Host: x\r\nConnection: close\r\n\r\n";
    for (request, code) in [
        (format!("GET /api/services HTTP/1.1\r\nX-Long: {long}\r\n{end}"), "431"),
        (format!("GET /api/traces?service={long} HTTP/1.1\r\n{end}"), "431"),
        (format!("GET /api/traces/{} HTTP/1.1\r\n{end}", "f".repeat(40_000)), "400"),
        (format!("GET /{} HTTP/1.1\r\n{end}", "%2e%2e/".repeat(5_000)), "200"),
        (format!("GET /\u{fffd} HTTP/1.1\r\n{end}"), "200"),
        (format!("GET http://else.where/api/services HTTP/1.1\r\n{end}"), "200"),
        (format!("GET * HTTP/1.1\r\n{end}"), "200"),
    ] {
        let line = first_line(&running, &request).await;
        assert!(line.starts_with(&format!("HTTP/1.1 {code} ")), "{}: {line}", &request[..60]);
    }
}
