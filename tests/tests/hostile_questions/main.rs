//! Story: whatever is asked of query, by each of its ports and over each of its stores, is answered with a documented code that blames who
//! asked; nothing breaks inside, and a good question beside it has its answer. Questions are drawn from a seed.

mod grpc;
mod http;
mod messages;
mod prometheus;
mod routes;
mod scene;
mod values;

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};

use prometheus::Prometheus;
use scene::{Archive, Metrics, Scene};

/// The questions are the same each time.
const SEED: u64 = 27;
/// Questions by each port where the store costs nothing.
const MANY: u64 = 1_200;
/// Questions by each port over a store that is a server.
const SOME: u64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn no_question_breaks_anything_over_the_memory_store() -> Result<()> {
    let args = ["--span-storage.type=memory", "--metrics-storage.type=memory"];
    let spoor = Spoor::start(Role::AllInOne, &args).await?;
    let scene = Scene::of(spoor, Metrics::Good, Archive::Off).await?;
    http::ask(&scene, SEED, MANY).await?;
    grpc::ask(&scene, SEED, MANY).await?;
    http::bytes_that_hardly_are_http(&scene).await?;
    scene.stands().await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_question_breaks_anything_over_a_server() -> Result<()> {
    over_a_server("hostile", SOME, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_question_breaks_anything_over_the_compact_layout() -> Result<()> {
    over_a_server("hostile-compact", SOME, &["--es.layout=compact"]).await
}

async fn over_a_server(story: &str, questions: u64, more: &[&str]) -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix(story);
    let (url, index_prefix) = (format!("--es.server-urls={server}"), format!("--es.index-prefix={prefix}"));
    let args = [
        "--span-storage.type=opensearch",
        "--metrics-storage.type=opensearch",
        "--es-archive.enabled",
        "--es.num-replicas=0",
        "--es.num-shards=1",
        "--es.bulk.flush-interval=50ms",
        &url,
        &index_prefix,
    ];
    let spoor = Spoor::start(Role::AllInOne, &[&args[..], more].concat()).await?;
    spoor.ready().await?;
    let scene = Scene::of(spoor, Metrics::Good, Archive::On).await?;
    http::ask(&scene, SEED, questions).await?;
    grpc::ask(&scene, SEED, questions).await?;
    scene.stands().await?;
    delete_indices(&server, &prefix).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_question_about_metrics_breaks_anything_where_prometheus_answers_well() -> Result<()> {
    let prometheus = Prometheus::that_answers_well().await?;
    let scene = Scene::of(with(&prometheus).await?, Metrics::Good, Archive::Off).await?;
    http::ask_for_metrics(&scene, SEED, MANY / 4).await?;
    ensure!(prometheus.asked() > 20, "Prometheus was asked {} times", prometheus.asked());
    scene.stands().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_answers_anything_is_told_from_a_bad_question_and_breaks_nothing() -> Result<()> {
    let prometheus = Prometheus::that_answers_anything(SEED).await?;
    let scene = Scene::of(with(&prometheus).await?, Metrics::Broken, Archive::Off).await?;
    http::ask_for_metrics(&scene, SEED, MANY / 4).await?;
    ensure!(prometheus.asked() > 20, "Prometheus was asked {} times", prometheus.asked());
    scene.stands().await
}

async fn with(prometheus: &Prometheus) -> Result<Spoor> {
    let url = format!("--prometheus.server-url={}", prometheus.url);
    let args = ["--span-storage.type=memory", "--metrics-storage.type=prometheus", &url];
    let spoor = Spoor::start(Role::AllInOne, &args).await?;
    spoor.ready().await?;
    Ok(spoor)
}

/// Longer than any question takes, its deadline included.
const PATIENCE: Duration = Duration::from_secs(60);
