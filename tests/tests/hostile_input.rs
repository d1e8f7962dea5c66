//! Story: whatever is thrown at the receivers, the right code comes back, nothing grows, and other senders are served.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Client, StatusCode};
use spoor_load::{Protocol, SendConfig};
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor};

const MIB: usize = 1024 * 1024;

struct Attack {
    name: &'static str,
    content_type: &'static str,
    encoding: Option<&'static str>,
    body: Vec<u8>,
    expected: &'static [u16],
}

fn attack(name: &'static str, content_type: &'static str, body: Vec<u8>, expected: &'static [u16]) -> Attack {
    Attack { name, content_type, encoding: None, body, expected }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory works");
    encoder.finish().expect("writing to memory works")
}

/// Lists in lists, `depth` deep, as an attribute's value.
fn nested_json(depth: usize) -> Vec<u8> {
    let open = r#"{"arrayValue":{"values":["#.repeat(depth);
    let close = "]}}".repeat(depth);
    let span = format!(r#"{{"attributes":[{{"key":"k","value":{open}{close}}}]}}"#);
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#).into_bytes()
}

fn attacks() -> Vec<Attack> {
    const PROTOBUF: &str = "application/x-protobuf";
    const JSON: &str = "application/json";
    let good = requests(1, 512, 512).remove(0).body;
    let mut zstd_bomb = attack(
        "zstd bomb",
        PROTOBUF,
        zstd::encode_all(&vec![0; 512 * MIB][..], 3).unwrap_or_default(),
        &[413],
    );
    zstd_bomb.encoding = Some("zstd");
    let mut gzip_bomb = attack("gzip bomb", PROTOBUF, gzip(&vec![0; 512 * MIB]), &[413]);
    gzip_bomb.encoding = Some("gzip");
    let mut torn = attack("torn gzip", PROTOBUF, gzip(&good)[..100].to_vec(), &[400]);
    torn.encoding = Some("gzip");
    let mut unknown = attack("unknown encoding", PROTOBUF, good.to_vec(), &[400, 415]);
    unknown.encoding = Some("br");
    vec![
        zstd_bomb,
        gzip_bomb,
        torn,
        unknown,
        attack("oversized", PROTOBUF, vec![0; 64 * MIB], &[413]),
        attack("cut short", PROTOBUF, good[..good.len() - 7].to_vec(), &[400]),
        attack("a length that lies", PROTOBUF, vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], &[400]),
        attack("an endless varint", PROTOBUF, vec![0xff; 64], &[400]),
        attack("millions of empty messages", PROTOBUF, [0x0a, 0x00].repeat(8 * MIB), &[200, 400]),
        attack("deep JSON", JSON, nested_json(100_000), &[400]),
        attack("no JSON", JSON, b"{\"resourceSpans\":".to_vec(), &[400]),
        attack("JSON of another shape", JSON, b"[1,2,3]".to_vec(), &[400]),
        attack("a wrong content type", "text/plain", good.to_vec(), &[415]),
        attack("no content type", "", good.to_vec(), &[415]),
        attack("an empty body", PROTOBUF, Vec::new(), &[200]),
    ]
}

async fn throw(client: &Client, url: &str, attack: &Attack) -> Result<StatusCode> {
    let mut request = client.post(url).body(attack.body.clone());
    if !attack.content_type.is_empty() {
        request = request.header("content-type", attack.content_type);
    }
    if let Some(encoding) = attack.encoding {
        request = request.header("content-encoding", encoding);
    }
    Ok(request.send().await?.status())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_get_their_codes_and_cost_nobody_else_anything() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let url = format!("{}/v1/traces", spoor.url("otlp-http"));
    let client = Client::new();
    // An answer that others cost it is not to be had by asking again.
    let config = SendConfig { retry_for: Duration::ZERO, ..to(&spoor, Protocol::OtlpGrpc, 1) };
    let honest = tokio::spawn(async move { send(&config, requests(2, 20_000, 100)).await });
    for attack in attacks() {
        match throw(&client, &url, &attack).await {
            Ok(status) => ensure!(attack.expected.contains(&status.as_u16()), "{}: {status}", attack.name),
            // A body refused before it was read to the end may cost its sender the connection instead of the answer.
            Err(error) => ensure!(attack.expected == [413], "{}: {error:#}", attack.name),
        }
    }
    let report = honest.await??;
    ensure!(report.acknowledged.spans == 20_000, "an honest sender is served all the while: {report}");
    let metrics = spoor.metrics().await?;
    let peak = metrics.sum("process_peak_resident_memory_bytes", "");
    ensure!(peak < 400.0 * 1024.0 * 1024.0, "memory stayed bounded: the peak was {peak} bytes");
    ensure!(
        metrics.sum("spoor_collector_requests_refused_total", "") >= 10.0,
        "refused requests are counted"
    );
    let log = spoor.log();
    ensure!(!log.contains("panicked"), "{log}");
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_no_protocol_at_all_do_not_stop_a_listener() -> Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    for listener in ["otlp-grpc", "otlp-http", "jaeger-grpc", "query-http", "admin"] {
        for seed in 0..20_u8 {
            let mut stream = tokio::net::TcpStream::connect(spoor.address(listener)).await?;
            let noise: Vec<u8> =
                (0..4096_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect();
            // The server may close the connection while we write or read: that is an answer too.
            let _ = stream.write_all(&noise).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
    let report = send(&to(&spoor, Protocol::OtlpGrpc, 1), requests(3, 1_000, 100)).await?;
    ensure!(report.acknowledged.spans == 1_000, "{report}");
    ensure!(
        spoor.query("/api/services").await?.0 == 200 && !spoor.log().contains("panicked"),
        "{}",
        spoor.log()
    );
    Ok(())
}
