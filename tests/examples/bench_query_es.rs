//! Benchmark of a whole query process on OpenSearch: searches of 20 traces, and one trace of 50,000 spans by id, in each API.
//! Prints its figures as JSON lines; run it with `cargo xtask bench query_es`, which brings the server and a release build.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use prost::Message;
use serde_json::json;
use spoor_load::{Protocol, SendConfig};
use spoor_model::TraceId;
use spoor_proto::jaeger::api_v2::query_service_client::QueryServiceClient as ClientV2;
use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient as ClientV3;
use spoor_proto::jaeger::{api_v2, api_v3};
use spoor_tests::figures::print_figure;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};
use tonic::transport::Channel;

const SPANS: u64 = 122_880;
const SPANS_PER_REQUEST: u32 = 512;
const TRACES: usize = 20;
const WARM_UP_SEARCHES: usize = 20;
const SEARCHES: usize = 100;
const GIANT_SPANS: usize = 50_000;
const GIANT_PART: usize = 1_000;
const GIANT: &str = "00000000000000000000000000c0ffee";
/// CPU milliseconds a search (Jaeger v2.20 on data of this shape: 45).
const SEARCH_BAR: f64 = 13.0;
/// MiB above idle (Jaeger v2.20: 780).
const GIANT_MEMORY_BAR: f64 = 64.0;
/// CPU seconds (Jaeger v2.20: 6.6).
const GIANT_CPU_BAR: f64 = 1.0;
/// Seconds (Jaeger v2.20: 6.2).
const GIANT_WALL_BAR: f64 = 2.5;

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
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    fill(&settings).await?;
    let http = reqwest::Client::new();
    http.post(format!("{server}/{prefix}*/_refresh")).send().await?.error_for_status()?;

    for api in Api::ALL {
        measure_giant(&settings, api).await?;
    }
    let query = Spoor::start(Role::Query, &settings).await?;
    query.ready().await?;
    measure_searches(&query, &http).await?;
    delete_indices(&server, &prefix).await
}

/// Generated spans, and the giant trace.
async fn fill(settings: &[&str]) -> Result<()> {
    let collector = Spoor::start(Role::Collector, settings).await?;
    collector.ready().await?;
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(60),
        retry_for: Duration::from_secs(120),
        ..to(&collector, Protocol::OtlpGrpc, 4)
    };
    let report = send(&config, requests(1, SPANS, SPANS_PER_REQUEST)).await?;
    ensure!(report.acknowledged.spans == SPANS, "everything was acknowledged: {report}");
    let http = reqwest::Client::new();
    let now = spoor_tests::traffic::now().0;
    for first in (0..GIANT_SPANS).step_by(GIANT_PART) {
        let spans: Vec<_> = (first..first + GIANT_PART).map(|number| giant_span(now, number)).collect();
        let service = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "giant"}},
            {"key": "host.name", "value": {"stringValue": "node-17.example.org"}}]});
        let request = json!({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": spans}]}]});
        let url = format!("{}/v1/traces", collector.url("otlp-http"));
        http.post(url).json(&request).send().await?.error_for_status()?;
    }
    collector.stop().await?;
    Ok(())
}

fn giant_span(now: u64, number: usize) -> serde_json::Value {
    let start = now - 60_000_000_000 + number as u64 * 1_000_000;
    let text = |key: &str, value: String| json!({"key": key, "value": {"stringValue": value}});
    let attributes = [
        text("http.method", "GET".to_owned()),
        text("http.url", format!("https://shop.example.org/cart/{number}/items")),
        text("db.statement", format!("SELECT * FROM items WHERE cart = {number}")),
        text("thread.name", format!("worker-{}", number % 16)),
        json!({"key": "http.status_code", "value": {"intValue": "200"}}),
        json!({"key": "retry", "value": {"boolValue": false}}),
    ];
    let parent = if number == 0 { String::new() } else { format!("{:016x}", number / 10 + 1) };
    json!({
        "traceId": GIANT, "spanId": format!("{:016x}", number + 1), "parentSpanId": parent, "kind": 2,
        "name": format!("operation {}", number % 50), "attributes": attributes,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 5_000_000).to_string(),
    })
}

async fn measure_searches(query: &Spoor, http: &reqwest::Client) -> Result<()> {
    let (_, services) = query.query("/api/services").await?;
    let services: Vec<String> =
        serde_json::from_value(services["data"].clone()).context("a list of names")?;
    let services: Vec<&String> = services.iter().filter(|name| *name != "giant").collect();
    let limit = TRACES.to_string();
    let mut asked = services.iter().cycle();
    let mut found = 0;
    let mut before = 0.0;
    for number in 0..WARM_UP_SEARCHES + SEARCHES {
        if number == WARM_UP_SEARCHES {
            (found, before) = (0, query.cpu_seconds()?);
        }
        let service = asked.next().context("some service")?;
        let parameters = [("service", service.as_str()), ("limit", limit.as_str())];
        let url =
            reqwest::Url::parse_with_params(&format!("{}/api/traces", query.url("query-http")), parameters)?;
        let answer: serde_json::Value = http.get(url).send().await?.error_for_status()?.json().await?;
        found += answer["data"].as_array().map_or(0, Vec::len);
    }
    let spent = query.cpu_seconds()? - before;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_search = spent * 1e3 / SEARCHES as f64;
    let method = format!(
        "{SEARCHES} searches by service, one after the other, for {TRACES} traces of 8 to 30 spans, {found} found, after a \
         warm-up; user and system time of the query process"
    );
    print_figure("query_search_cpu_ms", per_search, "CPU ms", SEARCH_BAR, SPANS, &method);
    Ok(())
}

