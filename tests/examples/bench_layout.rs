//! Benchmark of the layouts: the same spans in Jaeger's and in the compact one, into an OpenSearch of its own.
//! What the store spends is its own CPU time while spans are written and then merged into one segment; what it keeps are the bytes
//! of its indices afterwards. Prints figures as JSON lines; run it with `cargo xtask bench layout`.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use prometheus_client::registry::Registry;
use spoor_model::SpanBatch;
use spoor_proto::convert::otlp::decode_export_request;
use spoor_storage::{RequestContext, SpanWriter};
use spoor_storage_elasticsearch::{BulkEncoder, Config, ElasticsearchStore, Layout};
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::server::{bytes, idle_cpu_ms, segments};
use spoor_tests::traffic::requests;
use spoor_tests::{delete_indices, unique_prefix};

/// Spans a round; `SPOOR_BENCH_SPANS` changes it.
const SPANS: u64 = 200_000;
/// Of each layout. Until then Java's machine spends more on compiling the store than on running it.
const WARM_UP_SPANS: u64 = 200_000;
const ROUNDS: usize = 2;
const SPANS_PER_REQUEST: u32 = 512;
const REQUESTS_AT_ONCE: usize = 4;
const BAR: f64 = 0.40;

/// What a round cost, a span each.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// µs of the store's CPU, the merge into one segment included.
    cpu: f64,
    /// µs of it before that merge.
    cpu_unmerged: f64,
    /// Bytes in the store.
    bytes: f64,
    /// ns of ours to write the bulk body.
    encoding: f64,
    /// Bytes of bulk body.
    body: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let spans = spans_or(SPANS)?;
    let server = xtask::servers::OpenSearch::start_for_measuring()?;
    let warm_up = batches(1, WARM_UP_SPANS)?;
    for layout in [Layout::Jaeger, Layout::Compact] {
        measure(server.url(), layout, &warm_up).await?;
    }
    let measured = batches(2, spans)?;
    let mut costs = [Cost::default(); 2];
    for _ in 0..ROUNDS {
        for (layout, cost) in [Layout::Jaeger, Layout::Compact].into_iter().zip(&mut costs) {
            let round = measure(server.url(), layout, &measured).await?;
            eprintln!("{layout:?}: {round:?}");
            cost.add(round);
        }
    }
    report(spans, &costs);
    Ok(())
}

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "a few rounds")]
    fn add(&mut self, round: Self) {
        let share = 1.0 / ROUNDS as f64;
        self.cpu += round.cpu * share;
        self.cpu_unmerged += round.cpu_unmerged * share;
        self.bytes += round.bytes * share;
        self.encoding += round.encoding * share;
        self.body += round.body * share;
    }
}

fn batches(seed: u64, spans: u64) -> Result<Vec<SpanBatch>> {
    let requests = requests(seed, spans, SPANS_PER_REQUEST);
    requests.into_iter().map(|request| Ok(decode_export_request(request.body)?)).collect()
}

