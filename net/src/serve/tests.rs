//! Claims about the accept loop, over real sockets with HTTP/1 written by hand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

struct Fixture {
    address: SocketAddr,
    /// Lets one `/gated` request go on.
    gate: Arc<Notify>,
    /// Hears of each `/gated` request that has begun.
    entered: mpsc::Receiver<()>,
    served: Arc<AtomicUsize>,
    shutdown: CancellationToken,
    server: JoinHandle<io::Result<()>>,
}

fn start(options: ServeOptions) -> Fixture {
    let listener = Listener::bind("test", &"127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr();
    let (gate, shutdown) = (Arc::new(Notify::new()), CancellationToken::new());
    let served = Arc::new(AtomicUsize::new(0));
    let (entering, entered) = mpsc::channel(8);
    let (gate_inside, served_inside) = (Arc::clone(&gate), Arc::clone(&served));
    let router = Router::new()
        .route(
            "/",
            get(move || async move {
                served_inside.fetch_add(1, Ordering::SeqCst);
                "hello"
            }),
        )
        .route(
            "/gated",
            get(move || async move {
                entering.send(()).await.unwrap();
                gate_inside.notified().await;
                "through"
            }),
        );
    let server = tokio::spawn(serve(listener, router, options, shutdown.clone()));
    Fixture { address, gate, entered, served, shutdown, server }
}

async fn send(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
}

/// Reads until `text` has come.
async fn expect(stream: &mut TcpStream, text: &str) {
    let mut seen = Vec::new();
    while !seen.windows(text.len()).any(|window| window == text.as_bytes()) {
        let read = timeout(PATIENCE, stream.read_buf(&mut seen)).await.expect("an answer in time").unwrap();
        assert_ne!(read, 0, "closed before {text:?}: {}", String::from_utf8_lossy(&seen));
    }
}

/// Reads to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
    String::from_utf8(rest).unwrap()
}

#[tokio::test]
async fn shutdown_closes_the_port_and_finishes_what_is_in_flight() {
    let mut fixture = start(ServeOptions::default());
    let mut stream = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut stream, "/gated").await;
    fixture.entered.recv().await.unwrap();
    fixture.shutdown.cancel();
    while TcpStream::connect(fixture.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!fixture.server.is_finished(), "a request is in flight");
    fixture.gate.notify_one();
    assert!(rest(&mut stream).await.ends_with("through"));
    timeout(PATIENCE, fixture.server).await.expect("ends in time").unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let fixture = start(ServeOptions::default());
    let mut used = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut used, "/").await;
    expect(&mut used, "hello").await;
    let _silent = TcpStream::connect(fixture.address).await.unwrap();
    fixture.shutdown.cancel();
    timeout(PATIENCE, fixture.server).await.expect("ends in time").unwrap().unwrap();
}

#[tokio::test]
async fn a_request_whose_head_is_not_whole_does_not_hold_up_the_end() {
    let fixture = start(ServeOptions::default());
    let mut first = TcpStream::connect(fixture.address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nhos").await.unwrap();
    let mut second = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut second, "/").await;
    expect(&mut second, "hello").await;
    second.write_all(b"GET / HTTP/1.1\r\nhos").await.unwrap();
    fixture.shutdown.cancel();
    assert_eq!((rest(&mut first).await, rest(&mut second).await), (String::new(), String::new()));
    timeout(PATIENCE, fixture.server).await.expect("ends in time").unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_is_on_its_way_when_the_port_closes_is_answered() {
    let mut fixture = start(ServeOptions::default());
    let mut stream = TcpStream::connect(fixture.address).await.unwrap();
    stream.write_all(b"GET /gated HTTP/1.1\r\nhos").await.unwrap();
    let mut other = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut other, "/").await;
    expect(&mut other, "hello").await;
    fixture.shutdown.cancel();
    stream.write_all(b"t: x\r\n\r\n").await.unwrap();
    fixture.entered.recv().await.unwrap();
    // Longer than anybody waits for the head.
    tokio::time::sleep(2 * LAST_WORDS).await;
    fixture.gate.notify_one();
    assert!(rest(&mut stream).await.ends_with("through"));
    timeout(PATIENCE, fixture.server).await.expect("ends in time").unwrap().unwrap();
}

#[tokio::test]
async fn an_old_connection_is_closed_after_its_requests() {
    let age = Some(Duration::from_millis(20));
    let mut fixture = start(ServeOptions { max_connection_age: age, ..ServeOptions::default() });
    let mut idle = TcpStream::connect(fixture.address).await.unwrap();
    let mut busy = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut busy, "/gated").await;
    fixture.entered.recv().await.unwrap();
    send(&mut idle, "/").await;
    assert!(rest(&mut idle).await.ends_with("hello"), "the answer, then the end");
    fixture.gate.notify_one();
    assert!(rest(&mut busy).await.ends_with("through"));
}

#[tokio::test]
async fn the_grace_period_ends_requests_that_do_not() {
    let short = Some(Duration::from_millis(20));
    let options = ServeOptions {
        max_connection_age: short,
        max_connection_age_grace: short,
        ..ServeOptions::default()
    };
    let mut fixture = start(options);
    let mut busy = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut busy, "/gated").await;
    fixture.entered.recv().await.unwrap();
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_room() {
    let fixture = start(ServeOptions { max_connections: 1, ..ServeOptions::default() });
    let mut first = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut first, "/").await;
    expect(&mut first, "hello").await;
    let mut second = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut second, "/").await;
    send(&mut first, "/").await;
    expect(&mut first, "hello").await;
    assert_eq!(fixture.served.load(Ordering::SeqCst), 2, "the second connection has to wait");
    drop(first);
    expect(&mut second, "hello").await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let options = ServeOptions { idle_check: Duration::from_millis(20), ..ServeOptions::default() };
    let fixture = start(options);
    let mut silent = TcpStream::connect(fixture.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn a_connection_that_stops_in_its_first_words_is_closed() {
    for http2_only in [true, false] {
        let options =
            ServeOptions { idle_check: Duration::from_millis(20), http2_only, ..ServeOptions::default() };
        let fixture = start(options);
        for words in ["P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let mut stream = TcpStream::connect(fixture.address).await.unwrap();
            stream.write_all(words.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("closed in time");
        }
    }
}

#[tokio::test]
async fn a_head_of_a_request_beyond_all_measure_is_refused() {
    let fixture = start(ServeOptions::default());
    let mut stream = TcpStream::connect(fixture.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(100_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    expect(&mut stream, "HTTP/1.1 431").await;
    assert_eq!(fixture.served.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn noise_hurts_nobody_else() {
    let fixture = start(ServeOptions { http2_only: false, ..ServeOptions::default() });
    for noise in
        [&b"\x16\x03\x01\x02\x00\x01"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense", b"\0\0\0\0\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(noise).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("closed in time");
    }
    let mut stream = TcpStream::connect(fixture.address).await.unwrap();
    send(&mut stream, "/").await;
    expect(&mut stream, "hello").await;
}
