//! An agent with a spool is killed again and again while datagrams come and collectors are away. A kill costs what had not been written yet,
//! which is no more than spans within their linger: everything older is in the store, once, when collectors are back.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_tests::steady::{SPANS, Sent, Steady, keys_sent};
use spoor_tests::traffic::stored_keys;
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};
use tokio::time::Instant;
use xtask::servers::opensearch_url;

const PATIENCE: Duration = Duration::from_secs(60);
/// How long spans may wait for others of their process before they are written.
const LINGER: Duration = Duration::from_millis(250);
/// What a busy machine may take on top of it until the agent has its turn.
const TURN: Duration = Duration::from_millis(250);
const KILLS: usize = 3;
/// Spans of a run before it is killed: two seconds of the load.
const ENOUGH: f64 = 2_000.0;

/// When an agent may have lost what was sent: from the linger before its kill until the next one listens.
#[derive(Debug, Clone, Copy)]
struct Gap {
    from: Instant,
    until: Instant,
}

impl Gap {
    fn covers(&self, sent: &Sent) -> bool {
        (self.from..self.until).contains(&sent.at)
    }
}

/// Addresses for an agent and a collector that come and go.
fn free() -> Result<[String; 3]> {
    let udp = [std::net::UdpSocket::bind("127.0.0.1:0")?, std::net::UdpSocket::bind("127.0.0.1:0")?];
    let tcp = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok([udp[0].local_addr()?.to_string(), udp[1].local_addr()?.to_string(), tcp.local_addr()?.to_string()])
}

async fn metric(agent: &Spoor, name: &str) -> Result<f64> {
    Ok(agent.metrics().await?.sum(name, ""))
}

/// Datagrams that were lost before the agent had read them.
async fn without_room(agent: &Spoor) -> Result<f64> {
    Ok(metric(agent, "spoor_agent_kernel_drops_total").await?
        + metric(agent, "jaeger_agent_thrift_udp_server_packets_dropped_total").await?)
}

/// Waits until a run has read enough.
async fn under_load(agent: &Spoor) -> Result<()> {
    eventually("the agent is under load", PATIENCE, || async {
        let received = metric(agent, "spoor_agent_spans_received_total").await?;
        ensure!(received >= ENOUGH, "{received} spans");
        Ok(())
    })
    .await
}

/// Waits until an agent has delivered all that it found and got.
async fn all_is_delivered(agent: &Spoor) -> Result<()> {
    eventually("all is delivered", PATIENCE, || async {
        let had = metric(agent, "spoor_agent_spans_recovered_total").await?
            + metric(agent, "spoor_agent_spans_received_total").await?;
        let delivered = metric(agent, "spoor_agent_spans_delivered_total").await?;
        ensure!(had > 0.0 && (delivered - had).abs() < 0.5, "{delivered} of {had}");
        Ok(())
    })
    .await
}

/// A collector on this address, before this store.
async fn collector(address: &str, server: &str, prefix: &str) -> Result<Spoor> {
    let flags = [
        format!("--collector.grpc-server.host-port={address}"),
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    Spoor::start(Role::Collector, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Asks the store itself: all that was sent outside of the gaps is there, but for datagrams that had no room in the kernel, and all of it once.
async fn promised_is_stored(
    server: &str,
    prefix: &str,
    sent: &[Sent],
    gaps: &[Gap],
    no_room: f64,
) -> Result<()> {
    let (stored, documents) = stored_keys(server, prefix).await?;
    ensure!(documents == stored.len(), "{documents} documents hold {} spans", stored.len());
    ensure!(stored.is_subset(&keys_sent(sent)), "the store holds spans that nobody sent");
    let promised: Vec<Sent> =
        sent.iter().filter(|sent| !gaps.iter().any(|gap| gap.covers(sent))).copied().collect();
    let promised: BTreeSet<_> = keys_sent(&promised);
    let missing = promised.difference(&stored).count();
    println!(
        "{} spans sent, {} promised, {} stored, {no_room} datagrams had no room in the kernel",
        sent.len() as u64 * SPANS,
        promised.len(),
        stored.len()
    );
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let is_explained = missing as f64 <= no_room * SPANS as f64;
    ensure!(is_explained, "{missing} of {} spans older than the linger are missing", promised.len());
    ensure!(promised.len() > (KILLS + 1) * 1_000, "the agent was under load: {}", promised.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_cost_no_span_older_than_the_linger_and_store_none_twice() -> Result<()> {
    let (server, prefix) = (opensearch_url()?, unique_prefix("killed"));
    let ([compact, binary, home], folder) = (free()?, tempfile::tempdir()?);
    let flags = [
        format!("--processor.jaeger-compact.server-host-port={compact}"),
        format!("--processor.jaeger-binary.server-host-port={binary}"),
        format!("--reporter.grpc.host-port={home}"),
        format!("--agent.spool.directory={}", folder.path().display()),
        format!("--reporter.grpc.batch-linger={}ms", LINGER.as_millis()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut agent = Spoor::start(Role::Agent, &flags).await?;
    let clients =
        [Steady::to(&compact, ThriftProtocol::Compact, 1), Steady::to(&binary, ThriftProtocol::Binary, 2)];
    let (mut gaps, mut no_room) = (Vec::new(), 0.0);
    for _ in 0..KILLS {
        under_load(&agent).await?;
        no_room += without_room(&agent).await?;
        let from = Instant::now() - LINGER - TURN;
        agent.kill().await?;
        agent = Spoor::start(Role::Agent, &flags).await?;
        gaps.push(Gap { from, until: Instant::now() });
    }
    under_load(&agent).await?;
    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.stop().await.context("senders notice nothing")?);
    }
    let collector = collector(&home, &server, &prefix).await?;
    all_is_delivered(&agent).await?;
    no_room += without_room(&agent).await?;
    promised_is_stored(&server, &prefix, &sent, &gaps, no_room).await?;
    drop(collector);
    delete_indices(&server, &prefix).await
}
