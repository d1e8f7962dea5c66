//! An agent before three collectors that share one store: one is killed and one is drained under load, and both come back. Senders notice
//! nothing, the load is where collectors are within half a minute, and the store holds every span once.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_tests::steady::{SPANS, Steady, keys_sent};
use spoor_tests::traffic::stored_keys;
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};
use xtask::servers::{free_address, opensearch_url};

const PATIENCE: Duration = Duration::from_secs(60);
/// Within it the load of a collector that is gone is the others', and one that is back has its share again. The agent needs a moment for
/// the first and tries at most 4.5 s apart for the second; the rest is for a store that is busy with others.
const MOVED: Duration = Duration::from_secs(30);
/// So many spans more, of 1,000 a second, show that a collector has a share of the load.
const SHARE: u64 = 100;
/// Half a second of the load: as much may wait at the agent while collectors take all that comes.
const WAITING: u64 = 500;

async fn metric(role: &Spoor, name: &str) -> Result<u64> {
    let value = role.metrics().await?.sum(name, "");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    Ok(value.round() as u64)
}

/// By the collector's own account.
async fn received(collector: &Spoor) -> Result<u64> {
    metric(collector, "spoor_collector_spans_received_total").await
}

/// Three collectors before one store, each on an address that it can come back to.
struct Collectors {
    settings: [String; 4],
    addresses: Vec<String>,
}

impl Collectors {
    fn before(server: &str, prefix: &str) -> Result<Self> {
        let settings = [
            format!("--es.server-urls={server}"),
            format!("--es.index-prefix={prefix}"),
            "--es.num-shards=1".to_owned(),
            "--es.num-replicas=0".to_owned(),
        ];
        let addresses = (0..3).map(|_| free_address()).collect::<Result<_>>()?;
        Ok(Self { settings, addresses })
    }

    async fn start(&self, index: usize) -> Result<Spoor> {
        let address = format!("--collector.grpc-server.host-port={}", self.addresses[index]);
        let settings = self.settings.iter().chain([&address]).map(String::as_str).collect::<Vec<_>>();
        let collector = Spoor::start(Role::Collector, &settings).await?;
        collector.ready().await?;
        Ok(collector)
    }
}

/// Waits until each of these collectors has received its share since now, and nothing piles up at the agent.
async fn share_the_load(agent: &Spoor, collectors: &[&Spoor], limit: Duration) -> Result<()> {
    let mut before = Vec::new();
    for collector in collectors {
        before.push(received(collector).await?);
    }
    eventually("each collector has its share", limit, || async {
        for (collector, before) in collectors.iter().zip(&before) {
            let more = received(collector).await? - before;
            ensure!(more >= SHARE, "one has received {more} spans");
        }
        let waiting = metric(agent, "spoor_agent_spans_waiting").await?;
        ensure!(waiting <= WAITING, "{waiting} spans wait");
        Ok(())
    })
    .await
}

/// Waits until the agent has settled what arrived of `datagrams`; answers how many of them its kernel had no room for, which it counts.
async fn all_is_settled(agent: &Spoor, datagrams: u64) -> Result<u64> {
    eventually("all that was sent is acknowledged", PATIENCE, || async {
        let received = metric(agent, "spoor_agent_spans_received_total").await?;
        let no_room = metric(agent, "spoor_agent_kernel_drops_total").await?
            + metric(agent, "jaeger_agent_thrift_udp_server_packets_dropped_total").await?;
        ensure!(received == (datagrams - no_room) * SPANS, "{received} and {no_room} of {datagrams}");
        let delivered = metric(agent, "spoor_agent_spans_delivered_total").await?;
        ensure!(delivered == received, "{delivered} of {received} spans are acknowledged");
        for nothing in
            ["spoor_agent_spans_dropped_total", "spoor_agent_spans_waiting", "spoor_agent_spans_in_flight"]
        {
            let value = metric(agent, nothing).await?;
            ensure!(value == 0, "{nothing} is {value}");
        }
        Ok(no_room)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_and_a_drained_collector_cost_no_span_and_their_load_moves_in_half_a_minute() -> Result<()> {
    let (server, prefix) = (opensearch_url()?, unique_prefix("availability"));
    let all = Collectors::before(&server, &prefix)?;
    let (first, second, third) = (all.start(0).await?, all.start(1).await?, all.start(2).await?);
    let targets = format!("--reporter.grpc.host-port={}", all.addresses.join(","));
    let agent = Spoor::start(Role::Agent, &[&targets]).await?;
    let clients = [
        Steady::to(&agent.address("jaeger-compact"), ThriftProtocol::Compact, 1),
        Steady::to(&agent.address("jaeger-binary"), ThriftProtocol::Binary, 2),
    ];
    // The day's indices are made meanwhile.
    share_the_load(&agent, &[&first, &second, &third], PATIENCE).await.context("at the start")?;

    third.kill().await?;
    share_the_load(&agent, &[&first, &second], MOVED).await.context("after the kill")?;

    let left = [&first];
    let (drained, alone) = tokio::join!(second.stop(), share_the_load(&agent, &left, MOVED));
    let drained = drained?;
    ensure!(drained.status.success(), "{}", drained.log);
    alone.context("during the drain")?;
    share_the_load(&agent, &left, MOVED).await.context("after the drain")?;

    let (second, third) = (all.start(1).await?, all.start(2).await?);
    share_the_load(&agent, &[&first, &second, &third], MOVED).await.context("after the return")?;

    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.stop().await.context("senders notice nothing")?);
    }
    let no_room = all_is_settled(&agent, sent.len() as u64).await?;
    let (stored, documents) = stored_keys(&server, &prefix).await?;
    let sent = keys_sent(&sent);
    ensure!(stored.is_subset(&sent), "the store holds spans that nobody sent");
    ensure!(stored.len() as u64 + no_room * SPANS == sent.len() as u64, "{} of {}", stored.len(), sent.len());
    ensure!(documents == stored.len(), "{documents} documents hold {} spans", stored.len());
    println!("{} spans sent, {} had no room in the kernel", sent.len(), no_room * SPANS);
    let ended = agent.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    delete_indices(&server, &prefix).await
}
