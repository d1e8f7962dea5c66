//! Benchmark of an ingester's memory before a backlog of millions of records, with a store that is away, is back, and is away again.
//! Prints its figures as JSON lines; run it with `cargo xtask bench ingester_backlog`, which brings a release build; it starts a broker and a
//! store of its own.

mod backlog;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::ingesting::RecordAccounts;
use spoor_tests::topic::Topic;
use spoor_tests::{Role, Spoor};
use xtask::servers::{Kafka, OpenSearch};

const RECORDS: u64 = 10_000_000;
const PARTITIONS: i32 = 12;
/// MiB.
const MEMORY_BAR: f64 = 96.0;
/// How long the store is away, there, and so on.
const AWAY_AT_START: Duration = Duration::from_secs(35);
const THERE: Duration = Duration::from_secs(45);
const AWAY_AGAIN: Duration = Duration::from_secs(35);
const THERE_AGAIN: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let records = spans_or(RECORDS)?;
    let (kafka, store) =
        tokio::task::spawn_blocking(|| anyhow::Ok((Kafka::start()?, OpenSearch::start()?))).await??;
    let topic = Topic::create(kafka.brokers(), "backlog", PARTITIONS).await?;
    fill(&kafka, &topic, records).await?;

    let mut flags = topic.connection_flags().to_vec();
    flags.extend([
        format!("--es.server-urls={}", store.url()),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ]);
    store.pause()?;
    let ingester =
        Spoor::start(Role::Ingester, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let away = watch(&ingester, "the store is away", AWAY_AT_START).await?;
    store.resume()?;
    let there = watch(&ingester, "it is back", THERE).await?;
    ensure!(there.stored > 0.0, "nothing came into the store: {there:?}\n{}", ingester.log());
    store.pause()?;
    watch(&ingester, "it is away again", AWAY_AGAIN).await?;
    store.resume()?;
    let last = watch(&ingester, "it is back again", THERE_AGAIN).await?;
    ensure!(last.stored > there.stored, "nothing came into the store again: {last:?}\n{}", ingester.log());
    ensure!(last.quarantined == 0.0, "something was set aside: {last:?}");

    let method = format!(
        "VmHWM of the ingester with shipped settings before {PARTITIONS} partitions of one-span records in zstd; the store halted for {} s \
         ({} records held then), there for {} s, halted for {} s, there for {} s; {} records stored, {} left",
        AWAY_AT_START.as_secs(),
        away.in_flight,
        THERE.as_secs(),
        AWAY_AGAIN.as_secs(),
        THERE_AGAIN.as_secs(),
        last.stored,
        last.lag,
    );
    print_figure("ingester_backlog_peak_rss_mib", ingester.peak_mib()?, "MiB", MEMORY_BAR, records, &method);
    Ok(())
}

async fn fill(kafka: &Kafka, topic: &Topic, records: u64) -> Result<()> {
    let (brokers, name) = (kafka.brokers().to_owned(), topic.name().to_owned());
    let began = Instant::now();
    tokio::task::spawn_blocking(move || backlog::write(&brokers, &name, PARTITIONS, records)).await??;
    let bytes = kafka.log_bytes(topic.name())?;
    eprintln!("{records} records of {} B each in {:?}", bytes / records.max(1), began.elapsed());
    Ok(())
}

/// Lets time pass, as that is what it is about, and tells what came of it.
async fn watch(ingester: &Spoor, what: &str, time: Duration) -> Result<RecordAccounts> {
    tokio::time::sleep(time).await;
    let accounts = RecordAccounts::of(ingester).await?;
    eprintln!("{what} for {time:?}: at most {:.1} MiB so far, {accounts:?}", ingester.peak_mib()?);
    Ok(accounts)
}
