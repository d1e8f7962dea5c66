//! The story of two query servers behind nginx, with the configuration that is shipped: one of them is killed under load, and comes back.

mod large;
mod load;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::Protocol;
use spoor_tests::nginx::Nginx;
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, eventually, refresh, unique_prefix};

use large::Large;
use load::{CLIENTS, Load, Questions};

/// Answers before one server is killed, while it is away, and when it is back.
const ANSWERS: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn a_query_server_may_be_killed_under_load_and_come_back_and_no_question_fails() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("nginx");
    let own = xtask::servers::free_ports(4)?;
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
        "--query.base-path=/jaeger".to_owned(),
        format!("--query.http-server.host-port=127.0.0.1:{}", own[2]),
        format!("--query.grpc-server.host-port=127.0.0.1:{}", own[3]),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let traces = fill(&settings[..4]).await?;
    refresh(&server, &prefix).await?;
    let first = Spoor::start(Role::Query, &settings).await?;
    let second = Spoor::start(Role::Query, &settings[..5]).await?;
    first.ready().await?;
    second.ready().await?;
    let names = [
        ("query-1:16686", first.address("query-http")),
        ("query-2:16686", second.address("query-http")),
        ("query-1:16685", first.address("query-grpc")),
        ("query-2:16685", second.address("query-grpc")),
        ("listen 80;", format!("listen 127.0.0.1:{};", own[0])),
        ("listen 16685 http2;", format!("listen 127.0.0.1:{} http2;", own[1])),
    ];
    let nginx = Nginx::start("query.conf", &names, &own[..2]).await?;
    let (site, grpc) =
        (format!("http://127.0.0.1:{}/jaeger", own[0]), format!("http://127.0.0.1:{}", own[1]));

    the_base_path_is_kept(&site).await?;
    ensure!(Large::begin(&site).await?.ends_whole().await?, "a large answer passes");
    let first = killed_under_load(&site, &grpc, traces, first, &second, &settings).await?;

    drop((first, second));
    let down = reqwest::get(format!("{site}/api/services")).await?;
    ensure!(down.status().is_server_error(), "nobody is left, and nginx says so: {}", down.status());
    let status = services_by_grpc(&grpc).await.expect_err("nobody is left");
    ensure!(format!("{status:#}").contains("Unavailable"), "gRPC's own status: {status:#}");
    nginx.stop().await?;
    delete_indices(&server, &prefix).await
}

/// Kills the first server while questions of all kinds and large answers are under way, and starts it again, which is what is given back.
async fn killed_under_load(
    site: &str,
    grpc: &str,
    traces: Vec<String>,
    first: Spoor,
    second: &Spoor,
    settings: &[&str],
) -> Result<Spoor> {
    let services: serde_json::Value = reqwest::get(format!("{site}/api/services")).await?.json().await?;
    let mut services = services["data"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
    let service = services.find(|name| *name != "large").context("services are listed")?.to_owned();
    let under_way = large::by_each(site, [&first, second]).await?;
    let load = Load::start(Questions { site: site.to_owned(), grpc: grpc.to_owned(), traces, service });
    load.answers(ANSWERS).await?;
    ensure!(load.broken() == 0, "no answer breaks off before anything happens");
    first.kill().await?;
    let (mut whole, mut broken) = (0, 0);
    for answer in under_way {
        if answer.ends_whole().await? { whole += 1 } else { broken += 1 }
    }
    ensure!(whole > 0 && broken > 0, "{whole} whole by the other server, {broken} broken by the killed one");
    load.answers(ANSWERS).await?;

    let back = Spoor::start(Role::Query, settings).await?;
    back.ready().await?;
    eventually("the server that is back is asked again", Duration::from_secs(60), || async {
        let asked = back.metrics().await?.sum("jaeger_query_requests_total", "");
        ensure!(asked > 10.0, "{asked} questions");
        Ok(())
    })
    .await?;
    load.answers(ANSWERS).await?;
    ensure!(
        load.broken() <= CLIENTS,
        "{} answers of {CLIENTS} clients broke off with one server",
        load.broken()
    );
    load.end().await?;
    Ok(back)
}

/// Small traces, whose ids are answered, and a large one.
async fn fill(settings: &[&str]) -> Result<Vec<String>> {
    let collector = Spoor::start(Role::Collector, settings).await?;
    collector.ready().await?;
    let report = send(&to(&collector, Protocol::OtlpGrpc, 2), requests(5, 4_000, 100)).await?;
    let mut traces: Vec<String> =
        keys_of(&report, |_| true).iter().map(|(trace, _)| trace.to_string()).collect();
    traces.dedup();
    large::send(&collector).await?;
    collector.stop().await?;
    Ok(traces)
}

async fn the_base_path_is_kept(site: &str) -> Result<()> {
    let page = reqwest::get(site).await?.error_for_status()?;
    ensure!(page.url().path() == "/jaeger/", "the redirect goes to the page: {}", page.url());
    let page = page.text().await?;
    ensure!(page.contains("/jaeger/"), "the page's links are below the base path: {page}");
    let unknown = reqwest::get(format!("{site}/api/nothing")).await?;
    ensure!(unknown.status() == 404, "{unknown:?}");
    let slash = reqwest::get(format!("{site}/api/services/a%2Fb/operations")).await?.error_for_status()?;
    ensure!(slash.text().await?.contains(r#""data":null"#), "an encoded slash arrives as it was sent");
    Ok(())
}

async fn services_by_grpc(url: &str) -> Result<usize> {
    use spoor_proto::jaeger::api_v3::GetServicesRequest;
    use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient;
    let channel = tonic::transport::Endpoint::from_shared(url.to_owned())?.connect().await?;
    let mut client = QueryServiceClient::new(channel);
    let answer = client
        .get_services(GetServicesRequest {})
        .await
        .map_err(|status| anyhow::anyhow!("{:?}: {}", status.code(), status.message()))?;
    Ok(answer.into_inner().services.len())
}
