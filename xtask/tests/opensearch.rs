//! The test server itself, told as a story: what tests rely on when they stop, kill and restart their store, and that
//! nothing of it outlives whoever started it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use xtask::servers::OpenSearch;
use xtask::wait;

const SOON: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Set for the copy of this test program that starts a server and is then killed.
const VICTIM: &str = "SPOOR_TEST_VICTIM";

fn address(url: &str) -> &str {
    url.strip_prefix("http://").expect("the URL is http")
}

/// Sends one request and gives the whole answer.
fn ask(url: &str, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address(url))?;
    stream.set_read_timeout(Some(SOON))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn is_gone(url: &str) -> bool {
    let gone = wait::until(SOON, POLL, || Ok(is_refused(url).then_some(())));
    gone.expect("the condition never fails").is_some()
}

#[test]
fn keeps_port_and_data_over_stop_kill_and_start_and_ends_when_dropped() {
    let mut server = OpenSearch::start().unwrap();
    let url = server.url().to_owned();
    let answer = ask(&url, "PUT", "/story/_doc/1?refresh=true", r#"{"chapter":1}"#).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");

    server.stop().unwrap();
    assert!(is_gone(&url));
    server.start_again().unwrap();
    assert_eq!(server.url(), url);
    let answer = ask(&url, "GET", "/story/_doc/1", "").unwrap();
    assert!(answer.contains(r#"{"chapter":1}"#), "{answer}");

    server.kill().unwrap();
    assert!(is_gone(&url));
    server.start_again().unwrap();
    let answer = ask(&url, "GET", "/story/_doc/1", "").unwrap();
    assert!(answer.contains(r#"{"chapter":1}"#), "{answer}");

    drop(server);
    assert!(is_gone(&url));
}

#[test]
fn ends_when_the_process_that_started_it_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let server = OpenSearch::start().unwrap();
        println!("\nurl {}", server.url());
        // Held until the kill comes.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ends_when_the_process_that_started_it_is_killed", "--nocapture"])
        .env(VICTIM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url =
        lines.find_map(|line| line.strip_prefix("url ").map(str::to_owned)).expect("the victim has a server");
    assert!(!is_refused(&url));

    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(is_gone(&url));
}

fn is_refused(url: &str) -> bool {
    TcpStream::connect(address(url)).is_err()
}
