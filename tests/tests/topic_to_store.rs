//! Story: an ingester between Kafka and the store. What a collector was told lies in the topic is in the store once, whatever
//! the encoding; a store that halts costs nothing; what cannot be stored is set aside, looked at and put back.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::{Protocol, Report};
use spoor_proto::record::Encoding;
use spoor_tests::accounts::acknowledged_is_found;
use spoor_tests::ingesting::{RecordAccounts, dead_letters, letters};
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{requests, send, spans_through_kafka, stored_keys, to};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::{Kafka, OpenSearch};

const PATIENCE: Duration = Duration::from_secs(900);
const OUTAGE: Duration = Duration::from_secs(22);

/// The servers are started off the runtime's threads.
async fn servers() -> Result<(Kafka, OpenSearch)> {
    tokio::task::spawn_blocking(|| Ok((Kafka::start()?, OpenSearch::start()?))).await?
}

fn store_flags(server: &str, prefix: &str) -> Vec<String> {
    vec![
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ]
}

async fn start(role: Role, flags: &[Vec<String>], more: &[&str]) -> Result<Spoor> {
    let flags: Vec<&str> = flags.iter().flatten().map(String::as_str).chain(more.iter().copied()).collect();
    let spoor = Spoor::start(role, &flags).await?;
    spoor.ready().await?;
    Ok(spoor)
}

/// Fills the topic through a collector, all of it acknowledged.
async fn fill(topic: &Topic, encoding: Encoding, seed: u64, spans: u64) -> Result<Report> {
    let flag = format!("--kafka.producer.encoding={encoding}");
    let collector = start(Role::Collector, &[topic.producer_flags()], &[&flag]).await?;
    let report = send(&to(&collector, Protocol::OtlpGrpc, 4), requests(seed, spans, 256)).await?;
    ensure!(report.acknowledged.spans == spans, "all is acknowledged: {report}");
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    Ok(report)
}

