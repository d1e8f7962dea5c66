//! Benchmark of answers: how long a client waits for the query process, by HTTP v1, on an OpenSearch that holds two million spans,
//! in each layout. Every answer is checked against what was sent. Prints its figures as JSON lines; run it with
//! `cargo xtask bench latency`, which brings the server and a release build.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use spoor_load::{GenerateConfig, Protocol, Requests, SendConfig, TraceRequests};
use spoor_model::UnixNanos;
use spoor_tests::asking::{Expected, Kind, LIMIT, Question, Window, choose, percentile};
use spoor_tests::figures::{print_figure, spans_or};
use spoor_tests::server::{bytes, idle_cpu_ms, segments};
use spoor_tests::traffic::{now, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};
use tokio_util::sync::CancellationToken;

/// Spans in the store; `SPOOR_BENCH_SPANS` changes it.
const SPANS: u64 = 2_000_000;
/// The traces end within this time before the run.
const SPREAD: Duration = Duration::from_secs(3_600);
const STREAMS: u32 = 4;
const WARM_UP: usize = 20;
/// Measured questions of each kind.
const QUESTIONS: usize = 300;

/// A layout of the store.
struct Layout {
    flag: &'static str,
    /// Its part of the figures' names.
    infix: &'static str,
    family: &'static str,
}

const LAYOUTS: [Layout; 2] = [
    Layout { flag: "--es.layout=jaeger", infix: "", family: "jaeger" },
    Layout { flag: "--es.layout=compact", infix: "compact_", family: "spoor" },
];

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let spans = spans_or(SPANS)?;
    let server = xtask::servers::opensearch_url()?;
    let generated = GenerateConfig { seed: 3, spread: SPREAD, ..GenerateConfig::default() }.with_spans(spans);
    let base = now();
    let mut expected = Expected::default();
    TraceRequests::new(&generated, base).try_for_each(|request| expected.note(&request))?;
    let questions = Questions::choose(&expected)?;
    for layout in &LAYOUTS {
        let prefix = unique_prefix("latency");
        let settings = [
            format!("--es.server-urls={server}"),
            format!("--es.index-prefix={prefix}"),
            "--es.num-shards=1".to_owned(),
            "--es.num-replicas=0".to_owned(),
            layout.flag.to_owned(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        fill(&settings, Requests::new(&generated, base, Protocol::OtlpGrpc), spans).await?;
        let state = settle(&server, &format!("{prefix}-{}-span-*", layout.family)).await?;
        questions.measure(layout, &settings, base, &expected, (spans, &state)).await?;
        delete_indices(&server, &prefix).await?;
    }
    Ok(())
}

/// Sends the spans through a collector.
async fn fill(settings: &[&str], requests: Requests, spans: u64) -> Result<()> {
    let collector = Spoor::start(Role::Collector, settings).await?;
    collector.ready().await?;
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(120),
        retry_for: Duration::from_secs(600),
        ..to(&collector, Protocol::OtlpGrpc, STREAMS)
    };
    let report = spoor_load::run(&config, requests, CancellationToken::new()).await.context("send spans")?;
    ensure!(report.acknowledged.spans == spans, "everything was acknowledged: {report}");
    eprintln!("{report}");
    collector.stop().await?;
    Ok(())
}

/// Makes everything visible and waits until the store has merged what it wants to; tells what it looks like then.
async fn settle(server: &str, indices: &str) -> Result<String> {
    let refresh = format!("{server}/{indices}/_refresh");
    reqwest::Client::new().post(refresh).send().await?.error_for_status()?;
    idle_cpu_ms(server).await?;
    let segments = segments(server, indices).await?;
    let sizes: f64 = segments.iter().map(bytes).sum::<Result<f64>>()?;
    Ok(format!("{} segments of {:.0} MB together", segments.len(), sizes / 1e6))
}

/// The questions of each kind, those of the warm-up first.
struct Questions(Vec<(Kind, Vec<Question>)>);

impl Questions {
    fn choose(expected: &Expected) -> Result<Self> {
        let of = |&kind| Ok((kind, choose(expected, kind, WARM_UP + QUESTIONS)?));
        Ok(Self(Kind::ALL.iter().map(of).collect::<Result<_>>()?))
    }

    /// Asks them one after the other, the kinds in turns, and prints how long that takes.
    async fn measure(
        &self,
        layout: &Layout,
        settings: &[&str],
        base: UnixNanos,
        expected: &Expected,
        (spans, state): (u64, &str),
    ) -> Result<()> {
        let query = Spoor::start(Role::Query, settings).await?;
        query.ready().await?;
        let (http, url) = (reqwest::Client::new(), query.url("query-http"));
        let mut taken = vec![Vec::with_capacity(QUESTIONS); self.0.len()];
        let mut window = Window::until(base, SPREAD * 2);
        for number in 0..WARM_UP + QUESTIONS {
            for ((kind, questions), taken) in self.0.iter().zip(&mut taken) {
                let question = &questions[number];
                window = window.later(1);
                let request = http.get(question.url(&url, window)?);
                let started = Instant::now();
                let answer = request.send().await?.bytes().await?;
                let time = started.elapsed();
                question
                    .check(&answer, expected)
                    .with_context(|| format!("{}: {question:?}", kind.name()))?;
                if number >= WARM_UP {
                    taken.push(time);
                }
            }
        }
        for ((kind, _), taken) in self.0.iter().zip(&mut taken) {
            print(layout, *kind, taken, spans, state);
        }
        query.stop().await?;
        Ok(())
    }
}

fn print(layout: &Layout, kind: Kind, taken: &mut [Duration], spans: u64, state: &str) {
    taken.sort_unstable();
    let method = format!(
        "{}; n = {}, one client, one at a time, after {WARM_UP} others; limit {LIMIT}; until the last byte, nearest rank; every \
         answer checked; {state}",
        kind.method(),
        taken.len()
    );
    for percent in [50, 99] {
        let name = format!("latency_{}{}_p{percent}_ms", layout.infix, kind.name());
        print_figure(&name, percentile(taken, percent).as_secs_f64() * 1e3, "ms", None, spans, &method);
    }
}
