//! One gRPC connection that sends bytes as they are: no message types on the way out, so the sender's own CPU time stays small.

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::error::Error;
use std::time::Duration;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::StatusExt;

use super::answer::{Answer, Retry, shorten};
use super::endpoint::Endpoint;
use crate::{Compression, Protocol, SendConfig};

const OTLP_EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
const JAEGER_POST_SPANS: PathAndQuery =
    PathAndQuery::from_static("/jaeger.api_v2.CollectorService/PostSpans");

/// A connection that is made when it is first needed, and made again after a loss.
#[derive(Debug)]
pub(crate) struct GrpcConnection {
    client: Grpc<Channel>,
    protocol: Protocol,
    deadline: Duration,
}

impl GrpcConnection {
    /// Prepares the connection; nothing is sent yet.
    pub(crate) fn open(endpoint: &Endpoint, config: &SendConfig) -> Self {
        let channel = Channel::builder(endpoint.0.clone())
            .connect_timeout(super::connect_deadline(config))
            .connect_lazy();
        let client = Grpc::new(channel);
        let client = match config.compression {
            Compression::None => client,
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
        };
        Self { client, protocol: config.protocol, deadline: config.deadline }
    }

    /// Sends one message and waits for the answer, without a limit of its own.
    pub(crate) async fn send(&mut self, body: Bytes) -> Answer {
        if let Err(error) = self.client.ready().await {
            return Answer::unreachable(&error);
        }
        let mut request = tonic::Request::new(body);
        request.set_timeout(self.deadline);
        let jaeger = self.protocol == Protocol::JaegerGrpc;
        let path = if jaeger { JAEGER_POST_SPANS } else { OTLP_EXPORT };
        match self.client.unary(request, path, RawCodec).await {
            // PostSpansResponse has no fields.
            Ok(_) if jaeger => Answer::success(),
            Ok(response) => read_success(response.into_inner()),
            Err(status) => read_status(&status),
        }
    }
}

fn read_success(body: Bytes) -> Answer {
    match ExportTraceServiceResponse::decode(body) {
        Ok(ExportTraceServiceResponse { partial_success: Some(partial) }) => {
            Answer::partial(partial.rejected_spans, &partial.error_message)
        }
        Ok(_) => Answer::success(),
        Err(error) => Answer::unreadable(&error.to_string()),
    }
}

/// A status with a source comes from this side of the wire; one without was sent by the server.
fn read_status(status: &Status) -> Answer {
    match status.source() {
        Some(source) if caused_by::<ConnectError>(source) => Answer::unreachable(source),
        Some(source) if caused_by::<TimeoutExpired>(source) => Answer::late(),
        Some(source) => Answer::lost(source),
        None => read_refusal(status),
    }
}

/// A server whose own deadline passed cannot say what became of the request (grpc.io/docs/guides/status-codes).
fn read_refusal(status: &Status) -> Answer {
    let reason = format!("grpc {:?}", status.code());
    let message = shorten(status.message());
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => Answer::Unknown { reason, message },
        _ => Answer::Refused { reason, message, retry: retry(status) },
    }
}

fn caused_by<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    error.is::<T>() || error.source().is_some_and(caused_by::<T>)
}

/// Which statuses are worth another attempt, as the OTLP specification says (opentelemetry.io/docs/specs/otlp, Failures).
fn retry(status: &Status) -> Retry {
    let wish = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match (status.code(), wish) {
        (Code::ResourceExhausted, None) => Retry::Never,
        (
            Code::Aborted | Code::OutOfRange | Code::Unavailable | Code::DataLoss | Code::ResourceExhausted,
            wish,
        ) => wish.map_or(Retry::Backoff, Retry::After),
        _ => Retry::Never,
    }
}

/// Messages are bytes already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.reserve(item.len());
        target.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
