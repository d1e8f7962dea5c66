//! Answers of more than 50 MB, and whether a client that reads one slowly has it whole in the end.

use anyhow::{Context, Result, ensure};
use reqwest::Response;
use serde_json::json;
use spoor_tests::Spoor;
use spoor_tests::server::response;
use spoor_tests::traffic::now;

/// So many spans with so long a text.
const SPANS: usize = 6_000;
const TEXT: usize = 9_000;
const TRACE: &str = "000000000000000000000000001a46e0";
const BYTES: usize = 50_000_000;

/// Stores the trace.
pub(crate) async fn send(collector: &Spoor) -> Result<()> {
    let http = reqwest::Client::new();
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    for first in (0..SPANS).step_by(300) {
        let spans: Vec<_> = (first..first + 300).map(span).collect();
        let service = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "large"}}]});
        let request = json!({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": spans}]}]});
        response(http.post(&url).json(&request)).await?.error_for_status()?;
    }
    Ok(())
}

fn span(number: usize) -> serde_json::Value {
    let start = now().0 - 60_000_000_000 + number as u64 * 1_000_000;
    let text = format!("{number:08}").repeat(TEXT / 8);
    json!({
        "traceId": TRACE, "spanId": format!("{:016x}", number + 1), "name": "large",
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 5_000_000).to_string(),
        "attributes": [{"key": "text", "value": {"stringValue": text}}],
    })
}

/// An answer that has begun. Nothing is read of it unless it is asked for, so that the rest waits in the server.
pub(crate) struct Large {
    answer: Response,
    read: Vec<u8>,
}

impl Large {
    pub(crate) async fn begin(site: &str) -> Result<Self> {
        let answer = reqwest::get(format!("{site}/api/traces/{TRACE}?raw=true")).await?.error_for_status()?;
        Ok(Self { answer, read: Vec::new() })
    }

    /// Reads the rest: whether it is the whole answer. One that breaks off is told from a whole one by its connection, whatever came.
    pub(crate) async fn ends_whole(mut self) -> Result<bool> {
        loop {
            match self.answer.chunk().await {
                Ok(Some(chunk)) => self.read.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => {
                    ensure!(self.read.len() < BYTES, "it broke off behind its end");
                    return Ok(false);
                }
            }
        }
        ensure!(self.read.len() > BYTES, "an answer of {} bytes looks whole", self.read.len());
        let answer: serde_json::Value = serde_json::from_slice(&self.read).context("read a large answer")?;
        let spans = answer["data"][0]["spans"].as_array().map_or(0, Vec::len);
        ensure!(spans == SPANS, "{spans} of {SPANS} spans came");
        Ok(true)
    }
}

/// Large answers that are under way, one by each of the two servers at least: the servers' own counts tell where they went.
pub(crate) async fn by_each(site: &str, servers: [&Spoor; 2]) -> Result<Vec<Large>> {
    let before = [asked(servers[0]).await?, asked(servers[1]).await?];
    let mut under_way = Vec::new();
    for _ in 0..8 {
        under_way.push(Large::begin(site).await?);
        if asked(servers[0]).await? > before[0] && asked(servers[1]).await? > before[1] {
            return Ok(under_way);
        }
    }
    anyhow::bail!("8 answers at a time, and all by one server")
}

async fn asked(server: &Spoor) -> Result<f64> {
    Ok(server.metrics().await?.sum("jaeger_query_requests_total", r#"operation="get_trace""#))
}
