//! All collectors away under 5,000 spans a second: nothing is lost up to the buffer's bound, beyond it the count is exact, and a spool loses
//! nothing to a killed agent either. The outage takes some seconds; `SPOOR_OUTAGE_SECONDS` makes it longer (`cargo xtask test --long`:
//! a minute), and what is shown is the same: bounds and counts do not depend on the time.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_model::{ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_tests::traffic::{datagram, now};
use spoor_tests::{Role, Spoor, eventually};
use tokio::time::{Instant, MissedTickBehavior, interval};
use xtask::servers::free_address;
use xtask::suite::OUTAGE_SECONDS;

const PATIENCE: Duration = Duration::from_secs(120);
/// Of a datagram.
const SPANS: u64 = 50;
/// Every 10 ms one: 5,000 spans a second.
const PACE: Duration = Duration::from_millis(10);
/// Room in the kernel for seconds of it, where the machine allows as much: an agent that does not get its turn loses nothing meanwhile.
const ROOM: &str = "--processor.jaeger-compact.server-socket-buffer-size=4194304";

/// How long collectors are away.
fn outage() -> Result<Duration> {
    match std::env::var(OUTAGE_SECONDS) {
        Ok(seconds) => Ok(Duration::from_secs(seconds.parse().context(OUTAGE_SECONDS)?)),
        Err(_) => Ok(Duration::from_secs(6)),
    }
}

/// Spans of one new trace.
fn batch(trace: u64) -> Result<SpanBatch> {
    let mut builder = SpanBatchBuilder::new();
    let service = builder.text("shop");
    let resource = builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let start = now();
    for id in 1..=SPANS {
        let name = builder.text("GET /a/path/of/usual/length");
        let (trace_id, span_id) = (TraceId(u128::from(trace)), SpanId(id));
        let end = start.saturating_add(Duration::from_millis(1));
        builder.push_span(SpanRow { trace_id, span_id, scope, name, start, end, ..SpanRow::default() });
    }
    Ok(builder.finish()?)
}

/// A client that sends and forgets.
struct Client {
    socket: UdpSocket,
    traces: u64,
}

impl Client {
    fn new() -> Result<Self> {
        Ok(Self { socket: UdpSocket::bind("127.0.0.1:0")?, traces: 0 })
    }

    fn spans(&self) -> u64 {
        self.traces * SPANS
    }

    /// At the pace, for so long; what the machine was too busy for is made up.
    async fn send(&mut self, agent: &Spoor, time: Duration) -> Result<()> {
        let (address, end) = (agent.address("jaeger-compact"), Instant::now() + time);
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while Instant::now() < end {
            ticks.tick().await;
            self.traces += 1;
            self.socket.send_to(&datagram(ThriftProtocol::Compact, &batch(self.traces)?), &address)?;
        }
        Ok(())
    }

    /// Waits until an agent of one worker, which gathers nothing, has written what has arrived to its spool: when it has refused what came
    /// behind.
    async fn is_written(&self, agent: &Spoor) -> Result<()> {
        self.socket.send_to(b"hello", agent.address("jaeger-compact"))?;
        reaches(agent, "jaeger_agent_thrift_udp_t_processor_handler_errors_total", 1).await
    }
}

async fn metric(role: &Spoor, name: &str) -> Result<u64> {
    let value = role.metrics().await?.sum(name, "");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    Ok(value.round() as u64)
}

async fn reaches(role: &Spoor, name: &str, value: u64) -> Result<()> {
    eventually(name, PATIENCE, || async {
        let seen = metric(role, name).await?;
        ensure!(seen == value, "{name} is {seen}, not {value}");
        Ok(())
    })
    .await
}

/// Waits until the agent has every datagram of `sent` spans that its kernel had room for, and answers their spans. On a machine that is busy
/// with other things the kernel may drop some, which the agent counts.
async fn arrived(agent: &Spoor, sent: u64) -> Result<u64> {
    let received = eventually("what was sent arrives", PATIENCE, || async {
        let received = metric(agent, "spoor_agent_spans_received_total").await?;
        let kernel = metric(agent, "spoor_agent_kernel_drops_total").await?;
        let queue = metric(agent, "jaeger_agent_thrift_udp_server_packets_dropped_total").await?;
        ensure!(received + (kernel + queue) * SPANS == sent, "{received}, {kernel}, {queue} of {sent}");
        Ok(received)
    })
    .await?;
    // With fewer the buffer that is to be too small would hold them.
    ensure!(received * 3 > sent * 2, "the machine is too busy for this: {received} of {sent}");
    Ok(received)
}

