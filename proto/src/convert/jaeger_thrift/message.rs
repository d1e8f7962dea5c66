//! What clients send to an agent: one message a datagram, in either protocol, a batch of Jaeger's or a list of Zipkin's.

use bytes::Bytes;
use spoor_model::{SpanBatch, SpanBatchBuilder};

use super::decode::Decoder;
use crate::convert::limits::Limits;
use crate::convert::zipkin_thrift;
use crate::error::{DecodeError, Problem};
use crate::thrift::{BinaryReader, CompactReader, Field, Kind, Reader};
use crate::wire::Slice;

/// Which of Thrift's protocols a message is written in; the port tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThriftProtocol {
    /// Ports 6831 and 5775.
    Compact,
    /// Port 6832; the older form of a message's head is read, too.
    Binary,
}

/// Whose model the spans of a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanFormat {
    /// `emitBatch`.
    Jaeger,
    /// `emitZipkinBatch`.
    Zipkin,
}

/// One message to an agent.
#[derive(Debug)]
pub struct AgentMessage {
    /// Whose model the spans came in.
    pub format: SpanFormat,
    /// The spans; there may be none.
    pub spans: SpanBatch,
    /// The number that a client gives to its batches, if it counts them.
    pub sequence: Option<i64>,
    /// What the client has lost so far, if it tells.
    pub stats: Option<ClientStats>,
}

/// Spans that a client has lost since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientStats {
    /// Because its queue was full.
    pub full_queue: i64,
    /// Because the span was too large for a datagram.
    pub too_large: i64,
    /// Because sending failed.
    pub failed_to_emit: i64,
}

/// Reads one message to an agent: `emitBatch` or `emitZipkinBatch`, whatever the port. Conversions are those of
/// [`decode_batch`](super::decode_batch) and of Zipkin's spans in Kafka.
///
/// # Errors
/// For bytes that are no such message, other methods, missing fields that Jaeger requires, deeper nesting than
/// [`MAX_DEPTH`](crate::thrift::MAX_DEPTH), and more rows than fit a message of this length. Nothing of the message is usable then.
pub fn decode_agent_message(protocol: ThriftProtocol, body: Bytes) -> Result<AgentMessage, DecodeError> {
    let source = body.clone();
    let (builder, message) = (SpanBatchBuilder::with_source(body)?, Slice { bytes: &source, start: 0 });
    match protocol {
        ThriftProtocol::Compact => read(CompactReader::new(message), builder, source.len()),
        ThriftProtocol::Binary => read(BinaryReader::new(message), builder, source.len()),
    }
}

fn read<'a, R: Reader<'a> + Clone>(
    mut reader: R,
    builder: SpanBatchBuilder,
    length: usize,
) -> Result<AgentMessage, DecodeError> {
    let method = reader.begin_message().map_err(|error| error.within("message"))?;
    match method.bytes {
        b"emitBatch" => emit_batch(&mut reader, Decoder::new(builder, length)),
        b"emitZipkinBatch" => emit_zipkin_batch(&mut reader, builder, Limits::for_body(length)),
        _ => {
            let problem =
                Problem::Malformed("an agent has no such method; it has emitBatch and emitZipkinBatch");
            Err(DecodeError::new(problem, method.start).within("message"))
        }
    }
}

fn emit_batch<'a, R: Reader<'a> + Clone>(
    reader: &mut R,
    mut decoder: Decoder,
) -> Result<AgentMessage, DecodeError> {
    let mut head = None;
    reader.begin_struct()?;
    while let Some(Field { id, kind }) = reader.field()? {
        match (id, kind) {
            (1, Kind::Struct) if head.is_none() => {
                head = Some(decoder.batch(reader).map_err(|error| error.within("emitBatch"))?);
            }
            _ => reader.skip(kind)?,
        }
    }
    let head = head.ok_or_else(|| nothing(reader.position(), "emitBatch"))?;
    let (sequence, stats) = (head.sequence, head.stats);
    Ok(AgentMessage { format: SpanFormat::Jaeger, spans: decoder.finish()?, sequence, stats })
}

fn emit_zipkin_batch<'a, R: Reader<'a>>(
    reader: &mut R,
    builder: SpanBatchBuilder,
    limits: Limits,
) -> Result<AgentMessage, DecodeError> {
    let mut decoder = zipkin_thrift::Decoder::new(builder);
    let mut is_read = false;
    reader.begin_struct()?;
    while let Some(Field { id, kind }) = reader.field()? {
        match (id, kind) {
            (1, Kind::List) if !is_read => {
                decoder.list(reader, limits).map_err(|error| error.within("emitZipkinBatch"))?;
                is_read = true;
            }
            _ => reader.skip(kind)?,
        }
    }
    if !is_read {
        return Err(nothing(reader.position(), "emitZipkinBatch"));
    }
    let spans = decoder.into_builder().finish()?;
    Ok(AgentMessage { format: SpanFormat::Zipkin, spans, sequence: None, stats: None })
}

#[cold]
fn nothing(position: usize, method: &'static str) -> DecodeError {
    DecodeError::new(Problem::Malformed("the method is called without its argument"), position).within(method)
}
