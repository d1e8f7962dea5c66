//! When certificates end is told by the metrics: of those that are in use.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_tests::{Role, Spoor, eventually};

use crate::MEMORY;
use crate::authority::Authority;

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
