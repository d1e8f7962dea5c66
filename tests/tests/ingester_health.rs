//! Story: what an ingester tells on its admin port: which side is away, what to do about it, and that it lives on; and everything that
//! Jaeger's ingester counts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use spoor_load::{Protocol, Report};
use spoor_proto::record::Encoding;
use spoor_tests::accounts::acknowledged_is_found;
use spoor_tests::ingesting::RecordAccounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};
use xtask::servers::{Kafka, OpenSearch, opensearch_url};

const PATIENCE: Duration = Duration::from_secs(120);
/// What is away for less is told to nobody.
const INTERVAL: Duration = Duration::from_secs(3);

/// Jaeger v1's names (`jaegertracing/jaeger cmd/ingester/app`), each with its labels in front of what it counts.
const OF_JAEGER: [(&str, &str); 16] = [
    ("sarama_consumer_messages_total", "topic,partition"),
    ("sarama_consumer_current_offset", "topic,partition"),
    ("sarama_consumer_offset_lag", "topic,partition"),
    ("sarama_consumer_errors_total", "topic,partition"),
    ("sarama_consumer_partition_start_total", "topic,partition"),
    ("sarama_consumer_partition_close_total", "topic,partition"),
    ("sarama_consumer_partitions_held", ""),
    ("offset_commits_total", "topic,partition"),
    ("last_committed_offset", "topic,partition"),
    ("span_processor_retry_attempts_total", ""),
    ("span_processor_retry_exhausted_total", ""),
    ("span_processor_errors_total", ""),
    ("span_processor_latency_bucket", "le"),
    ("span_processor_latency_count", ""),
    ("deadlockdetector_panic_issued_total", "partition"),
    ("deadlockdetector_close_signalled_total", "partition"),
];