/// Collectors are away while the client sends, and come back; answers how many spans the agent dropped, and how many it had. All
/// others are stored.
async fn away(buffer: &str) -> Result<(u64, u64)> {
    let address = free_address()?;
    let own = format!("--collector.grpc-server.host-port={address}");
    let collector = Spoor::start(Role::AllInOne, &[&own]).await?;
    let (target, room) =
        (format!("--reporter.grpc.host-port={address}"), format!("--agent.buffer-max-bytes={buffer}"));
    let agent = Spoor::start(Role::Agent, &[&target, &room, ROOM]).await?;
    let mut client = Client::new()?;
    client.send(&agent, Duration::from_secs(1)).await?;
    let before = arrived(&agent, client.spans()).await?;
    reaches(&agent, "spoor_agent_spans_delivered_total", before).await?;
    ensure!(metric(&collector, "spoor_collector_spans_stored_total").await? == before);
    collector.kill().await?;
    client.send(&agent, outage()?).await?;
    arrived(&agent, client.spans()).await?;
    let collector = Spoor::start(Role::AllInOne, &[&own]).await?;
    // Load goes on while what had waited is delivered.
    client.send(&agent, Duration::from_secs(1)).await?;
    let received = arrived(&agent, client.spans()).await?;
    reaches(&agent, "spoor_agent_spans_waiting", 0).await?;
    reaches(&agent, "spoor_agent_spans_in_flight", 0).await?;
    let dropped = metric(&agent, "spoor_agent_spans_dropped_total").await?;
    let delivered = metric(&agent, "spoor_agent_spans_delivered_total").await?;
    ensure!(delivered + dropped == received, "{delivered} and {dropped} of {received}");
    let stored = metric(&collector, "spoor_collector_spans_stored_total").await?;
    ensure!(before + stored + dropped == received, "{before}, {stored} and {dropped} of {received}");
    println!(
        "outage of {:?}, {buffer}: {received} of {} spans arrived, {dropped} dropped",
        outage()?,
        client.spans()
    );
    Ok((dropped, received))
}

#[tokio::test]
async fn within_the_bound_of_memory_an_outage_of_all_collectors_costs_no_span() -> Result<()> {
    let (dropped, _) = away("128MiB").await?;
    ensure!(dropped == 0, "{dropped} are dropped");
    Ok(())
}

#[tokio::test]
async fn beyond_the_bound_of_memory_the_count_of_dropped_spans_is_exact() -> Result<()> {
    let (dropped, received) = away("1300KiB").await?;
    ensure!(dropped > 0 && dropped < received, "{dropped} of {received}");
    Ok(())
}

#[tokio::test]
async fn with_a_spool_an_outage_costs_no_span_although_the_agent_is_killed_in_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let address = free_address()?;
    let (target, spool) = (
        format!("--reporter.grpc.host-port={address}"),
        format!("--agent.spool.directory={}", folder.path().display()),
    );
    // One worker, and each datagram is a batch of its own: what is read is in the spool before the next one is looked at.
    let flags = [
        target.as_str(),
        spool.as_str(),
        ROOM,
        "--processor.jaeger-compact.workers=1",
        "--reporter.grpc.batch-max-bytes=1",
    ];
    let mut client = Client::new()?;
    let agent = Spoor::start(Role::Agent, &flags).await?;
    client.send(&agent, outage()? / 2).await?;
    let before = arrived(&agent, client.spans()).await?;
    // Then the kill costs nothing.
    client.is_written(&agent).await?;
    let sent = client.spans();
    agent.kill().await?;
    let agent = Spoor::start(Role::Agent, &flags).await?;
    reaches(&agent, "spoor_agent_spans_recovered_total", before).await?;
    client.send(&agent, outage()? / 2).await?;
    let all = before + arrived(&agent, client.spans() - sent).await?;
    let own = format!("--collector.grpc-server.host-port={address}");
    let collector = Spoor::start(Role::AllInOne, &[&own]).await?;
    reaches(&agent, "spoor_agent_spans_delivered_total", all).await?;
    ensure!(metric(&agent, "spoor_agent_spans_dropped_total").await? == 0);
    let stored = metric(&collector, "spoor_collector_spans_stored_total").await?;
    ensure!(stored == all, "{stored} of {all}");
    println!("outage of {:?}, spool, killed once: {stored} spans, all stored", outage()?);
    Ok(())
}