/// Who asks for the giant trace, and how.
#[derive(Debug, Clone, Copy)]
enum Api {
    HttpV1,
    HttpV3,
    GrpcV2,
    GrpcV3,
}

impl Api {
    const ALL: [Self; 4] = [Self::HttpV1, Self::HttpV3, Self::GrpcV2, Self::GrpcV3];

    /// Its part of the figures' names; v1's came first and have none.
    fn infix(self) -> &'static str {
        match self {
            Self::HttpV1 => "",
            Self::HttpV3 => "v3_",
            Self::GrpcV2 => "grpc_v2_",
            Self::GrpcV3 => "grpc_v3_",
        }
    }

    /// Asks for the trace and reads all of the answer, piece by piece, as a client does that shows it while it comes.
    async fn read(self, query: &Spoor) -> Result<Answer> {
        match self {
            Self::HttpV1 => read_http(&format!("{}/api/traces/{GIANT}", query.url("query-http"))).await,
            Self::HttpV3 => read_http(&format!("{}/api/v3/traces/{GIANT}", query.url("query-http"))).await,
            Self::GrpcV2 => {
                let channel = Channel::from_shared(query.url("query-grpc"))?.connect().await?;
                let trace_id: TraceId = GIANT.parse()?;
                let trace_id = trace_id.to_bytes().to_vec().into();
                let request = api_v2::GetTraceRequest { trace_id, ..Default::default() };
                let mut chunks = ClientV2::new(channel).get_trace(request).await?.into_inner();
                let mut answer = Answer::default();
                while let Some(chunk) = chunks.message().await? {
                    answer.note(chunk.encoded_len(), chunk.spans.len());
                }
                Ok(answer)
            }
            Self::GrpcV3 => {
                let channel = Channel::from_shared(query.url("query-grpc"))?.connect().await?;
                let request = api_v3::GetTraceRequest { trace_id: GIANT.to_owned(), ..Default::default() };
                let mut messages = ClientV3::new(channel).get_trace(request).await?.into_inner();
                let mut answer = Answer::default();
                while let Some(message) = messages.message().await? {
                    let scopes = message.resource_spans.iter().flat_map(|of| &of.scope_spans);
                    answer.note(message.encoded_len(), scopes.map(|scope| scope.spans.len()).sum());
                }
                Ok(answer)
            }
        }
    }
}

/// What came.
#[derive(Default)]
struct Answer {
    bytes: usize,
    spans: usize,
    /// When the first piece was there.
    first: Option<Instant>,
}

impl Answer {
    fn note(&mut self, bytes: usize, spans: usize) {
        self.first.get_or_insert_with(Instant::now);
        self.bytes += bytes;
        self.spans += spans;
    }
}

async fn read_http(url: &str) -> Result<Answer> {
    const SPAN_ID: &[u8] = b"\"spanI";
    let mut body = reqwest::get(url).await?.error_for_status()?;
    let (mut answer, mut text) = (Answer::default(), Vec::new());
    while let Some(piece) = body.chunk().await? {
        answer.note(piece.len(), 0);
        text.extend_from_slice(&piece);
    }
    answer.spans = text.windows(SPAN_ID.len()).filter(|window| *window == SPAN_ID).count();
    Ok(answer)
}

/// In a process of its own for each API: memory that one question made it take is there for the next.
async fn measure_giant(settings: &[&str], api: Api) -> Result<()> {
    let query = Spoor::start(Role::Query, settings).await?;
    query.ready().await?;
    let (idle, before, started) = (query.peak_mib()?, query.cpu_seconds()?, Instant::now());
    let answer = api.read(&query).await.with_context(|| format!("{api:?}"))?;
    let wall = started.elapsed().as_secs_f64();
    let (spent, grown) = (query.cpu_seconds()? - before, query.peak_mib()? - idle);
    ensure!(answer.spans >= GIANT_SPANS, "{api:?}: {} of {GIANT_SPANS} spans came", answer.spans);
    let first = answer.first.context("something came")?.duration_since(started).as_secs_f64();
    let method = format!(
        "one trace of {GIANT_SPANS} spans by id, {} MiB, the first question to the process, first piece after {first:.2} s",
        answer.bytes >> 20
    );
    let print = |figure: &str, value, unit, bar, how: &str| {
        let name = format!("query_giant_{}{figure}", api.infix());
        print_figure(&name, value, unit, bar, GIANT_SPANS as u64, &format!("{method}; {how}"));
    };
    print("rss_mib", grown, "MiB", GIANT_MEMORY_BAR, "growth of VmHWM");
    print("cpu_s", spent, "CPU s", GIANT_CPU_BAR, "user and system time");
    print("wall_s", wall, "s", GIANT_WALL_BAR, "with the store beside it");
    query.stop().await.map(drop)
}
