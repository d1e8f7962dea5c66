//! Questions by HTTP: every route, its parameters with values of every kind, and bytes that hardly are HTTP.

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::PATIENCE;
use crate::routes::{METRICS, ROUTES};
use crate::scene::{Archive, Metrics, Scene};
use crate::values::{self, Known};

/// At a time.
const CLIENTS: usize = 6;
/// In bytes.
const LONGEST_ADDRESS: usize = 64_000;
/// Between two good questions.
const GOOD_EACH: u64 = 50;

/// A question as it is sent.
#[derive(Debug)]
struct Question {
    address: String,
    /// Sent by `POST` where there is one.
    body: Option<Vec<u8>>,
}

pub(crate) async fn ask(scene: &Scene, seed: u64, questions: u64) -> Result<()> {
    all(scene, seed, questions, &[&ROUTES[..], &METRICS].concat()).await
}

pub(crate) async fn ask_for_metrics(scene: &Scene, seed: u64, questions: u64) -> Result<()> {
    all(scene, seed, questions, &METRICS).await
}

async fn all(scene: &Scene, seed: u64, questions: u64, routes: &[(&str, &[&str])]) -> Result<()> {
    let each = |number: u64| async move {
        let mut random = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let (path, parameters) = random.choice(routes).copied().context("there are routes")?;
        let question = question(&mut random, &scene.known, path, parameters);
        let asked = judge(scene, &question).await;
        asked.with_context(|| format!("question {number}: {}", shown(&question)))?;
        if number.is_multiple_of(GOOD_EACH) {
            scene.good().await.with_context(|| format!("a good question beside question {number}"))?;
        }
        Ok(())
    };
    stream::iter(0..questions).map(each).buffer_unordered(CLIENTS).try_collect().await
}

fn shown(question: &Question) -> String {
    format!("{question:?}").chars().take(2_000).collect()
}

fn question(random: &mut Rng, known: &Known, path: &str, parameters: &[&str]) -> Question {
    let is_sent = path.contains("archive") || path.contains("transform");
    let body = is_sent.then(|| if path.contains("transform") { otlp(random, known) } else { Vec::new() });
    let mut path = path.replace("{id}", &escaped(&values::hex_id(random, known)));
    if path.contains("{text}") {
        path = path.replace("{text}", &escaped(&values::text(random, known)));
    }
    let mut address = path;
    for (index, name) in
        parameters.iter().filter(|_| random.u8(..10) < 8).collect::<Vec<_>>().iter().enumerate()
    {
        let value = value(random, known, name);
        address += &format!("{}{name}={}", if index == 0 { '?' } else { '&' }, escaped(&value));
    }
    // A longer one is refused by our own client.
    address.truncate(LONGEST_ADDRESS);
    Question { address, body }
}

/// Mostly what the parameter takes, and now and then anything.
fn value(random: &mut Rng, known: &Known, name: &str) -> String {
    if random.u8(..8) == 0 {
        return values::text(random, known);
    }
    let pick = |random: &mut Rng, of: &[&str]| (*random.choice(of).unwrap_or(&"")).to_owned();
    let parameter = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase().replace('_', "");
    match parameter.as_str() {
        "service" | "servicename" | "operation" | "operationname" => values::text(random, known),
        "step" | "lookback" | "rateper" if random.u8(..4) > 0 => {
            pick(random, &["60000", "600000", "3600000"])
        }
        "start" | "end" | "endts" | "lookback" | "step" | "rateper" | "limit" | "searchdepth" => {
            values::number(random)
        }
        "starttimemin" | "starttime" => {
            pick(random, &["2020-01-01T00:00:00Z", "1600-01-01T00:00:00Z", "2100-01-01T00:00:00+14:00"])
        }
        "starttimemax" | "endtime" => pick(
            random,
            &["2100-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2020-01-01T00:00:00Z", "2020-13-01"],
        ),
        "minduration" | "maxduration" | "durationmin" | "durationmax" => pick(
            random,
            &["1ms", "1h", "0", "-1s", "9999999h", "99999999999999999h", "1.5us", "1ns", "1e3s", ".s"],
        ),
        "tag" => format!("{}:{}", values::text(random, known), values::text(random, known)),
        "tags" | "attributes" => {
            let many = if random.u8(..6) == 0 { random.usize(50..120) } else { random.usize(..4) };
            let pairs = (0..many).map(|_| (values::text(random, known), values::text(random, known).into()));
            Value::Object(pairs.collect()).to_string()
        }
        "filter" => values::filter_json(random, known),
        "pagetoken" => token(random, known),
        "traceid" => values::hex_id(random, known),
        "raw" | "rawtraces" | "prettyprint" | "groupbyoperation" => {
            pick(random, &["true", "false", "1", "maybe", ""])
        }
        "quantile" => pick(
            random,
            &["0.95", "0", "1", "-0.1", "1.0001", "NaN", "inf", "0.00000000000000000001", "5e-324"],
        ),
        "spankind" => pick(random, &["server", "server", "client", "unspecified", "SERVER", "best", ""]),
        _ => values::text(random, known),
    }
}

