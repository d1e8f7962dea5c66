//! Benchmark of a whole collector: OTLP gRPC in, OpenSearch out, an answer only after every item is confirmed.
//! Prints its figures as JSON lines; run it with `cargo xtask bench collector_es`, which brings the server and a release build.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use spoor_load::{Protocol, SendConfig};
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};

const WARM_UP_SPANS: u64 = 20_480;
const SPANS: u64 = 122_880;
const SPANS_PER_REQUEST: u32 = 512;
const STREAMS: u32 = 8;
/// CPU-seconds per million spans (Jaeger v2.20 on data of this shape: 40, with answers that promise nothing).
const CPU_BAR: f64 = 6.0;
/// MiB (Jaeger v2.20: 241).
const MEMORY_BAR: f64 = 64.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("bench");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    let collector =
        Spoor::start(Role::Collector, &settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    collector.ready().await?;
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(60),
        ..to(&collector, Protocol::OtlpGrpc, STREAMS)
    };
    let patient = SendConfig { retry_for: Duration::from_secs(120), ..config };
    let warm_up = requests(1, WARM_UP_SPANS, SPANS_PER_REQUEST);
    let measured = requests(2, SPANS, SPANS_PER_REQUEST);
    send(&patient, warm_up).await?;

    let before = cpu_seconds(&collector)?;
    let report = send(&patient, measured).await?;
    let spent = cpu_seconds(&collector)? - before;
    ensure!(report.acknowledged.spans == SPANS, "everything was acknowledged: {report}");
    eprintln!("{report}");
    let method = format!(
        "{STREAMS} closed-loop streams, {SPANS_PER_REQUEST} spans a request, after a warm-up of {WARM_UP_SPANS} spans; \
         user and system time of the collector over acknowledged spans; {} spans/s",
        report.spans_per_second()
    );
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_million = spent * 1e6 / SPANS as f64;
    print_figure("collector_es_cpu_s_per_million", per_million, "CPU s", CPU_BAR, &method);
    print_figure(
        "collector_es_peak_rss_mib",
        peak_mib(&collector)?,
        "MiB",
        MEMORY_BAR,
        "VmHWM of the collector at the end of the same run",
    );
    delete_indices(&server, &prefix).await
}

fn print_figure(figure: &str, value: f64, unit: &str, bar: f64, method: &str) {
    let value = (value * 1000.0).round() / 1000.0;
    println!(
        "{}",
        json!({"figure": figure, "value": value, "unit": unit, "bar": bar, "spans": SPANS, "method": method})
    );
}

fn proc_file(collector: &Spoor, name: &str) -> Result<String> {
    let path = PathBuf::from(format!("/proc/{}/{name}", collector.pid()));
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// User and system time; Linux counts 100 ticks a second.
fn cpu_seconds(collector: &Spoor) -> Result<f64> {
    let stat = proc_file(collector, "stat")?;
    let fields: Vec<&str> =
        stat.rsplit_once(')').context("stat names the command")?.1.split_whitespace().collect();
    let ticks = |index: usize| {
        fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("stat has times")
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn peak_mib(collector: &Spoor) -> Result<f64> {
    let status = proc_file(collector, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("status has VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
