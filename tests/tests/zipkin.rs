//! Story: Zipkin's senders, whatever they write, find on their port what they know: their spans come back through the query's API,
//! and their mistakes are answered as they are used to.

use std::io::Write;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use spoor_proto::wire::Writer;
use spoor_tests::{Role, Spoor, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PORT: &str = "--collector.zipkin.host-port=127.0.0.1:0";
const MEMORY: &str = "--span-storage.type=memory";
const JSON: &str = "application/json";

async fn start(more: &[&str]) -> Result<Spoor> {
    Spoor::start(Role::AllInOne, &[&[MEMORY, PORT], more].concat()).await
}

async fn post(spoor: &Spoor, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Response> {
    let url = format!("{}{path}", spoor.url("zipkin"));
    Ok(Client::new().post(url).header(CONTENT_TYPE, content_type).body(body.into()).send().await?)
}

async fn accepted(spoor: &Spoor, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Result<()> {
    let answer = post(spoor, path, content_type, body).await?;
    let (status, text) = (answer.status().as_u16(), answer.text().await?);
    ensure!((status, text.as_str()) == (202, ""), "{path} as {content_type}: {status} {text:?}");
    Ok(())
}

/// The only span of a trace, and its process.
async fn span(spoor: &Spoor, trace_id: &str) -> Result<(Value, Value)> {
    let (status, body) = spoor.query(&format!("/api/traces/{trace_id}")).await?;
    ensure!(status == 200, "{trace_id}: {status} {body}");
    let trace = &body["data"][0];
    let span = trace["spans"][0].clone();
    let process = trace["processes"][span["processID"].as_str().context("a process")?].clone();
    Ok((span, process))
}

fn tag<'a>(owner: &'a Value, key: &str) -> &'a Value {
    let found = owner["tags"].as_array().into_iter().flatten().find(|tag| tag["key"] == key);
    found.map_or(&Value::Null, |tag| &tag["value"])
}

fn now_micros() -> u64 {
    let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
    u64::try_from(now).expect("after 1970")
}

fn v2(trace_id: &str, start: u64) -> Value {
    json!({
        "traceId": trace_id, "id": "b2", "parentId": "a1", "name": "get", "kind": "CLIENT", "timestamp": start, "duration": 1500,
        "shared": true, "localEndpoint": {"serviceName": "shop", "ipv4": "10.0.0.1", "port": 80},
        "remoteEndpoint": {"serviceName": "cart", "ipv6": "2001:db8::1", "port": 9000},
        "annotations": [{"timestamp": start + 10, "value": "wire sent"}],
        "tags": {"http.path": "/ü", "error": "true", "host.name": "node-7"},
    })
}

fn v2_in_protobuf(trace_id: u64, start: u64) -> Vec<u8> {
    let mut body = Vec::new();
    Writer::new(&mut body).message(1, |span| {
        span.bytes(1, &u128::from(trace_id).to_be_bytes());
        span.bytes(2, &0xa1_u64.to_be_bytes());
        span.bytes(3, &0xb2_u64.to_be_bytes());
        span.varint(4, 1);
        span.string(5, "get");
        span.fixed64(6, start);
        span.varint(7, 1500);
        span.message(8, |local| {
            local.string(1, "shop");
            local.bytes(2, &[10, 0, 0, 1]);
            local.varint(4, 80);
        });
        span.message(9, |remote| {
            remote.string(1, "cart");
            remote.bytes(3, &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            remote.varint(4, 9000);
        });
        span.message(10, |annotation| {
            annotation.fixed64(1, start + 10);
            annotation.string(2, "wire sent");
        });
        for (key, value) in [("http.path", "/ü"), ("error", "true"), ("host.name", "node-7")] {
            span.message(11, |entry| {
                entry.string(1, key);
                entry.string(2, value);
            });
        }
    });
    body
}

fn check_v2(span: &Value, process: &Value, start: u64) -> Result<()> {
    ensure!(span["operationName"] == "get" && span["startTime"] == start && span["duration"] == 1500);
    ensure!(span["references"][0]["spanID"] == "00000000000000a1", "the parent");
    ensure!(
        tag(span, "span.kind") == "client" && tag(span, "error") == true && tag(span, "http.path") == "/ü"
    );
    ensure!(tag(span, "net.host.ip") == "10.0.0.1" && tag(span, "net.host.port") == 80, "this side");
    ensure!(tag(span, "peer.service") == "cart" && tag(span, "net.peer.port") == 9000, "the other side");
    ensure!(tag(span, "net.peer.ip") == "2001:db8::1", "its address");
    ensure!(span["logs"][0]["timestamp"] == start + 10, "the annotation's time");
    ensure!(span["logs"][0]["fields"][0]["value"] == "wire sent", "the annotation");
    ensure!(process["serviceName"] == "shop" && tag(process, "host.name") == "node-7", "the process");
    Ok(())
}

#[tokio::test]
async fn spans_of_v2_come_back_from_either_encoding_compressed_or_not() -> Result<()> {
    let spoor = start(&[]).await?;
    let start = now_micros();
    accepted(&spoor, "/api/v2/spans", JSON, json!([v2("1", start)]).to_string()).await?;
    accepted(&spoor, "/api/v2/spans", "application/x-protobuf", v2_in_protobuf(2, start)).await?;
    // Any other path is v2 as well, and any other content type is JSON.
    accepted(&spoor, "/", "text/plain; charset=utf-8", json!([v2("3", start)]).to_string()).await?;
    let body = json!([v2("4", start)]).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.replace("\"4\"", "\"5\"").as_bytes())?;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(body.as_bytes())?;
    for (encoding, body) in [("gzip", gzip.finish()?), ("deflate", zlib.finish()?)] {
        let request = Client::new().post(format!("{}/api/v2/spans", spoor.url("zipkin")));
        let request = request.header(CONTENT_ENCODING, encoding).header(CONTENT_TYPE, JSON);
        let answer = request.body(body).send().await?;
        ensure!(answer.status() == 202, "{encoding}: {}", answer.text().await?);
    }
    for trace_id in ["1", "2", "3", "4", "5"] {
        let (span, process) = span(&spoor, trace_id).await?;
        check_v2(&span, &process, start)
            .with_context(|| format!("trace {trace_id}: {span:#} {process:#}"))?;
    }
    let metrics = spoor.metrics().await?;
    let received = metrics.sum("jaeger_collector_spans_received_total", "format=\"zipkin\"");
    ensure!(received == 5.0, "{received} received");
    ensure!(metrics.sum("jaeger_collector_spans_saved_by_svc_total", "svc=\"shop\"") == 5.0, "saved");
    ensure!(metrics.sum("jaeger_collector_http_request_duration_count", "path=\"/api/v2/spans\"") == 4.0);
    Ok(())
}

#[tokio::test]
async fn spans_of_v1_come_back_from_either_encoding() -> Result<()> {
    let spoor = start(&[]).await?;
    let start = now_micros();
    let host = json!({"serviceName": "cart", "ipv4": "10.0.0.2", "port": 8080});
    let one = json!({
        "traceId": "0000000000000001", "id": "00000000000000b2", "name": "post", "debug": true,
        "annotations": [
            {"timestamp": start, "value": "sr", "endpoint": host},
            {"timestamp": start + 5, "value": "parsed", "endpoint": host},
            {"timestamp": start + 70, "value": "ss", "endpoint": host},
        ],
        "binaryAnnotations": [
            {"key": "http.path", "value": "/x", "endpoint": host},
            {"key": "ca", "value": true, "endpoint": {"serviceName": "shop", "ipv4": "10.0.0.1"}},
        ],
    });
    accepted(&spoor, "/api/v1/spans", JSON, json!([one]).to_string()).await?;
    let (span, process) = span(&spoor, "1").await?;
    ensure!(span["startTime"] == start && span["duration"] == 70, "times of annotations: {span:#}");
    ensure!(tag(&span, "span.kind") == "server" && tag(&span, "peer.service") == "shop", "{span:#}");
    ensure!(span["logs"].as_array().map(Vec::len) == Some(1), "core annotations are no logs: {span:#}");
    ensure!(process["serviceName"] == "cart" && tag(&process, "port") == "8080", "{process:#}");
    accepted(&spoor, "/api/v1/spans", "application/x-thrift", thrift_span(2, start)).await?;
    let (span, process) = self::span(&spoor, "2").await?;
    ensure!(span["operationName"] == "thrifty" && span["startTime"] == start && span["duration"] == 7);
    ensure!(process["serviceName"] == "unknown-service", "{process:#}");
    Ok(())
}

/// A list of one span that has ids, a name and times.
fn thrift_span(trace_id: i64, start: u64) -> Vec<u8> {
    let mut body = vec![12, 0, 0, 0, 1];
    let start = i64::try_from(start).expect("our age");
    for (field, value) in [(1_u8, trace_id), (4, 0xb2), (10, start), (11, 7)] {
        body.extend([10, 0, field]);
        body.extend(value.to_be_bytes());
    }
    body.extend([11, 0, 3, 0, 0, 0, 7]);
    body.extend(b"thrifty\0");
    body
}

#[tokio::test]
async fn mistakes_are_answered_as_zipkins_senders_know_it() -> Result<()> {
    let spoor = start(&["--collector.zipkin.max-request-size=100000"]).await?;
    let zeros = json!([{"traceId": "0", "id": "1"}, v2("1", now_micros())]).to_string();
    let cases: [(&str, &str, Vec<u8>, u16, &str); 9] = [
        ("/api/v2/spans", JSON, b"[]".to_vec(), 202, ""),
        ("/api/v2/spans", JSON, b"[{".to_vec(), 400, "cannot decode spans"),
        ("/api/v2/spans", JSON, Vec::new(), 400, "cannot decode spans"),
        ("/api/v2/spans", "application/x-protobuf", b"[]".to_vec(), 400, "cannot decode ListOfSpans"),
        ("/api/v2/spans", "application/x-protobuf; v=2", b"\x0a\x00".to_vec(), 400, "cannot decode spans"),
        ("/api/v1/spans", "application/x-thrift", b"[]".to_vec(), 400, "cannot decode list<Span>"),
        ("/api/v1/spans", JSON, json!([v2("1", 1)]).to_string().into(), 400, "16 hex digits"),
        ("/api/v2/spans", JSON, vec![b' '; 100_001], 413, "100000 bytes"),
        ("/api/v2/spans", JSON, zeros.into(), 400, "\"Bad Request\""),
    ];
    for (path, content_type, body, status, words) in cases {
        let answer = post(&spoor, path, content_type, body).await?;
        let (found, text) = (answer.status().as_u16(), answer.text().await?);
        ensure!(
            found == status && text.contains(words),
            "{path} {content_type}: {found} {text:?}, not {status}"
        );
    }
    let (span, _) = span(&spoor, "1").await?;
    ensure!(span["operationName"] == "get", "what stood beside a span that cannot be stored is stored");
    let url = format!("{}/api/v2/spans", spoor.url("zipkin"));
    ensure!(Client::new().get(&url).send().await?.status() == 405, "only POST");
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20])?;
    let bomb = Client::new().post(&url).header(CONTENT_ENCODING, "gzip").body(bomb.finish()?).send().await?;
    ensure!(bomb.status() == 413, "{}", bomb.status());
    let brotli = Client::new().post(&url).header(CONTENT_ENCODING, "br").body("x").send().await?;
    ensure!(brotli.status() == 415, "{}", brotli.status());
    Ok(())
}

