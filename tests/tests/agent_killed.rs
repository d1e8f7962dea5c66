//! An agent with a spool is killed again and again while datagrams come and collectors are away. A kill costs what had not been written yet,
//! which is no more than spans within their linger: everything older is in the store, once, when collectors are back.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::SpanKey;
use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow, TraceId};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_tests::steady::{SPANS, Sent, Steady, keys_sent};
use spoor_tests::traffic::{datagram, now, stored_keys};
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};
use tokio::time::Instant;
use xtask::servers::{free_address, opensearch_url};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long spans may wait for others of their process before they are written.
const LINGER: Duration = Duration::from_millis(250);
/// What a busy machine may take on top of it until the agent has its turn. When it takes longer, a later moment is looked at.
const TURN: Duration = Duration::from_millis(250);
/// How the ids of marks begin.
const MARK: u64 = 0x6d61_726b;
const KILLS: usize = 3;
/// Spans of a run before it is killed: two seconds of the load.
const ENOUGH: f64 = 2_000.0;

/// Where a client sends, what it speaks, and its number.
type Door = (String, ThriftProtocol, u32);

/// When an agent may have lost what was sent: from the last moment up to which all was in its spool until the next one listens.
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

/// What was sent, and what became of it on the way.
#[derive(Default)]
struct Account {
    sent: Vec<Sent>,
    gaps: Vec<Gap>,
    /// Of those that were seen in the spool.
    marks: Vec<SpanKey>,
    /// Datagrams that were lost before an agent had read them.
    no_room: f64,
}

impl Account {
    /// Sent outside of the gaps.
    fn promised(&self) -> BTreeSet<SpanKey> {
        let is_promised = |sent: &&Sent| !self.gaps.iter().any(|gap| gap.covers(sent));
        keys_sent(&self.sent.iter().filter(is_promised).copied().collect::<Vec<_>>())
    }
}

/// Sends a span of its own behind those of a client, under the client's name, so that it is gathered with them. By an agent with one worker
/// it is written after all that the client had sent before.
fn mark((address, protocol, number): &Door) -> Result<SpanKey> {
    let (start, mut builder) = (now(), SpanBatchBuilder::new());
    let service = builder.text(&format!("client-{number}"));
    let resource = builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let name = builder.text("mark");
    let trace_id = TraceId(u128::from(MARK << 32 | u64::from(*number)) << 64 | u128::from(start.0));
    let span_id = SpanId(1);
    builder.push_span(SpanRow { trace_id, span_id, scope, name, start, end: start, ..SpanRow::default() });
    UdpSocket::bind("127.0.0.1:0")?.send_to(&datagram(*protocol, &builder.finish()?), address)?;
    Ok((trace_id, span_id))
}

/// What is in a spool's files is the kernel's: a killed agent cannot lose it.
fn are_in_the_spool(folder: &Path, marks: &[SpanKey]) -> Result<()> {
    let files = std::fs::read_dir(folder)?.map(|file| Ok(std::fs::read(file?.path())?));
    let files = files.collect::<Result<Vec<_>>>()?;
    for (trace, _) in marks {
        let id = trace.to_bytes();
        let is_there = files.iter().any(|file| file.windows(id.len()).rev().any(|bytes| bytes == id));
        ensure!(is_there, "the mark {} is not there", trace.to_jaeger_text());
    }
    Ok(())
}

/// Sends marks, and waits for them to be in the spool for as long as the linger allows.
async fn marks_are_written(spool: &Path, doors: &[Door]) -> Result<Vec<SpanKey>> {
    let marks = doors.iter().map(mark).collect::<Result<Vec<_>>>()?;
    eventually("marks are in the spool", LINGER + TURN, || async { are_in_the_spool(spool, &marks) }).await?;
    Ok(marks)
}

