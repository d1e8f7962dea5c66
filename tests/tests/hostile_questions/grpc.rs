//! Questions by gRPC: messages of every method with values of every kind, as they are, or mutated as bytes.

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use futures::{StreamExt, TryStreamExt, stream};
use prost::bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};

use crate::messages::{message, mutate};
use crate::scene::{Archive, Scene};

/// At a time.
const CLIENTS: usize = 6;
/// Between two good questions.
const GOOD_EACH: u64 = 50;

const METHODS: [&str; 13] = [
    "jaeger.api_v2.QueryService/GetTrace",
    "jaeger.api_v2.QueryService/ArchiveTrace",
    "jaeger.api_v2.QueryService/FindTraces",
    "jaeger.api_v2.QueryService/GetServices",
    "jaeger.api_v2.QueryService/GetOperations",
    "jaeger.api_v2.QueryService/GetDependencies",
    "jaeger.api_v3.QueryService/GetTrace",
    "jaeger.api_v3.QueryService/FindTraces",
    "jaeger.api_v3.QueryService/GetServices",
    "jaeger.api_v3.QueryService/GetOperations",
    "jaeger.api_v3.QueryService/GetDependencies",
    "jaeger.api_v3.QueryService/FindTraceSummaries",
    "jaeger.api_v3.QueryService/FindSpans",
];

/// What messages about a bad question name: a field, or that the bytes are no message.
const NAMES: [&str; 17] = [
    "trace_id",
    "start_time",
    "end_time",
    "query",
    "service_name",
    "operation_name",
    "tags",
    "attributes",
    "start_time_min",
    "start_time_max",
    "duration_min",
    "duration_max",
    "search_depth",
    "filter",
    "span_kind",
    "service",
    "read the request",
];

pub(crate) async fn ask(scene: &Scene, seed: u64, questions: u64) -> Result<()> {
    let each = |number: u64| async move {
        let mut random = Rng::with_seed(seed.wrapping_mul(1_000_033).wrapping_add(number));
        let method = random.choice(METHODS).context("there are methods")?;
        let mut message = message(&mut random, &scene.known, method);
        if random.u8(..3) == 0 {
            (0..random.u8(1..4)).for_each(|_| mutate(&mut random, &mut message));
        }
        let shown: Vec<u8> = message.iter().copied().take(600).collect();
        let answer = scene.by_grpc(|| send(scene, method, message.clone())).await;
        let answer = answer.and_then(|answer| judge(scene, method, answer));
        answer.with_context(|| format!("question {number}: {method} {}", shown.escape_ascii()))?;
        if number.is_multiple_of(GOOD_EACH) {
            scene.good().await.with_context(|| format!("a good question beside question {number}"))?;
        }
        Ok(())
    };
    stream::iter(0..questions).map(each).buffer_unordered(CLIENTS).try_collect().await
}

fn judge(scene: &Scene, method: &str, answer: Result<(), Status>) -> Result<()> {
    let Err(status) = answer else { return Ok(()) };
    let is_known = match status.code() {
        Code::InvalidArgument => NAMES.iter().any(|name| status.message().contains(name)),
        Code::NotFound => method.ends_with("Trace"),
        Code::Unimplemented => {
            method.ends_with("FindSpans")
                || (method.ends_with("ArchiveTrace") && scene.archive == Archive::Off)
        }
        // Longer than a question may be.
        Code::OutOfRange => true,
        _ => false,
    };
    ensure!(is_known, "{status:?}");
    Ok(())
}

/// Sends the bytes as the one message of a call, and takes all that comes.
async fn send(scene: &Scene, method: &str, message: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(scene.channel.clone()).max_decoding_message_size(usize::MAX);
    client.ready().await.map_err(|error| Status::unknown(format!("the port is gone: {error}")))?;
    let path = format!("/{method}").parse().map_err(|_| Status::unknown("a method's name is a path"))?;
    let mut answer = client.server_streaming(Request::new(message), path, Raw).await?.into_inner();
    while answer.message().await?.is_some() {}
    Ok(())
}

/// Messages as bytes.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        message.advance(message.remaining());
        Ok(Some(()))
    }
}