#[tokio::test]
async fn who_comes_while_all_places_are_taken_is_told_when_to_come_again() -> Result<()> {
    let spoor = start(&["--collector.max-concurrent-requests=1"]).await?;
    let mut slow = TcpStream::connect(spoor.address("zipkin")).await?;
    slow.write_all(
        b"POST /api/v2/spans HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[",
    )
    .await?;
    eventually("the place is taken", Duration::from_secs(30), || async {
        let held = spoor.metrics().await?.sum("spoor_collector_requests_in_flight", "");
        ensure!(held == 1.0, "{held} requests");
        Ok(())
    })
    .await?;
    let answer = post(&spoor, "/api/v2/spans", JSON, "[]").await?;
    ensure!(answer.status() == 429 && answer.headers().contains_key(RETRY_AFTER), "{answer:?}");
    slow.write_all(b"]").await?;
    let mut text = String::new();
    slow.read_to_string(&mut text).await?;
    ensure!(text.starts_with("HTTP/1.1 202"), "{text}");
    Ok(())
}

#[tokio::test]
async fn while_the_store_is_away_the_answer_is_500_with_when_to_come_again() -> Result<()> {
    let away = ["--es.server-urls=http://127.0.0.1:1", "--collector.write-timeout=1s", PORT];
    let spoor = Spoor::start(Role::Collector, &away).await?;
    let body = json!([v2("1", now_micros())]).to_string();
    let answer = post(&spoor, "/api/v2/spans", JSON, body).await?;
    ensure!(answer.status() == 500 && answer.headers().contains_key(RETRY_AFTER), "{answer:?}");
    ensure!(answer.text().await? == "\"Internal Server Error\"");
    Ok(())
}