/// Waits until the ingester has nothing left to do after so many records.
async fn rests(ingester: &Spoor, records: f64) -> Result<RecordAccounts> {
    eventually("the ingester rests", PATIENCE, || async {
        let accounts = RecordAccounts::of(ingester).await?;
        let settled = accounts.stored + accounts.quarantined;
        ensure!(accounts.rest() && settled >= records, "{accounts:?}, to come are {records}");
        Ok(accounts)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_encoding_comes_through_and_a_store_that_halts_for_22_s_costs_nothing() -> Result<()> {
    let (kafka, store) = servers().await?;
    let mut reports = Vec::new();
    for (seed, encoding) in
        (1..).zip([Encoding::Protobuf, Encoding::Json, Encoding::OtlpProto, Encoding::OtlpJson])
    {
        let topic = Topic::create(kafka.brokers(), &format!("way-{encoding}"), 3).await?;
        reports.push(fill(&topic, encoding, seed, 10_000).await?);
        let records = topic.records().await?.len();
        let flag = format!("--kafka.consumer.encoding={encoding}");
        let flags = [topic.consumer_flags(), store_flags(store.url(), "way")];
        let ingester = start(Role::Ingester, &flags, &[&flag, "--ingester.deadlockInterval=5s"]).await?;
        if encoding == Encoding::Protobuf {
            rests(&ingester, 10_000.0).await?;
            store.pause()?;
            let spans = spans_through_kafka(20_000)?;
            reports.push(fill(&topic, encoding, 100, spans).await?);
            // The length of the outage is what this is about.
            tokio::time::sleep(OUTAGE).await;
            let during = RecordAccounts::of(&ingester).await?;
            ensure!(during.stored == 10_000.0 && during.partitions == 3.0, "it waits: {during:?}");
            ensure!(
                during.in_flight > 0.0 && during.lag >= during.in_flight,
                "nothing is committed: {during:?}"
            );
            store.resume()?;
            let accounts = rests(&ingester, f64::from(u32::try_from(10_000 + spans)?)).await?;
            ensure!(accounts.add_up() && accounts.quarantined == 0.0, "{accounts:?}");
            ingester.ready().await?;
        } else {
            let accounts = rests(&ingester, f64::from(u32::try_from(records)?)).await?;
            ensure!(accounts.add_up() && accounts.quarantined == 0.0, "{encoding}: {accounts:?}");
        }
        ensure!(ingester.stop().await?.status.success(), "the ingester drains");
    }
    acknowledged_is_found(store.url(), "way", &reports.iter().collect::<Vec<_>>()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_topic_may_be_made_letters_go_into_files_and_hold_nothing_up() -> Result<()> {
    let start_servers =
        || Ok((Kafka::start_with("auto.create.topics.enable=false\n")?, OpenSearch::start()?));
    let (kafka, store): (Kafka, OpenSearch) = tokio::task::spawn_blocking(start_servers)
        .await?
        .map_err(|error: anyhow::Error| error.context("start the servers"))?;
    let topic = Topic::create(kafka.brokers(), "no-letters", 2).await?;
    let poisoned: Vec<_> = (0..5).map(|number| Some(vec![0xff, number])).collect();
    topic.put(&poisoned).await?;
    let folder = tempfile::tempdir()?;
    let directory = format!("--ingester.dead-letter-dir={}", folder.path().display());
    let flags = [topic.consumer_flags(), store_flags(store.url(), "no-letters")];
    let ingester = start(Role::Ingester, &flags, &["--kafka.consumer.encoding=protobuf", &directory]).await?;
    let accounts = rests(&ingester, 5.0).await?;
    ensure!(accounts.quarantined == 5.0 && accounts.add_up(), "{accounts:?}");
    ensure!(ingester.stop().await?.status.success(), "the ingester drains");
    let listed = dead_letters(&topic, &["list", "--output=json", "--from=files", &directory]).await?;
    ensure!(listed.lines().count() == 5, "{listed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_read_in_a_wrong_encoding_are_set_aside_and_put_back() -> Result<()> {
    let (kafka, store) = servers().await?;
    let topic = Topic::create(kafka.brokers(), "letters", 2).await?;
    let report = fill(&topic, Encoding::OtlpProto, 7, 2_000).await?;
    let records = topic.records().await?.len();
    let flags = [topic.consumer_flags(), store_flags(store.url(), "letters")];
    let count = f64::from(u32::try_from(records)?);
    let wrong = start(Role::Ingester, &flags, &["--kafka.consumer.encoding=json"]).await?;
    let accounts = rests(&wrong, count).await?;
    ensure!(accounts.quarantined == count && accounts.add_up(), "{accounts:?}");
    ensure!(wrong.stop().await?.status.success(), "the ingester drains");

    let all = letters(&topic).await?;
    let ids: BTreeSet<&str> = all.iter().filter_map(|letter| letter["id"].as_str()).collect();
    ensure!(ids.len() == records, "{} letters of {records} records: {:?}", ids.len(), all.first());
    ensure!(all.iter().all(|letter| letter["reason"] == "malformed"), "{:?}", all.first());
    let first = ids.first().context("a letter")?;
    let shown = dead_letters(&topic, &["show", first]).await?;
    ensure!(shown.contains(first) && shown.contains("otlp_proto"), "it is seen what it is: {shown}");
    let said = dead_letters(&topic, &["replay", "--all"]).await?;
    ensure!(said.contains(&records.to_string()), "{said}");

    let right = start(Role::Ingester, &flags, &["--kafka.consumer.encoding=auto"]).await?;
    let accounts = rests(&right, count).await?;
    ensure!(accounts.quarantined == 0.0 && accounts.add_up(), "{accounts:?}");
    acknowledged_is_found(store.url(), "letters", &[&report]).await?;
    ensure!(stored_keys(store.url(), "letters").await?.1 == 2_000, "once each");
    ensure!(right.stop().await?.status.success(), "the ingester drains");
    Ok(())
}
