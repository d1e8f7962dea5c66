//! Benchmark of a whole agent: UDP compact in, Jaeger's gRPC out, to an all-in-one in memory. Prints its figures as JSON lines; run it with
//! `cargo xtask bench agent`, which brings a release build.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_proto::convert::otlp::decode_export_request;
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::{Role, Spoor, eventually, traffic};

const SPANS: u64 = 500_000;
/// Spans made once and sent round and round.
const DISTINCT: u64 = 60_000;
/// A client sends what it has once a second, or when a datagram is full; this many is a busy one's.
const SPANS_PER_DATAGRAM: usize = 20;
/// Spans a second at which CPU time is measured.
const STEADY_RATE: u64 = 25_000;
/// Spans a second that are tried for losses, a second each, in this order.
const RATES: [u64; 8] = [25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000];
/// MiB.
const IDLE_BAR: f64 = 16.0;
const LOADED_BAR: f64 = 64.0;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let spans = spans_or(SPANS)?;
    let datagrams = datagrams();
    let collector = Spoor::start(Role::AllInOne, &[]).await?;
    let target = format!("--reporter.grpc.host-port={}", collector.address("jaeger-grpc"));
    let agent = Spoor::start(Role::Agent, &[&target]).await?;
    let mut sender = Sender { socket: UdpSocket::bind("127.0.0.1:0")?, datagrams, next: 0, sent: 0 };
    sender.socket.connect(agent.address("jaeger-compact"))?;

    delivered(&agent, 0.0).await?;
    let idle = agent.peak_mib()?;
    print_figure("agent_idle_rss_mib", idle, "MiB", IDLE_BAR, 0, "VmHWM of the agent once it is connected");

    sender.send(STEADY_RATE, 2 * STEADY_RATE);
    let warm = settled(&agent).await?;
    let before = agent.cpu_seconds()?;
    sender.send(STEADY_RATE, spans);
    let sent = settled(&agent).await? - warm;
    let spent = agent.cpu_seconds()? - before;
    eprintln!("{sent} of {spans} spans delivered at {STEADY_RATE} spans/s");
    let method = format!(
        "{STEADY_RATE} spans/s in datagrams of up to {SPANS_PER_DATAGRAM} spans of one process; user and system time of the agent over the spans that collectors have answered with Ok"
    );
    print_figure("agent_cpu_s_per_million", spent * 1e6 / sent, "CPU s", None, spans, &method);

    let best = loss_free(&agent, &mut sender).await?;
    let method = "highest of the tried rates at which every span was delivered, one sender on the same machine, the system's socket buffers; a second at each rate";
    print_figure("agent_loss_free_spans_per_s", count(best), "spans/s", None, best, method);
    let peak = agent.peak_mib()?;
    print_figure(
        "agent_peak_rss_mib",
        peak,
        "MiB",
        LOADED_BAR,
        sender.sent,
        "VmHWM of the agent at the end of the same run",
    );
    Ok(())
}

/// Of five services on one machine.
fn datagrams() -> Vec<(Vec<u8>, u64)> {
    let one = std::num::NonZeroU32::MIN;
    let config =
        GenerateConfig { services: one.saturating_add(4), instances: one, ..GenerateConfig::default() };
    let requests = Requests::new(&config.with_spans(DISTINCT), traffic::now(), Protocol::OtlpGrpc);
    let mut datagrams = Vec::new();
    for request in requests {
        let batch = decode_export_request(request.body).expect("the generator's requests are read");
        for resource in 0..batch.resources().len() {
            let rows = batch.span_rows().iter().enumerate();
            let own: Vec<usize> = rows
                .filter(|(_, row)| batch.resource_index(row) == resource)
                .map(|(index, _)| index)
                .collect();
            for some in own.chunks(SPANS_PER_DATAGRAM) {
                let packet = traffic::datagram(ThriftProtocol::Compact, &batch.select(some.iter().copied()));
                datagrams.push((packet, some.len() as u64));
            }
        }
    }
    datagrams
}

struct Sender {
    socket: UdpSocket,
    datagrams: Vec<(Vec<u8>, u64)>,
    next: usize,
    sent: u64,
}

impl Sender {
    /// Sends so many spans at this rate, in small bursts.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing else runs here meanwhile, and the pace is the point"
    )]
    fn send(&mut self, rate: u64, spans: u64) {
        let (began, end, first) = (Instant::now(), self.sent + spans, self.sent);
        while self.sent < end {
            let due = Duration::from_secs_f64(count(self.sent - first) / count(rate));
            if let Some(early) = due.checked_sub(began.elapsed()) {
                std::thread::sleep(early);
            }
            let (packet, spans) = &self.datagrams[self.next];
            // A full buffer is a loss like any other.
            let _ = self.socket.send(packet);
            self.sent += spans;
            self.next = (self.next + 1) % self.datagrams.len();
        }
    }
}

/// The highest rate without a loss; stops at the first with one.
async fn loss_free(agent: &Spoor, sender: &mut Sender) -> Result<u64> {
    let mut best = 0;
    for rate in RATES {
        let (before, began, first) = (settled(agent).await?, Instant::now(), sender.sent);
        sender.send(rate, rate);
        let sent = count(sender.sent - first);
        let real = sent / began.elapsed().as_secs_f64();
        let lost = sent - (settled(agent).await? - before);
        eprintln!("{rate} spans/s: {real:.0} sent, {lost} lost");
        if lost > 0.5 {
            break;
        }
        best = rate;
    }
    Ok(best)
}

/// Spans delivered, once nothing comes any more.
async fn settled(agent: &Spoor) -> Result<f64> {
    let mut last = -1.0;
    loop {
        // Looks are work for the agent, which counts.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = agent.metrics().await?.sum("spoor_agent_spans_delivered_total", "");
        if now == last {
            return Ok(now);
        }
        last = now;
    }
}

/// Waits until so many spans are delivered and the collector is connected.
async fn delivered(agent: &Spoor, spans: f64) -> Result<()> {
    eventually("delivery", PATIENCE, || async {
        let metrics = agent.metrics().await?;
        let delivered = metrics.sum("spoor_agent_spans_delivered_total", "");
        ensure!((delivered - spans).abs() < 0.5, "{delivered} of {spans} spans");
        ensure!(metrics.sum("spoor_agent_connections", "") > 0.5, "no collector is connected");
        Ok(())
    })
    .await
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}
