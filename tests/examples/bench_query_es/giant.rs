//! One trace of 50,000 spans by id, in each API, as the first question to a process.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use prost::Message;
use spoor_model::TraceId;
use spoor_proto::jaeger::api_v2::query_service_client::QueryServiceClient as ClientV2;
use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient as ClientV3;
use spoor_proto::jaeger::{api_v2, api_v3};
use spoor_tests::figures::print_figure;
use spoor_tests::{Role, Spoor};
use tonic::transport::Channel;

use crate::{GIANT, GIANT_SPANS};

/// MiB above idle (Jaeger v2.20: 780).
const MEMORY_BAR: f64 = 64.0;
/// CPU seconds (Jaeger v2.20: 6.6).
const CPU_BAR: f64 = 1.0;
/// Seconds (Jaeger v2.20: 6.2).
const WALL_BAR: f64 = 2.5;

pub(crate) async fn measure(settings: &[&str]) -> Result<()> {
    for api in Api::ALL {
        measure_by(settings, api).await?;
    }
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
async fn measure_by(settings: &[&str], api: Api) -> Result<()> {
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
    print("rss_mib", grown, "MiB", MEMORY_BAR, "growth of VmHWM");
    print("cpu_s", spent, "CPU s", CPU_BAR, "user and system time");
    print("wall_s", wall, "s", WALL_BAR, "with the store beside it");
    query.stop().await.map(drop)
}