/// A page token of another search, or a broken one.
fn token(random: &mut Rng, known: &Known) -> String {
    let mut token = known.token.clone().into_bytes();
    match random.u8(..3) {
        0 => {}
        1 => token.truncate(random.usize(..token.len())),
        _ => {
            let at = random.usize(..token.len());
            token[at] = random.u8(b'0'..=b'z');
        }
    }
    String::from_utf8_lossy(&token).into_owned()
}

/// OTLP JSON for `/api/transform`, whole or mutated.
fn otlp(random: &mut Rng, known: &Known) -> Vec<u8> {
    let id = values::hex_id(random, known);
    let span = serde_json::json!({
        "traceId": id, "spanId": "eee19b7ec3c1b174", "name": values::text(random, known),
        "startTimeUnixNano": values::number(random), "endTimeUnixNano": values::number(random),
        "attributes": [{"key": "k", "value": {"doubleValue": "NaN"}}, {"key": "b", "value": {"bytesValue": "AAEC"}}],
    });
    let mut body =
        serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string().into_bytes();
    for _ in 0..random.usize(..3) {
        let at = random.usize(..body.len());
        match random.u8(..3) {
            0 => body.truncate(at),
            1 => body[at] = random.u8(..),
            _ => body = [&body[..at], &b"[".repeat(random.usize(..5_000)), &body[at..]].concat(),
        }
        if body.is_empty() {
            break;
        }
    }
    body
}

/// Every byte that is no letter or digit as a percent sign and its number; no question is changed on its way.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| {
        if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(escape).collect()
}

async fn judge(scene: &Scene, question: &Question) -> Result<()> {
    let url = format!("{}{}", scene.spoor.url("query-http"), question.address);
    let request = match &question.body {
        None => scene.client.get(url),
        Some(body) => scene.client.post(url).body(body.clone()),
    };
    let answer = scene.by_http(request).await?;
    let status = answer.status().as_u16();
    let body = answer.text().await?;
    let start: String = body.chars().take(600).collect();
    match status {
        200 => drop(serde_json::from_str::<Value>(&body).with_context(|| format!("no JSON: {start}"))?),
        400 => names_what_is_wrong(&question.address, &body).with_context(|| start.clone())?,
        404 => {}
        500 if scene.archive == Archive::Off && question.address.starts_with("/api/archive/") => {
            ensure!(body.contains("archive span storage was not configured"), "{start}");
        }
        429 | 500 | 504 if scene.metrics == Metrics::Broken => {
            ensure!(body.contains("Prometheus"), "{start}")
        }
        _ => anyhow::bail!("{status}: {start}"),
    }
    Ok(())
}

/// The message has the name of a parameter that was asked with, or says what of the path or the body is wrong.
fn names_what_is_wrong(address: &str, body: &str) -> Result<()> {
    let error: Value = serde_json::from_str(body)?;
    let message = error["errors"][0]["msg"].as_str().or_else(|| error["error"]["message"].as_str());
    let message = message.context("an error has a message")?.to_lowercase();
    let (_, query) = address.split_once('?').unwrap_or_default();
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    let of_route = [
        "service",
        "quantile",
        "query.starttimemin",
        "trace id",
        "trace_id",
        "path",
        "otlp",
        "json",
        "prometheus",
    ];
    let is_named = names.any(|name| !name.is_empty() && message.contains(&name.to_lowercase()));
    ensure!(is_named || of_route.iter().any(|word| message.contains(word)), "it names nothing");
    Ok(())
}

/// What is no request, or one that nobody means: it ends with a code of the 400s or with the connection.
pub(crate) async fn bytes_that_hardly_are_http(scene: &Scene) -> Result<()> {
    let long = "x".repeat(1 << 20);
    let requests: Vec<(&str, Vec<u8>)> = vec![
        ("a long address", format!("GET /api/traces?service={long} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes()),
        ("a long header", format!("GET /api/services HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n").into_bytes()),
        (
            "many headers",
            format!("GET /api/services HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(10_000)).into_bytes(),
        ),
        ("a header that is no text", b"GET /api/services HTTP/1.1\r\nhost: a\r\nx\0: \x01\r\n\r\n".to_vec()),
        ("an address that is no text", b"GET /api/traces?service=\xff\x00 HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
        ("a length that lies", b"POST /api/transform HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n{}".to_vec()),
        ("two lengths", b"POST /api/transform HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec()),
        ("chunks that lie", b"POST /api/transform HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n".to_vec()),
        ("a version that is not", b"GET /api/services HTTP/9.9\r\nhost: a\r\n\r\n".to_vec()),
    ];
    for (name, request) in requests {
        let mut stream = tokio::net::TcpStream::connect(scene.spoor.address("query-http")).await?;
        // The server may close the connection while we write or read: that is an answer too.
        let _ = stream.write_all(&request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.context(name)?;
        let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        ensure!(line.is_empty() || line.contains(" 4"), "{name}: {line}");
        scene.good().await.with_context(|| format!("a good question behind {name}"))?;
    }
    Ok(())
}
