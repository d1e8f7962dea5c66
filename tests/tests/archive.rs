//! The story of a trace that is kept: copied to the archive through the API, it is found when the store has let it go.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::Protocol;
use spoor_tests::server::{answer, response};
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, eventually, refresh, unique_prefix};

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_trace_outlives_the_stores_indices() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("archive");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    let query = Spoor::start(Role::Query, &[&settings[..], &["--es-archive.enabled"]].concat()).await?;
    collector.ready().await?;
    query.ready().await?;
    let report = send(&to(&collector, Protocol::OtlpGrpc, 1), requests(11, 200, 50)).await?;
    let (trace, _) = *keys_of(&report, |_| true).first().context("spans were sent")?;
    refresh(&server, &prefix).await?;

    let (status, before) = query.query(&format!("/api/traces/{trace}")).await?;
    ensure!(status == 200, "{before}");
    let client = reqwest::Client::new();
    let archive = format!("{}/api/archive/{trace}", query.url("query-http"));
    let done = response(client.post(&archive)).await?.error_for_status()?.text().await?;
    ensure!(done == r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":[]}"#, "{done}");
    answer(client.delete(format!("{server}/{prefix}-jaeger-span-2*"))).await?;
    refresh(&server, &prefix).await?;

    let (status, after) = query.query(&format!("/api/traces/{trace}")).await?;
    ensure!(status == 200, "{after}");
    ensure!(before == after, "the kept trace is another one:\n{before}\n{after}");
    let again = response(client.post(&archive)).await?;
    ensure!(again.status().is_success(), "a trace that is archived already can be archived again");
    let unknown = response(client.post(archive.replace(&trace.to_string(), "abc"))).await?;
    ensure!(unknown.status().as_u16() == 404, "{unknown:?}");
    delete_indices(&server, &prefix).await
}

/// Aliases that somebody has yet to make are the archive's matter alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_not_ready_stops_nobody_but_who_archives_and_is_used_once_it_is() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("archive-alias");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let behind_aliases = ["--es-archive.enabled", "--es-archive.use-aliases", "--query.request-timeout=3s"];
    let collector = Spoor::start(Role::Collector, &settings).await?;
    let query = Spoor::start(Role::Query, &[&settings[..], &behind_aliases].concat()).await?;
    collector.ready().await?;
    query.ready().await?;
    let report = send(&to(&collector, Protocol::OtlpGrpc, 1), requests(12, 50, 50)).await?;
    let (trace, _) = *keys_of(&report, |_| true).first().context("spans were sent")?;
    refresh(&server, &prefix).await?;
    let (status, shown) = query.query(&format!("/api/traces/{trace}")).await?;
    ensure!(status == 200, "{shown}");

    let client = reqwest::Client::new();
    let archive = format!("{}/api/archive/{trace}", query.url("query-http"));
    let refused = response(client.post(&archive)).await?;
    let (status, body) = (refused.status(), refused.text().await?);
    ensure!(status.is_server_error() && body.contains("-span-archive-write"), "{status} {body}");

    let base = format!("{prefix}-jaeger-span-archive");
    let aliases = format!(r#"{{"aliases":{{"{base}-read":{{}},"{base}-write":{{}}}}}}"#);
    let made = client.put(format!("{server}/{base}-000001")).header("content-type", "application/json");
    answer(made.body(aliases)).await?;
    eventually("the archive is used", Duration::from_secs(120), || async {
        client.post(&archive).send().await?.error_for_status()?;
        Ok(())
    })
    .await?;
    delete_indices(&server, &prefix).await
}
