//! When certificates end is told by the metrics: of those that are in use, at doors and behind them.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_tests::authority::Authority;
use spoor_tests::{Role, Spoor, eventually};
use tokio::net::TcpListener;

use crate::MEMORY;

const METRIC: &str = "spoor_tls_certificate_not_after_timestamp_seconds";
/// The first second of these years.
const OF_2051: f64 = 2_556_144_000.0;
const OF_2061: f64 = 2_871_763_200.0;

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_certificate_is_told_by_its_setting_and_changes_when_a_new_one_is_taken() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue_until("query", "query.test", 2051)?;
    authority.issue_until("spans", "spans.test", 2061)?;
    let mut flags = vec![
        MEMORY.to_owned(),
        "--query.http.tls.reload-interval=50ms".to_owned(),
        format!("--query.http.tls.client-ca={}", authority.path("ca")),
    ];
    flags.extend(authority.flags("query.http", "query"));
    flags.extend(authority.flags("collector.otlp.grpc", "spans"));
    let spoor = Spoor::start(Role::AllInOne, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    spoor.ready().await?;
    let told = async |setting: &str| -> Result<f64> {
        Ok(spoor.metrics().await?.sum(METRIC, &format!("setting=\"{setting}\"")))
    };
    ensure!(told("query.http.tls.cert").await? == OF_2051, "{}", told("query.http.tls.cert").await?);
    ensure!(told("collector.otlp.grpc.tls.cert").await? == OF_2061, "every port tells its own");
    ensure!(told("query.http.tls.client-ca").await? > 0.0, "and so does whom it trusts");
    let all = spoor.metrics().await?.sum(METRIC, "");
    let these = told("query.http.tls.client-ca").await? + OF_2051 + OF_2061;
    ensure!(all == these, "what no setting names is not told");

    // Half of a pair: what is told is what is in use, not what lies there.
    authority.issue_until("next", "query.test", 2061)?;
    let put = |end: &str| {
        std::fs::copy(authority.path(&format!("next.{end}")), authority.path(&format!("query.{end}")))
    };
    put("crt")?;
    eventually("the half is told", Duration::from_secs(20), || async {
        ensure!(spoor.log().contains("the changed TLS files cannot be used"), "{}", spoor.log());
        Ok(())
    })
    .await?;
    ensure!(told("query.http.tls.cert").await? == OF_2051, "the port goes on with the old one");
    put("key")?;
    eventually("the new certificate", Duration::from_secs(20), || async {
        ensure!(told("query.http.tls.cert").await? == OF_2061);
        Ok(())
    })
    .await
}

/// Who speaks to somebody by TLS: the role, what the settings begin with, and what has it do so. Nobody is there.
const CLIENTS: [(Role, &str, &[&str]); 7] = [
    (Role::Collector, "es.tls", &["--span-storage.type=opensearch", "--es.server-urls=https://127.0.0.1:9"]),
    (Role::Query, "es.tls", &["--es.server-urls=https://127.0.0.1:9"]),
    (
        Role::Query,
        "es-archive.tls",
        &[
            "--es.server-urls=http://127.0.0.1:9",
            "--es-archive.enabled",
            "--es-archive.server-urls=https://127.0.0.1:9",
        ],
    ),
    (
        Role::Retention,
        "es.tls",
        &["--es.server-urls=https://127.0.0.1:9", "--retention.days=2", "--schedule=0 0 1 1 *"],
    ),
    (
        Role::Collector,
        "kafka.producer.tls",
        &["--span-storage.type=kafka", "--kafka.producer.brokers=127.0.0.1:9"],
    ),
    (
        Role::Ingester,
        "kafka.consumer.tls",
        &["--kafka.consumer.brokers=127.0.0.1:9", "--es.server-urls=http://127.0.0.1:9"],
    ),
    (
        Role::AllInOne,
        "prometheus.tls",
        &[MEMORY, "--metrics-storage.type=prometheus", "--prometheus.server-url=https://127.0.0.1:9"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_ends_of_certificates_towards_stores_brokers_and_collectors_are_told_too() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue_until("client", "client.test", 2061)?;
    for (role, prefix, flags) in CLIENTS {
        tells_of_its_client(&authority, role, prefix, flags).await?;
    }
    // The agent reads the files with each connection: to a collector that only takes it.
    let collector = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("--reporter.grpc.host-port={}", collector.local_addr()?);
    tells_of_its_client(&authority, Role::Agent, "reporter.grpc.tls", &[&address]).await
}

async fn tells_of_its_client(authority: &Authority, role: Role, prefix: &str, flags: &[&str]) -> Result<()> {
    let own = [
        authority.flags(prefix.trim_end_matches(".tls"), "client").to_vec(),
        vec![format!("--{prefix}.ca={}", authority.path("ca"))],
    ];
    let own = own.concat();
    let flags: Vec<&str> = flags.iter().copied().chain(own.iter().map(String::as_str)).collect();
    let spoor = Spoor::start(role, &flags).await?;
    eventually("both ends are told", Duration::from_secs(20), || async {
        let metrics = spoor.metrics().await?;
        let told = |setting: &str| metrics.sum(METRIC, &format!("setting=\"{prefix}.{setting}\""));
        ensure!(told("cert") == OF_2061 && told("ca") > OF_2061, "{prefix}: {} {}", told("cert"), told("ca"));
        ensure!(metrics.sum(METRIC, "") == told("cert") + told("ca"), "{prefix}: and nothing else");
        Ok(())
    })
    .await
}
