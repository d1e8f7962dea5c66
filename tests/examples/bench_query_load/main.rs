//! Benchmark of a query process under load: 64 clients ask mixed questions for a minute, with two million spans in memory and then in an
//! OpenSearch. Any error ends it; some answers are hung up on, and their work must end. Prints its figures as JSON lines; run it with
//! `cargo xtask bench query_load`, which brings the server and a release build.

mod clients;
mod kind;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use spoor_load::{GenerateConfig, Protocol, Requests, SendConfig, TraceRequests};
use spoor_tests::asking::{Expected, percentile};
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::server::idle_cpu_ms;
use spoor_tests::traffic::{now, to};
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};
use tokio_util::sync::CancellationToken;

use clients::{CLIENTS, Load, Seen};
use kind::{Asked, Questions};

/// Spans in the store; `SPOOR_BENCH_SPANS` changes it.
const SPANS: u64 = 2_000_000;
/// The traces end within this time before the run.
const SPREAD: Duration = Duration::from_secs(3_600);
/// How long the clients ask.
const TIME: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let spans = spans_or(SPANS)?;
    let generated = GenerateConfig { seed: 3, spread: SPREAD, ..GenerateConfig::default() }.with_spans(spans);
    let base = now();
    let mut expected = Expected::default();
    TraceRequests::new(&generated, base).try_for_each(|request| expected.note(&request))?;
    let questions = Questions::choose(&expected)?;
    let load = Load::new(expected, questions, base);
    let requests = || Requests::new(&generated, base, Protocol::OtlpGrpc);
    in_memory(&load, requests(), spans).await?;
    in_opensearch(&load, requests(), spans).await
}

async fn in_memory(load: &Load, requests: Requests, spans: u64) -> Result<()> {
    let settings = ["--memory.max-traces=0", "--memory.max-bytes=8GiB"];
    let spoor = Spoor::start(Role::AllInOne, &settings).await?;
    spoor.ready().await?;
    fill(&spoor, requests, spans).await?;
    measure(load, &spoor, "memory", spans).await?;
    spoor.stop().await.map(drop)
}

async fn in_opensearch(load: &Load, requests: Requests, spans: u64) -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("load");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    collector.ready().await?;
    fill(&collector, requests, spans).await?;
    collector.stop().await?;
    let refresh = format!("{server}/{prefix}*/_refresh");
    reqwest::Client::new().post(refresh).send().await?.error_for_status()?;
    idle_cpu_ms(&server).await?;
    let query = Spoor::start(Role::Query, &settings).await?;
    query.ready().await?;
    measure(load, &query, "opensearch", spans).await?;
    query.stop().await?;
    delete_indices(&server, &prefix).await
}

/// Sends the spans.
async fn fill(collector: &Spoor, requests: Requests, spans: u64) -> Result<()> {
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(120),
        retry_for: Duration::from_secs(600),
        ..to(collector, Protocol::OtlpGrpc, 4)
    };
    let report = spoor_load::run(&config, requests, CancellationToken::new()).await.context("send spans")?;
    ensure!(report.acknowledged.spans == spans, "everything was acknowledged: {report}");
    eprintln!("{report}");
    Ok(())
}

/// The load, and what it showed.
async fn measure(load: &Load, spoor: &Spoor, store: &str, spans: u64) -> Result<()> {
    spoor.forget_peak()?;
    let (idle, before) = (spoor.peak_mib()?, spoor.cpu_seconds()?);
    let mut seen = load.run(&spoor.url("query-http"), TIME).await?;
    let (grown, spent) = (spoor.peak_mib()? - idle, spoor.cpu_seconds()? - before);
    eventually("all work has ended", Duration::from_secs(10), || async {
        match spoor.metrics().await?.sum("spoor_query_running", "") {
            0.0 => Ok(()),
            running => bail!("{running} questions are still worked on"),
        }
    })
    .await?;
    let how = format!(
        "{CLIENTS} clients for {} s, {} answers, no error, {} hung up on and their work ended; one in {} checked wholly",
        TIME.as_secs(),
        seen.answers(),
        seen.abandoned,
        clients::CHECKED,
    );
    print(&mut seen, store, spans, &how);
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_question = spent * 1e3 / seen.answers() as f64;
    let name = |figure: &str| format!("query_load_{store}_{figure}");
    print_figure(&name("cpu_ms"), per_question, "CPU ms", None, spans, &format!("{how}; over all kinds"));
    print_figure(&name("growth_mib"), grown, "MiB", None, spans, &format!("{how}; VmHWM above that before"));
    Ok(())
}

fn print(seen: &mut Seen, store: &str, spans: u64, how: &str) {
    for (kind, taken) in Asked::all().zip(&mut seen.taken) {
        taken.sort_unstable();
        for percent in [50, 99] {
            let name = format!("query_load_{store}_{}_p{percent}_ms", kind.name());
            let millis = percentile(taken, percent).as_secs_f64() * 1e3;
            let method = format!("{}; n = {}; {how}", kind.method(), taken.len());
            print_figure(&name, millis, "ms", None, spans, &method);
        }
    }
}