/// Waits until all that was sent up to a moment is in the spool, and that moment is no longer ago than the linger. Answers it with its marks.
async fn promise_is_kept(spool: &Path, doors: &[Door]) -> Result<(Instant, Vec<SpanKey>)> {
    eventually("what is older than the linger is written", PATIENCE, || async {
        // Behind what has just been written a batch begins, which waits for the whole linger.
        marks_are_written(spool, doors).await?;
        let at = Instant::now();
        Ok((at, marks_are_written(spool, doors).await?))
    })
    .await
}

/// Addresses for an agent and a collector that come and go.
fn free() -> Result<[String; 3]> {
    Ok([free_address()?, free_address()?, free_address()?])
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
async fn promised_is_stored(server: &str, prefix: &str, account: &Account) -> Result<()> {
    let (mut stored, documents) = stored_keys(server, prefix).await?;
    ensure!(documents == stored.len(), "{documents} documents hold {} spans", stored.len());
    ensure!(account.marks.iter().all(|mark| stored.contains(mark)), "what was in the spool is not stored");
    stored.retain(|(trace, _)| trace.high() >> 32 != MARK);
    ensure!(stored.is_subset(&keys_sent(&account.sent)), "the store holds spans that nobody sent");
    let (promised, no_room) = (account.promised(), account.no_room);
    let missing = promised.difference(&stored).count();
    println!(
        "{} spans sent, {} promised, {} stored, {no_room} datagrams had no room in the kernel",
        account.sent.len() as u64 * SPANS,
        promised.len(),
        stored.len()
    );
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let is_explained = missing as f64 <= no_room * SPANS as f64;
    ensure!(is_explained, "{missing} of {} spans older than the linger are missing", promised.len());
    ensure!(promised.len() > (KILLS + 1) * 1_000, "the agent was under load: {}", promised.len());
    Ok(())
}

/// On one thread, on which nothing comes between the moment that a client notes and its sending.
#[tokio::test]
async fn kills_under_load_cost_no_span_older_than_the_linger_and_store_none_twice() -> Result<()> {
    let (server, prefix) = (opensearch_url()?, unique_prefix("killed"));
    let ([compact, binary, home], folder) = (free()?, tempfile::tempdir()?);
    let flags = [
        format!("--processor.jaeger-compact.server-host-port={compact}"),
        "--processor.jaeger-compact.workers=1".to_owned(),
        format!("--processor.jaeger-binary.server-host-port={binary}"),
        "--processor.jaeger-binary.workers=1".to_owned(),
        format!("--reporter.grpc.host-port={home}"),
        format!("--agent.spool.directory={}", folder.path().display()),
        format!("--reporter.grpc.batch-linger={}ms", LINGER.as_millis()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut agent = Spoor::start(Role::Agent, &flags).await?;
    let doors = [(compact, ThriftProtocol::Compact, 1), (binary, ThriftProtocol::Binary, 2)];
    let clients = doors.each_ref().map(|(address, protocol, number)| Steady::to(address, *protocol, *number));
    let mut account = Account::default();
    for _ in 0..KILLS {
        under_load(&agent).await?;
        let (from, marks) = promise_is_kept(folder.path(), &doors).await?;
        account.no_room += without_room(&agent).await?;
        agent.kill().await?;
        agent = Spoor::start(Role::Agent, &flags).await?;
        account.gaps.push(Gap { from, until: Instant::now() });
        account.marks.extend(marks);
    }
    under_load(&agent).await?;
    for client in clients {
        account.sent.extend(client.stop().await.context("senders notice nothing")?);
    }
    // The last agent has read all of it before it is asked what is left to deliver.
    account.marks.extend(promise_is_kept(folder.path(), &doors).await?.1);
    let collector = collector(&home, &server, &prefix).await?;
    all_is_delivered(&agent).await?;
    account.no_room += without_room(&agent).await?;
    promised_is_stored(&server, &prefix, &account).await?;
    drop(collector);
    delete_indices(&server, &prefix).await
}