/// Writes the spans into fresh indices, merges them, and deletes them.
async fn measure(server: &str, layout: Layout, batches: &[SpanBatch]) -> Result<Cost> {
    let prefix = unique_prefix("layout");
    let mut config = Config::default();
    config.connection.server_urls = vec![server.parse()?];
    config.indices.prefix.clone_from(&prefix);
    config.templates.num_shards = 1;
    config.templates.num_replicas = 0;
    config.layout.layout = layout;
    let spans = count(batches.iter().map(SpanBatch::len).sum());
    let (encoding, body) = encode(&config, batches)?;
    let store = ElasticsearchStore::open(&config, &mut Registry::default())?;
    let writer = store.writer();
    let context = RequestContext::with_timeout(Duration::from_secs(1_800));
    // The templates are in when a write has been answered.
    writer.write(&context, &batches[0].select([0])).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let before = idle_cpu_ms(server).await?;
    stream::iter(batches)
        .map(|batch| async {
            let written = writer
                .write(&context, batch)
                .await
                .map_err(|error| anyhow::anyhow!("write spans: {error}"))?;
            ensure!(written.stored == batch.len(), "every span is stored");
            Ok(())
        })
        .buffer_unordered(REQUESTS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    let family = if layout == Layout::Jaeger { "jaeger" } else { "spoor" };
    let indices = format!("{server}/{prefix}-{family}-span-*");
    post(&format!("{indices}/_refresh")).await?;
    let written = idle_cpu_ms(server).await?;
    post(&format!("{indices}/_forcemerge?max_num_segments=1&flush=true")).await?;
    let merged = idle_cpu_ms(server).await?;
    let bytes = merged_bytes(server, &format!("{prefix}-{family}-span-*")).await?;
    delete_indices(server, &prefix).await?;
    Ok(Cost {
        cpu: (merged - before) * 1e3 / spans,
        cpu_unmerged: (written - before) * 1e3 / spans,
        bytes: bytes / spans,
        encoding,
        body,
    })
}

/// Bytes of the one segment of each index. The sizes in `_stats` are up to ten seconds old, and count what was merged as well.
async fn merged_bytes(server: &str, indices: &str) -> Result<f64> {
    post(&format!("{server}/{indices}/_refresh")).await?;
    let searched = segments(server, indices).await?;
    let indices: std::collections::BTreeSet<_> =
        searched.iter().map(|segment| segment["index"].as_str()).collect();
    ensure!(indices.len() == searched.len(), "each index is one segment: {searched:?}");
    searched.iter().map(bytes).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

/// ns and bytes a span of bulk bodies, services known.
fn encode(config: &Config, batches: &[SpanBatch]) -> Result<(f64, f64)> {
    let encoder = BulkEncoder::new(config)?;
    batches.iter().for_each(|batch| drop(encoder.bulk_body(batch)));
    let (mut bytes, mut spans) = (0, 0);
    let before = own_cpu();
    for batch in batches {
        bytes += encoder.bulk_body(batch).len();
        spans += batch.len();
    }
    let spent = own_cpu().saturating_sub(before);
    Ok((spent.as_secs_f64() * 1e9 / count(spans), count(bytes) / count(spans)))
}

/// CPU time of this process so far.
fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

async fn post(url: &str) -> Result<()> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(1_800)).build()?;
    client.post(url).send().await?.error_for_status()?;
    Ok(())
}

fn report(spans: u64, [jaeger, compact]: &[Cost; 2]) {
    let method = format!(
        "{ROUNDS} alternating rounds of the same {spans} spans into one OpenSearch of 1 shard, requests of {SPANS_PER_REQUEST} spans, \
         {REQUESTS_AT_ONCE} at once, after {WARM_UP_SPANS} spans of each to warm up; CPU time of the server until all is merged into one segment, bytes after that"
    );
    let print = |figure: &str, value: f64, unit: &str, bar: Option<f64>| {
        print_figure(figure, value, unit, bar, spans, &method);
    };
    print("compact_bytes_ratio", compact.bytes / jaeger.bytes, "x Jaeger's", Some(BAR));
    print("compact_cpu_ratio", compact.cpu / jaeger.cpu, "x Jaeger's", Some(BAR));
    print("compact_cpu_unmerged_ratio", compact.cpu_unmerged / jaeger.cpu_unmerged, "x Jaeger's", None);
    for (name, cost) in [("jaeger", jaeger), ("compact", compact)] {
        print(&format!("{name}_store_bytes_per_span"), cost.bytes, "B", None);
        print(&format!("{name}_store_cpu_s_per_million"), cost.cpu, "CPU s", None);
        print(&format!("{name}_body_bytes_per_span"), cost.body, "B", None);
        print(&format!("{name}_encoding_ns_per_span"), cost.encoding, "ns", None);
    }
}
