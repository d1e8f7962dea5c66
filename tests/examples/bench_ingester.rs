//! Benchmark of a whole ingester: Kafka in, OpenSearch out, a record committed only after every one of its spans is confirmed.
//! Prints its figures as JSON lines; run it with `cargo xtask bench ingester`, which brings the store and a release build; it starts a broker
//! of its own.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use spoor_load::{Protocol, SendConfig};
use spoor_proto::record::Encoding;
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::ingesting::RecordAccounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{requests, send, stored_keys, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};
use xtask::servers::Kafka;

const SPANS: u64 = 307_200;
const SPANS_PER_REQUEST: u32 = 512;
const STREAMS: u32 = 8;
const PARTITIONS: i32 = 3;
/// CPU-seconds per million spans (Jaeger v2.20: 47); the goal is 4.
const CPU_BAR: f64 = 7.0;
/// MiB.
const MEMORY_BAR: f64 = 96.0;
/// The one that is recommended has the short name.
const ENCODINGS: [(Encoding, &str); 2] =
    [(Encoding::OtlpProto, "ingester"), (Encoding::Protobuf, "ingester_protobuf")];
/// Between two looks: each is work for the ingester, which counts.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long the store may take for all of it on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let (server, spans) = (xtask::servers::opensearch_url()?, spans_or(SPANS)?);
    let kafka = tokio::task::spawn_blocking(Kafka::start).await??;
    for (encoding, name) in ENCODINGS {
        let topic =
            Topic::create(kafka.brokers(), &unique_prefix(&format!("bench-{encoding}")), PARTITIONS).await?;
        fill(&topic, encoding, spans).await?;
        measure(&topic, encoding, name, &server, spans).await?;
    }
    Ok(())
}

/// Through a collector with shipped settings; everything is acknowledged.
async fn fill(topic: &Topic, encoding: Encoding, spans: u64) -> Result<()> {
    let mut flags = topic.producer_flags();
    flags.push(format!("--kafka.producer.encoding={encoding}"));
    let collector = Spoor::start(Role::Collector, &texts(&flags)).await?;
    collector.ready().await?;
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(60),
        retry_for: Duration::ZERO,
        ..to(&collector, Protocol::OtlpGrpc, STREAMS)
    };
    let report = send(&config, requests(1, spans, SPANS_PER_REQUEST)).await?;
    ensure!(report.acknowledged.spans == spans, "everything was acknowledged: {report}");
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    Ok(())
}

/// The ingester finds all of it in the topic when it starts.
async fn measure(topic: &Topic, encoding: Encoding, name: &str, server: &str, spans: u64) -> Result<()> {
    let prefix = unique_prefix("bench");
    let mut flags = topic.connection_flags().to_vec();
    flags.extend([
        format!("--kafka.consumer.encoding={encoding}"),
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ]);
    let began = Instant::now();
    let ingester = Spoor::start(Role::Ingester, &texts(&flags)).await?;
    let accounts = rests(&ingester, spans).await?;
    let (took, spent, peak) = (began.elapsed(), ingester.cpu_seconds()?, ingester.peak_mib()?);
    ensure!(ingester.stop().await?.status.success(), "the ingester drains");
    let (keys, documents) = stored_keys(server, &prefix).await?;
    ensure!(
        (keys.len(), documents) == (usize::try_from(spans)?, keys.len()),
        "each of {spans} spans is stored once: {} spans in {documents} documents",
        keys.len()
    );
    eprintln!("{encoding}: {took:?}, {accounts:?}");

    let method = format!(
        "{PARTITIONS} partitions, filled by a collector with {SPANS_PER_REQUEST} spans a request, {} records; from the start of the process \
         until all is stored and committed, each span once; user and system time of the ingester over spans",
        accounts.stored
    );
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let count = spans as f64;
    let figure = |figure: &str| format!("{name}_{figure}");
    print_figure(&figure("cpu_s_per_million"), spent * 1e6 / count, "CPU s", CPU_BAR, spans, &method);
    let of_peak = "VmHWM of the ingester at the end of the same run";
    print_figure(&figure("peak_rss_mib"), peak, "MiB", MEMORY_BAR, spans, of_peak);
    let of_rate =
        "wall time of the same run, its start included, the store and the broker on the same machine";
    print_figure(&figure("spans_per_s"), count / took.as_secs_f64(), "spans/s", None, spans, of_rate);
    delete_indices(server, &prefix).await
}

/// Waits until all spans are stored and the group has committed it.
async fn rests(ingester: &Spoor, spans: u64) -> Result<RecordAccounts> {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let spans = spans as f64;
    let limit = Instant::now() + PATIENCE;
    loop {
        // A look now and then, instead of a wait for the condition: looks are not what is measured.
        tokio::time::sleep(INTERVAL).await;
        let accounts = RecordAccounts::of(ingester).await?;
        ensure!(accounts.quarantined == 0.0, "something was set aside: {accounts:?}");
        let is_done = accounts.read > 0.0 && accounts.rest() && accounts.add_up();
        if is_done && ingester.metrics().await?.sum("spoor_ingester_spans_stored_total", "") == spans {
            return Ok(accounts);
        }
        ensure!(Instant::now() < limit, "after {PATIENCE:?} {spans} spans are not stored: {accounts:?}");
    }
}

fn texts(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}
