//! Benchmark of a whole collector: OTLP gRPC in, Kafka out, an answer only after all replicas have confirmed every record.
//! Prints its figures as JSON lines; run it with `cargo xtask bench collector_kafka`, which brings a release build; it starts a broker of its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_load::{Protocol, SendConfig};
use spoor_proto::record::Encoding;
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, unique_prefix};
use xtask::servers::Kafka;

const WARM_UP_SPANS: u64 = 20_480;
const SPANS: u64 = 122_880;
/// For what does not depend on the number.
const FEW_SPANS: u64 = 20_480;
const SPANS_PER_REQUEST: u32 = 512;
const STREAMS: u32 = 8;
const PARTITIONS: i32 = 3;
/// MiB.
const MEMORY_BAR: f64 = 96.0;
/// Each encoding with its bar of CPU-seconds per million spans, if it has one (Jaeger v2.20 in otlp_proto: 8.7).
const ENCODINGS: [(Encoding, Option<f64>); 4] = [
    (Encoding::OtlpProto, Some(3.5)),
    (Encoding::Protobuf, Some(9.0)),
    (Encoding::Json, None),
    (Encoding::OtlpJson, None),
];
const COMPRESSIONS: [&str; 4] = ["gzip", "snappy", "lz4", "zstd"];

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let kafka = tokio::task::spawn_blocking(Kafka::start).await??;
    for (encoding, bar) in ENCODINGS {
        throughput(&kafka, encoding, bar).await?;
    }
    for (encoding, _) in ENCODINGS {
        for compression in COMPRESSIONS {
            let (topic, collector) = start(&kafka, encoding, compression).await?;
            send_all(&collector, requests(1, FEW_SPANS, SPANS_PER_REQUEST), FEW_SPANS).await?;
            let method = "the partitions' logs on the broker's disk over spans, batched as shipped";
            let figure = format!("topic_{encoding}_{compression}_bytes_per_span");
            print_figure(
                &figure,
                per_span(kafka.log_bytes(topic.name())?, FEW_SPANS),
                "B",
                None,
                FEW_SPANS,
                method,
            );
        }
    }
    Ok(())
}

async fn start(kafka: &Kafka, encoding: Encoding, compression: &str) -> Result<(Topic, Spoor)> {
    let topic =
        Topic::create(kafka.brokers(), &unique_prefix(&format!("bench-{encoding}")), PARTITIONS).await?;
    let mut flags = topic.producer_flags();
    flags.push(format!("--kafka.producer.encoding={encoding}"));
    flags.push(format!("--kafka.producer.compression={compression}"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &flags).await?;
    collector.ready().await?;
    Ok((topic, collector))
}

/// Everything is acknowledged, or there is no figure; tells spans a second.
async fn send_all(collector: &Spoor, requests: Vec<spoor_load::Request>, spans: u64) -> Result<u64> {
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(60),
        retry_for: Duration::ZERO,
        ..to(collector, Protocol::OtlpGrpc, STREAMS)
    };
    let report = send(&config, requests).await?;
    ensure!(report.acknowledged.spans == spans, "everything was acknowledged: {report}");
    eprintln!("{report}");
    Ok(report.spans_per_second())
}

async fn throughput(kafka: &Kafka, encoding: Encoding, bar: Option<f64>) -> Result<()> {
    let spans = spans_or(SPANS)?;
    let (topic, collector) = start(kafka, encoding, "none").await?;
    let warm_up = requests(1, WARM_UP_SPANS, SPANS_PER_REQUEST);
    let measured = requests(2, spans, SPANS_PER_REQUEST);
    send_all(&collector, warm_up, WARM_UP_SPANS).await?;
    let before = collector.cpu_seconds()?;
    let rate = send_all(&collector, measured, spans).await?;
    let spent = collector.cpu_seconds()? - before;
    let method = format!(
        "{STREAMS} closed-loop streams, {SPANS_PER_REQUEST} spans a request, {PARTITIONS} partitions, acks=all, after a warm-up of \
         {WARM_UP_SPANS} spans; user and system time of the collector over acknowledged spans; {rate} spans/s"
    );
    // The one that is recommended has the short name.
    let name = match encoding {
        Encoding::OtlpProto => "collector_kafka".to_owned(),
        other => format!("collector_kafka_{other}"),
    };
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_million = spent * 1e6 / spans as f64;
    print_figure(&format!("{name}_cpu_s_per_million"), per_million, "CPU s", bar, spans, &method);
    let peak = collector.peak_mib()?;
    let of_peak = "VmHWM of the collector at the end of the same run";
    print_figure(&format!("{name}_peak_rss_mib"), peak, "MiB", MEMORY_BAR, spans, of_peak);
    let all = WARM_UP_SPANS + spans;
    let size = per_span(kafka.log_bytes(topic.name())?, all);
    let of_size = "the partitions' logs on the broker's disk over spans";
    print_figure(&format!("topic_{encoding}_none_bytes_per_span"), size, "B", None, all, of_size);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn per_span(bytes: u64, spans: u64) -> f64 {
    bytes as f64 / spans as f64
}
