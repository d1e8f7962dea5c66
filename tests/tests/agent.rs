//! The agent between a UDP client and several collectors: nobody notices that collectors come and go, and every span is accounted for.
#![expect(clippy::unwrap_used, reason = "what the stories stand on must be there")]

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_model::{ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, UnixNanos};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_tests::traffic::datagram;
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::free_address;

const PATIENCE: Duration = Duration::from_secs(60);
/// Datagrams under way at a time: far fewer than have room in the kernel's usual buffer.
const UNREAD: u64 = 50;
const RECEIVED: &str = "spoor_agent_spans_received_total";
const REFUSED: &str = "jaeger_agent_thrift_udp_t_processor_handler_errors_total";

/// So many spans of one new trace.
fn batch(trace: u64, spans: u64) -> SpanBatch {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_nanos()).unwrap();
    let mut builder = SpanBatchBuilder::new();
    let service = builder.text("shop");
    let resource = builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    for id in 1..=spans {
        let name = builder.text("work");
        builder.push_span(SpanRow {
            trace_id: TraceId(u128::from(trace)),
            span_id: SpanId(id),
            scope,
            name,
            start: UnixNanos(now),
            end: UnixNanos(now + 1_000),
            ..SpanRow::default()
        });
    }
    builder.finish().unwrap()
}

/// A Jaeger client with one socket, which notices nothing but what its own kernel tells it.
struct Client {
    socket: UdpSocket,
    address: String,
    sent: u64,
}