async fn ingester(topic: &Topic, server: &str, prefix: &str) -> Result<Spoor> {
    let mut flags = topic.consumer_flags();
    flags.extend([
        format!("--ingester.deadlockInterval={}ms", INTERVAL.as_millis()),
        "--ingester.write-timeout=2s".to_owned(),
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ]);
    Spoor::start(Role::Ingester, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await
}

async fn asked(ingester: &Spoor, path: &str) -> Result<(u16, String)> {
    let answer = reqwest::get(format!("{}{path}", ingester.url("admin"))).await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// Waits until it is not ready, with these words; it is alive all the same.
async fn is_not_ready(ingester: &Spoor, words: &[&str]) -> Result<()> {
    eventually("the admin port tells of it", PATIENCE, || async {
        let (status, text) = asked(ingester, "/").await?;
        ensure!(status == 503 && words.iter().all(|word| text.contains(word)), "{status}: {text}");
        Ok(())
    })
    .await?;
    let (status, text) = asked(ingester, "/live").await?;
    ensure!(status == 200, "nothing is to restart it: {status} {text}");
    Ok(())
}

/// A collector that writes into the topic.
async fn collector(topic: &Topic) -> Result<Spoor> {
    let flags = topic.producer_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &flags).await?;
    collector.ready().await?;
    Ok(collector)
}

/// Spans come through it into the topic.
async fn bring(collector: &Spoor, seed: u64, spans: u64) -> Result<Report> {
    let report = send(&to(collector, Protocol::OtlpGrpc, 1), requests(seed, spans, 100)).await?;
    ensure!(report.acknowledged.spans == spans, "all is acknowledged: {report}");
    Ok(report)
}

/// The same through a collector that is there for them alone.
async fn fill(topic: &Topic, seed: u64, spans: u64) -> Result<Report> {
    let collector = collector(topic).await?;
    let report = bring(&collector, seed, spans).await?;
    collector.stop().await?;
    Ok(report)
}

/// Or more: a group whose broker halts or whose members are late may read records again. What is in the store is
/// asked there.
async fn has_stored(ingester: &Spoor, records: f64) -> Result<()> {
    eventually("records are stored", PATIENCE, || async {
        let accounts = RecordAccounts::of(ingester).await?;
        ensure!(accounts.stored >= records && accounts.rest(), "{accounts:?}");
        Ok(())
    })
    .await
}

async fn tells_all_that_jaegers_does(ingester: &Spoor) -> Result<()> {
    let url = format!("{}/metrics", ingester.url("admin"));
    let text = reqwest::get(url).await?.error_for_status()?.text().await?;
    for (name, labels) in OF_JAEGER {
        let name = format!("jaeger_ingester_{name}");
        let is_ours = |line: &&str| line.split(['{', ' ']).next() == Some(&name);
        let line = text.lines().find(is_ours);
        let line = line.with_context(|| format!("{name} is not there:\n{text}"))?;
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            ensure!(line.contains(&format!("{label}=\"")), "{line} has no label {label}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingester_tells_which_side_is_away_and_is_ready_again_when_it_is_back() -> Result<()> {
    let (mut kafka, store) =
        tokio::task::spawn_blocking(|| anyhow::Ok((Kafka::start()?, OpenSearch::start()?))).await??;
    let topic = Topic::create(kafka.brokers(), "health", 3).await?;
    let ingester = ingester(&topic, store.url(), "health").await?;
    ingester.ready().await?;
    let collector = collector(&topic).await?;
    let mut reports = vec![bring(&collector, 1, 500).await?];
    has_stored(&ingester, 500.0).await?;
    tells_all_that_jaegers_does(&ingester).await?;

    let paused = Instant::now();
    store.pause()?;
    reports.push(bring(&collector, 2, 500).await?);
    let (status, text) = asked(&ingester, "/").await?;
    // A busy machine may have taken longer than the interval up to here, when either answer is right.
    let is_over = paused.elapsed() >= INTERVAL;
    ensure!(status == 200 || is_over, "for less than the interval it is no matter: {text}");
    collector.stop().await?;
    is_not_ready(&ingester, &["spans cannot be stored", store.url()]).await?;
    store.resume()?;
    ingester.ready().await?;
    has_stored(&ingester, 1_000.0).await?;

    kafka.pause()?;
    is_not_ready(&ingester, &["the topic cannot be read"]).await?;
    kafka.resume()?;
    ingester.ready().await?;
    tokio::task::block_in_place(|| kafka.stop())?;
    is_not_ready(&ingester, &["the topic cannot be read", kafka.brokers(), "see that the brokers run"])
        .await?;
    tokio::task::block_in_place(|| kafka.start_again())?;
    ingester.ready().await?;
    reports.push(fill(&topic, 3, 500).await?);
    has_stored(&ingester, 1_500.0).await?;
    let reports: Vec<&Report> = reports.iter().collect();
    eventually("all is found", PATIENCE, || acknowledged_is_found(store.url(), "health", &reports)).await?;
    ensure!(ingester.stop().await?.status.success(), "the ingester drains");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_nobody_makes_is_told_with_what_to_do_and_read_when_it_is_there() -> Result<()> {
    let kafka =
        tokio::task::spawn_blocking(|| Kafka::start_with("auto.create.topics.enable=false\n")).await??;
    let (store, prefix) = (opensearch_url()?, unique_prefix("no-topic"));
    let elsewhere = Topic::create(kafka.brokers(), "another", 1).await?;
    let flags = elsewhere.consumer_flags();
    let missing = "--kafka.consumer.topic=not-there-yet".to_owned();
    let flags = flags.into_iter().filter(|flag| !flag.contains(".topic=")).chain([missing]);
    let flags: Vec<String> =
        flags.chain([format!("--es.server-urls={store}"), format!("--es.index-prefix={prefix}")]).collect();
    let ingester =
        Spoor::start(Role::Ingester, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    is_not_ready(&ingester, &["the topic cannot be read", "not-there-yet", "create the topic"]).await?;
    // Joining the group, of which nothing is asked, makes no topic.
    tokio::time::sleep(Duration::from_secs(5)).await;
    is_not_ready(&ingester, &["not-there-yet", "create the topic"]).await?;

    let topic = Topic::create(kafka.brokers(), "not-there-yet", 2).await?;
    ingester.ready().await?;
    let report = fill(&topic, 4, 300).await?;
    has_stored(&ingester, 300.0).await?;
    let reports = [&report];
    eventually("all is found", PATIENCE, || acknowledged_is_found(&store, &prefix, &reports)).await?;
    ensure!(topic.spans(Encoding::Protobuf).await?.copies.len() == 300, "by the default encoding");
    ensure!(ingester.stop().await?.status.success(), "the ingester drains");
    delete_indices(&store, &prefix).await
}
