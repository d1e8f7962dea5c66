//! OTLP to an agent: what it acknowledges outlives the agent and the collectors' absence.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use spoor_load::{GenerateConfig, Outcome, Protocol, Requests, SendConfig, SpanKey};
use spoor_tests::traffic::{keys_of, now, send};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::free_address;

const PATIENCE: Duration = Duration::from_secs(60);
const SPANS: u64 = 2_000;

/// Sends spans of their own seed; answers those that the agent has acknowledged.
async fn acknowledged(
    agent: &Spoor,
    listener: &str,
    protocol: Protocol,
    seed: u64,
) -> Result<BTreeSet<SpanKey>> {
    let generate = GenerateConfig { seed, ..GenerateConfig::default() }.with_spans(SPANS);
    let requests = Requests::new(&generate, now(), protocol).collect();
    let config = SendConfig {
        endpoint: Some(agent.url(listener)),
        protocol,
        deadline: Duration::from_secs(20),
        record: true,
        ..SendConfig::default()
    };
    let report = send(&config, requests).await?;
    let keys = keys_of(&report, |outcome| *outcome == Outcome::Acknowledged);
    ensure!(keys.len() as u64 == SPANS, "{} of {SPANS} are acknowledged", keys.len());
    Ok(keys)
}

/// The spans that the all-in-one's store holds of these traces.
async fn held(collector: &Spoor, wanted: &BTreeSet<SpanKey>) -> Result<usize> {
    let traces: BTreeSet<_> = wanted.iter().map(|(trace, _)| *trace).collect();
    let mut held = 0;
    for trace in traces {
        let (_, answer) = collector.query(&format!("/api/traces/{trace}")).await?;
        let spans = answer["data"][0]["spans"].as_array().map_or(&[][..], Vec::as_slice);
        let is_wanted = |span: &&Value| {
            let id = span["spanID"].as_str().and_then(|id| id.parse().ok());
            id.is_some_and(|id| wanted.contains(&(trace, id)))
        };
        held += spans.iter().filter(is_wanted).count();
    }
    Ok(held)
}

#[tokio::test]
async fn what_an_agent_acknowledges_while_collectors_are_away_is_stored_although_it_is_killed() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let address = free_address()?;
    let (target, spool) = (
        format!("--reporter.grpc.host-port={address}"),
        format!("--agent.spool.directory={}", folder.path().display()),
    );
    let flags = [
        target.as_str(),
        spool.as_str(),
        "--agent.otlp.grpc.host-port=127.0.0.1:0",
        "--agent.otlp.http.host-port=127.0.0.1:0",
    ];
    let agent = Spoor::start(Role::Agent, &flags).await?;
    let mut keys = acknowledged(&agent, "agent-otlp-grpc", Protocol::OtlpGrpc, 1).await?;
    keys.extend(acknowledged(&agent, "agent-otlp-http", Protocol::OtlpHttp, 2).await?);
    agent.kill().await?;
    // Both at once: it takes new ones while it delivers the old ones.
    let agent = Spoor::start(Role::Agent, &flags).await?;
    let own = format!("--collector.grpc-server.host-port={address}");
    let collector = Spoor::start(Role::AllInOne, &[&own]).await?;
    keys.extend(acknowledged(&agent, "agent-otlp-http", Protocol::OtlpHttpJson, 3).await?);
    eventually("all that was acknowledged is stored", PATIENCE, || async {
        let held = held(&collector, &keys).await?;
        ensure!(held == keys.len(), "{held} of {}", keys.len());
        Ok(())
    })
    .await?;
    let metrics = agent.metrics().await?;
    ensure!(metrics.sum("spoor_agent_spans_dropped_total", "") < 0.5);
    let requests = metrics.sum("spoor_agent_otlp_requests_total", "transport=\"http\",result=\"ok\"");
    ensure!(requests > 0.5, "they are counted");
    let ended = agent.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}

#[tokio::test]
async fn a_full_agent_asks_senders_to_come_again_and_loses_nothing_that_it_took() -> Result<()> {
    let flags = [
        "--reporter.grpc.host-port=127.0.0.1:1",
        "--agent.otlp.http.host-port=127.0.0.1:0",
        "--agent.buffer-max-bytes=8MiB",
        "--agent.otlp.max-request-bytes=2MiB",
    ];
    let agent = Spoor::start(Role::Agent, &flags).await?;
    let generate = GenerateConfig::default().with_spans(200);
    let request = Requests::new(&generate, now(), Protocol::OtlpHttp).next();
    let Some(request) = request else { anyhow::bail!("one request was asked for") };
    let client = reqwest::Client::new();
    let url = format!("{}/v1/traces", agent.url("agent-otlp-http"));
    let mut taken = 0_u32;
    let refused = loop {
        let post = client.post(&url).header("content-type", "application/x-protobuf");
        let answer = post.body(request.body.clone()).send().await?;
        if !answer.status().is_success() {
            break answer;
        }
        taken += 1;
        ensure!(taken < 10_000, "it takes without end");
    };
    ensure!(refused.status() == 429 && refused.headers().contains_key("retry-after"), "{refused:?}");
    let metrics = agent.metrics().await?;
    ensure!(taken > 0 && metrics.sum("spoor_agent_spans_dropped_total", "") < 0.5);
    ensure!(metrics.sum("spoor_agent_spans_waiting", "") > 0.5);
    ensure!(metrics.sum("spoor_agent_otlp_requests_total", "result=\"buffer-full\"") > 0.5);
    Ok(())
}

/// OTLP's flag of a random id is Jaeger's debug flag by its number.
#[tokio::test]
async fn spans_with_random_ids_are_no_debug_spans_behind_an_agent() -> Result<()> {
    let collector = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let target = format!("--reporter.grpc.host-port={}", collector.address("jaeger-grpc"));
    let agent = Spoor::start(Role::Agent, &[&target, "--agent.otlp.http.host-port=127.0.0.1:0"]).await?;
    let (start, end) = (now().0, now().0 + 1);
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "random"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": "000000000000000000000000000000ab", "spanId": "00000000000000cd", "name": "GET", "flags": 0x103,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
        }]}],
    }]});
    let url = format!("{}/v1/traces", agent.url("agent-otlp-http"));
    let answer = reqwest::Client::new().post(url).json(&request).send().await?;
    ensure!(answer.status().is_success(), "{answer:?}");
    eventually("the span is found as a sampled one", PATIENCE, || async {
        let (_, answer) = collector.query("/api/traces/ab").await?;
        ensure!(answer["data"][0]["spans"][0]["flags"] == 1, "{answer}");
        Ok(())
    })
    .await?;
    let metrics = collector.metrics().await?;
    let received = |debug: &str| {
        metrics.sum("jaeger_collector_spans_received_total", &format!("svc=\"random\",debug=\"{debug}\""))
    };
    let counts = (received("false"), received("true"));
    ensure!(counts == (1.0, 0.0), "without debug, and with it: {counts:?}");
    Ok(())
}
