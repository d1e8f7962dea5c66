//! Benchmark of a whole collector: OTLP gRPC in, OpenSearch out, an answer only after every item is confirmed.
//! Prints its figures as JSON lines; run it with `cargo xtask bench collector_es`, which brings the server and a release build.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_load::{Protocol, SendConfig};
use spoor_tests::figures::print_figure;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};

const WARM_UP_SPANS: u64 = 20_480;
const SPANS: u64 = 122_880;
const SPANS_PER_REQUEST: u32 = 512;
const STREAMS: u32 = 8;
/// CPU-seconds per million spans (Jaeger v2.20 on data of this shape: 40, with answers that promise nothing).
const CPU_BAR: f64 = 5.0;
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

    let before = collector.cpu_seconds()?;
    let report = send(&patient, measured).await?;
    let spent = collector.cpu_seconds()? - before;
    ensure!(report.acknowledged.spans == SPANS, "everything was acknowledged: {report}");
    eprintln!("{report}");
    let method = format!(
        "{STREAMS} closed-loop streams, {SPANS_PER_REQUEST} spans a request, after a warm-up of {WARM_UP_SPANS} spans; \
         user and system time of the collector over acknowledged spans; {} spans/s",
        report.spans_per_second()
    );
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_million = spent * 1e6 / SPANS as f64;
    print_figure("collector_es_cpu_s_per_million", per_million, "CPU s", CPU_BAR, SPANS, &method);
    print_figure(
        "collector_es_peak_rss_mib",
        collector.peak_mib()?,
        "MiB",
        MEMORY_BAR,
        SPANS,
        "VmHWM of the collector at the end of the same run",
    );
    delete_indices(&server, &prefix).await
}