#[tokio::test]
async fn a_tenant_is_asked_for_where_tenancy_is_on() -> Result<()> {
    let spoor =
        start(&["--multi-tenancy.enabled", "--multi-tenancy.tenants=red", "--reporter.grpc.tenant=red"])
            .await?;
    let send = async |tenant: Option<&str>| -> Result<u16> {
        let request = Client::new().post(format!("{}/api/v2/spans", spoor.url("zipkin"))).body("[]");
        let request = tenant.into_iter().fold(request, |request, tenant| request.header("x-tenant", tenant));
        Ok(request.send().await?.status().as_u16())
    };
    ensure!(send(None).await? == 401 && send(Some("blue")).await? == 401 && send(Some("red")).await? == 202);
    Ok(())
}

#[tokio::test]
async fn browsers_are_answered_where_their_origin_is_allowed_under_either_name() -> Result<()> {
    let spoor = start(&[
        "--collector.zipkin.allowed-origins=https://old.example",
        "--collector.zipkin.cors.allowed-origins=https://new.example",
        "--collector.zipkin.keep-alive=false",
    ])
    .await?;
    let url = format!("{}/api/v2/spans", spoor.url("zipkin"));
    let client = Client::new();
    for (origin, allowed) in
        [("https://old.example", true), ("https://new.example", true), ("https://x.example", false)]
    {
        let preflight = client
            .request(Method::OPTIONS, &url)
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = preflight.send().await?;
        ensure!(answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) == allowed, "{origin}");
    }
    let answer = client.post(&url).body("[]").send().await?;
    ensure!(answer.headers().get(CONNECTION).is_some_and(|value| value == "close"), "no keep-alive");
    Ok(())
}

#[tokio::test]
async fn the_port_is_closed_unless_asked_for() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &[MEMORY]).await?;
    spoor.ready().await?;
    ensure!(!spoor.log().contains("\"listener\":\"zipkin\""), "{}", spoor.log());
    Ok(())
}