impl Client {
    fn of(agent: &Spoor) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self { socket, address: agent.address("jaeger-compact"), sent: 0 }
    }

    /// Sends so many datagrams of ten spans each, a trace each, over some time; the next few when the agent has counted the last, so that
    /// none is lost for want of room in the kernel, however little of the machine the agent gets. At the end it has counted all.
    async fn send(&mut self, agent: &Spoor, datagrams: u64) -> Result<()> {
        for number in 1..=datagrams {
            self.sent += 10;
            let packet = datagram(ThriftProtocol::Compact, &batch(self.sent, 10));
            self.socket.send_to(&packet, &self.address)?;
            if number.is_multiple_of(UNREAD) {
                reaches(agent, RECEIVED, self.sent).await?;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reaches(agent, RECEIVED, self.sent).await
    }

    /// Waits until an agent of one worker, which gathers nothing, has written what was sent to its spool: when it has refused what came behind.
    async fn is_written(&self, agent: &Spoor) -> Result<()> {
        self.socket.send_to(b"hello", &self.address)?;
        reaches(agent, REFUSED, 1).await
    }
}

/// Waits until a metric of the agent's has this value.
async fn reaches(agent: &Spoor, metric: &str, value: u64) -> Result<()> {
    eventually(metric, PATIENCE, || async {
        let now = agent.metrics().await?.sum(metric, "");
        ensure!((now - to_f64(value)).abs() < 0.5, "{metric} is {now}, not {value}");
        Ok(())
    })
    .await
}

fn to_f64(value: u64) -> f64 {
    f64::from(u32::try_from(value).unwrap())
}

/// Spans that a collector has counted as stored.
async fn stored(collector: &Spoor) -> Result<f64> {
    Ok(collector.metrics().await?.sum("spoor_collector_spans_stored_total", ""))
}

/// A collector with a store of its own, in memory: what matters here is what it was given.
async fn collector(address: &str) -> Result<Spoor> {
    let address = format!("--collector.grpc-server.host-port={address}");
    Spoor::start(Role::AllInOne, &[&address]).await
}

#[tokio::test]
async fn three_collectors_one_killed_and_one_drained_under_load_cost_no_span_and_the_load_comes_back()
-> Result<()> {
    let addresses = [free_address()?, free_address()?, free_address()?];
    let mut collectors = Vec::new();
    for address in &addresses {
        collectors.push(collector(address).await?);
    }
    let targets = format!("--reporter.grpc.host-port={}", addresses.join(","));
    let agent = Spoor::start(Role::Agent, &[&targets, "--reporter.grpc.batch-linger=5ms"]).await?;
    reaches(&agent, "spoor_agent_connections", 3).await?;
    let mut client = Client::of(&agent);
    client.send(&agent, 300).await?;
    reaches(&agent, "spoor_agent_spans_delivered_total", client.sent).await?;
    for collector in &collectors {
        ensure!(stored(collector).await? > 300.0, "each gets its share");
    }
    // Killed and drained while spans come.
    let (third, second) = (collectors.pop().unwrap(), collectors.pop().unwrap());
    let (sending, ()) = tokio::join!(client.send(&agent, 1000), async {
        third.kill().await.unwrap();
        let ended = second.stop().await.unwrap();
        assert!(ended.status.success(), "{}", ended.log);
    });
    sending?;
    reaches(&agent, "spoor_agent_spans_delivered_total", client.sent).await?;
    let metrics = agent.metrics().await?;
    for nothing in
        ["spoor_agent_spans_dropped_total", "spoor_agent_spans_waiting", "spoor_agent_spans_in_flight"]
    {
        ensure!(metrics.sum(nothing, "") < 0.5, "{nothing}");
    }
    // The first one has all that was acknowledged while it was alone; back again, the others get their share.
    let before = stored(&collectors[0]).await?;
    reaches(&agent, "spoor_agent_connections", 1).await?;
    let again = collector(&addresses[1]).await?;
    reaches(&agent, "spoor_agent_connections", 2).await?;
    client.send(&agent, 300).await?;
    reaches(&agent, "spoor_agent_spans_delivered_total", client.sent).await?;
    let (old, new) = (stored(&collectors[0]).await? - before, stored(&again).await?);
    ensure!(old + new >= 2999.5 && new > 500.0, "{old} and {new}");
    let ended = agent.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}

#[tokio::test]
async fn in_an_outage_what_does_not_fit_is_counted_to_the_span_and_the_rest_is_delivered() -> Result<()> {
    let address = free_address()?;
    let target = format!("--reporter.grpc.host-port={address}");
    let flags =
        [target.as_str(), "--agent.buffer-max-bytes=1300KiB", "--reporter.grpc.batch-max-bytes=16KiB"];
    let agent = Spoor::start(Role::Agent, &flags).await?;
    let mut client = Client::of(&agent);
    client.send(&agent, 3000).await?;
    let dropped = || async {
        Ok::<_, anyhow::Error>(
            agent.metrics().await?.sum("spoor_agent_spans_dropped_total", "reason=\"buffer-full\""),
        )
    };
    let before = dropped().await?;
    let collector = collector(&address).await?;
    // What was still being gathered may have cost the oldest their place since.
    eventually("delivery", PATIENCE, || async {
        let delivered = agent.metrics().await?.sum("spoor_agent_spans_delivered_total", "");
        let dropped = dropped().await?;
        ensure!((delivered + dropped - to_f64(client.sent)).abs() < 0.5, "{delivered} and {dropped}");
        Ok(())
    })
    .await?;
    let dropped = dropped().await?;
    ensure!(before > 0.0 && dropped < to_f64(client.sent / 2), "{before} and {dropped}");
    ensure!((stored(&collector).await? + dropped - to_f64(client.sent)).abs() < 0.5);
    let metrics = agent.metrics().await?;
    let failed = metrics.sum("jaeger_agent_reporter_spans_failures_total", "");
    ensure!((failed - dropped).abs() < 0.5, "Jaeger's name tells the same: {failed}");
    Ok(())
}

#[tokio::test]
async fn a_spool_outlives_the_agents_kill() -> Result<()> {
    let (folder, address) = (tempfile::tempdir()?, free_address()?);
    let target = format!("--reporter.grpc.host-port={address}");
    let spool = format!("--agent.spool.directory={}", folder.path().display());
    // One worker, and each datagram is a batch of its own: what is read is in the spool before the next one is looked at.
    let flags = [
        target.as_str(),
        spool.as_str(),
        "--processor.jaeger-compact.workers=1",
        "--reporter.grpc.batch-max-bytes=1",
    ];
    let agent = Spoor::start(Role::Agent, &flags).await?;
    let mut client = Client::of(&agent);
    client.send(&agent, 500).await?;
    client.is_written(&agent).await?;
    agent.kill().await?;
    let agent = Spoor::start(Role::Agent, &flags).await?;
    reaches(&agent, "spoor_agent_spans_recovered_total", client.sent).await?;
    let collector = collector(&address).await?;
    reaches(&agent, "spoor_agent_spans_delivered_total", client.sent).await?;
    reaches(&agent, "spoor_agent_spans_in_flight", 0).await?;
    // Killed again with nothing left: nothing comes twice.
    agent.kill().await?;
    let agent = Spoor::start(Role::Agent, &flags).await?;
    reaches(&agent, "spoor_agent_spans_recovered_total", 0).await?;
    ensure!((stored(&collector).await? - to_f64(client.sent)).abs() < 0.5);
    Ok(())
}

#[tokio::test]
async fn bad_datagrams_are_counted_and_the_next_good_one_is_found_in_the_all_in_one() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &[]).await?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let nested = [&b"\x82\x81\x00\x09emitBatch"[..], &[0x1c; 64_000]].concat();
    let none = b"\x82\x21\x01\x0femitZipkinBatch\x19\x0c\x00";
    let bad = [&b""[..], b"\xff", b"hello", b"\x82\x81\x00\x09emitBatch\x00", &nested, none];
    for port in ["zipkin-compact", "jaeger-compact", "jaeger-binary"] {
        for packet in bad {
            socket.send_to(packet, spoor.address(port))?;
        }
    }
    reaches(&spoor, REFUSED, 18).await?;
    let spans = batch(0xabc, 3);
    socket.send_to(&datagram(ThriftProtocol::Compact, &spans), spoor.address("jaeger-compact"))?;
    socket.send_to(&datagram(ThriftProtocol::Binary, &batch(0xabd, 2)), spoor.address("jaeger-binary"))?;
    for (trace, count) in [("abc", 3), ("abd", 2)] {
        eventually("the trace", PATIENCE, || async {
            let (_, answer) = spoor.query(&format!("/api/traces/{trace}")).await?;
            let spans = answer["data"][0]["spans"].as_array().map_or(0, Vec::len);
            ensure!(spans == count, "{answer}");
            Ok(())
        })
        .await?;
    }
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}
