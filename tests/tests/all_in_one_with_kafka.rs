//! Story: the way from a collector through Kafka and an ingester to the store, all in one process, as somebody tries it.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_load::Protocol;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::kafka_brokers;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_takes_spans_through_kafka_to_its_store_and_shows_them() -> Result<()> {
    let brokers = kafka_brokers()?;
    let topic = Topic::create(&brokers, &spoor_tests::unique_prefix("all-in-one"), 2).await?;
    let mut flags: Vec<String> = topic.connection_flags().to_vec();
    flags.extend(flags.clone().iter().map(|flag| flag.replace("consumer", "producer")));
    flags.extend(["--span-buffer.type=kafka".to_owned(), "--span-storage.type=memory".to_owned()]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let spoor = Spoor::start(Role::AllInOne, &flags).await?;
    spoor.ready().await?;
    let report = send(&to(&spoor, Protocol::OtlpGrpc, 2), requests(1, 2_000, 200)).await?;
    ensure!(report.acknowledged.spans == 2_000, "all is acknowledged: {report}");
    eventually("the spans come out", Duration::from_secs(60), || async {
        let stored = spoor.metrics().await?.sum("spoor_ingester_spans_stored_total", "");
        ensure!(stored == 2_000.0, "{stored} are stored");
        let (status, services) = spoor.query("/api/services").await?;
        ensure!(status == 200 && services["total"].as_u64() > Some(0), "{services}");
        Ok(())
    })
    .await?;
    ensure!(topic.records().await?.len() == 2_000, "they came through the topic");
    ensure!(spoor.stop().await?.status.success(), "it drains");
    Ok(())
}
