//! Hot path: traces as messages, each written straight from the views when the client has taken the one before. Budget: one buffer a
//! message. A trace's memory is released once it is written.

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use spoor_model::{SpanBatch, TraceLookup};
use spoor_proto::convert::jaeger_v2::encode_spans_chunk;
use spoor_proto::convert::otlp::encode_traces_chunk;
use spoor_storage::RequestContext;
use tonic::Status;

use super::status::{read_failed, trace_not_found};
use super::{Rpc, method};
use crate::pieces;
use crate::service::{LiveTrace, Traces};

/// The most that a client takes as one message, unless it was told otherwise (4 MiB), with some room.
const LARGEST_BYTES: usize = 4_000_000;
/// How large messages are where an answer is in parts anyway.
const PART_BYTES: usize = 1 << 20;
/// How large a chunk of api_v2 is.
const CHUNK_BYTES: usize = 256 << 10;

/// Appends a message of one trace's spans, from that position on; answers the position behind the last of them.
pub(super) type Encode = fn(&SpanBatch, usize, &mut Vec<u8>) -> usize;

/// `SpansResponseChunk`: chunks are bounded by their bytes.
pub(super) fn chunk_of_v2(trace: &SpanBatch, from: usize, out: &mut Vec<u8>) -> usize {
    encode_spans_chunk(trace, from, CHUNK_BYTES, out)
}

/// `TracesData`: a whole trace where a client takes that, else parts of it one after the other.
pub(super) fn message_of_v3(trace: &SpanBatch, from: usize, out: &mut Vec<u8>) -> usize {
    encode_traces_chunk(trace, from, if from == 0 { LARGEST_BYTES } else { PART_BYTES }, out)
}

/// The traces as messages. Their room is given back when the last one is taken, or when the client hangs up or stalls. An answer
/// that a limit shortened ends with an error that says so, behind what there is.
pub(super) fn answer(found: Traces, encode: Encode) -> method::Messages {
    let Traces { traces, missing: _, omitted, cut: _, room } = found;
    let messages = Messages { traces: traces.into_iter(), current: None, encode };
    let shortened = omitted.then(|| {
        Err(Status::resource_exhausted(
            "the answer has reached its limit (--query.max-answer-bytes) and leaves out further traces; ask for fewer",
        ))
    });
    sent(messages, room).chain(stream::iter(shortened)).boxed()
}

/// Encoded messages on their way to a client. `held` is let go of as the traces' room is.
pub(super) fn sent(
    messages: impl Iterator<Item = Bytes> + Send + 'static,
    held: impl Send + 'static,
) -> impl Stream<Item = Result<Bytes, Status>> + Send + 'static {
    pieces::stream(messages, held).map_err(Status::from)
}

/// One trace by its id, for both APIs: whole and adjusted, or raw as it is read.
pub(super) async fn trace_by_id(
    rpc: &Rpc,
    context: &RequestContext,
    lookup: TraceLookup,
    raw: bool,
    encode: Encode,
) -> Result<method::Messages, Status> {
    if raw {
        let live = rpc.service.live_trace(context, &lookup).await.map_err(read_failed)?;
        return Ok(live_answer(live.ok_or_else(trace_not_found)?, encode));
    }
    let found = rpc.service.traces(context, &[lookup], false).await.map_err(read_failed)?;
    if found.traces.is_empty() && !found.omitted {
        return Err(trace_not_found());
    }
    Ok(answer(found, encode))
}

/// A trace as it comes: what there is of it is sent before more is read.
fn live_answer(trace: LiveTrace, encode: Encode) -> method::Messages {
    let parts = stream::try_unfold(trace, async |mut trace| {
        let part = trace.next().await.map_err(read_failed)?;
        Ok::<_, Status>(part.map(|part| (part, trace)))
    });
    let messages = parts.map_ok(move |part| {
        let messages = Messages { traces: vec![part].into_iter(), current: None, encode };
        stream::iter(messages.map(Ok))
    });
    pieces::live(messages.try_flatten()).boxed()
}

impl From<pieces::Stalled> for Status {
    fn from(stalled: pieces::Stalled) -> Self {
        Self::cancelled(stalled.to_string())
    }
}

struct Messages {
    traces: std::vec::IntoIter<SpanBatch>,
    /// The trace being written, and its next span.
    current: Option<(SpanBatch, usize)>,
    encode: Encode,
}

impl Iterator for Messages {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let (trace, from) = self.current.take().or_else(|| Some((self.traces.next()?, 0)))?;
        let mut out = Vec::new();
        let next = (self.encode)(&trace, from, &mut out);
        if next < trace.len() {
            self.current = Some((trace, next));
        }
        Some(out.into())
    }
}

#[cfg(test)]
mod tests {
    use spoor_model::TraceId;

    use super::*;
    use crate::fixture::plain_trace;

    fn lengths(traces: Vec<SpanBatch>, encode: Encode) -> Vec<usize> {
        Messages { traces: traces.into_iter(), current: None, encode }.map(|message| message.len()).collect()
    }

    #[test]
    fn a_message_never_mixes_traces() {
        fn one_byte_a_span(trace: &SpanBatch, from: usize, out: &mut Vec<u8>) -> usize {
            let TraceId(id) = trace.span(from).unwrap().trace_id();
            let next = trace.len().min(from + 2);
            out.resize(usize::try_from(id).unwrap() * 10 + next - from, 0);
            next
        }
        let traces = vec![plain_trace(1, 3), plain_trace(2, 1), plain_trace(3, 2)];
        assert_eq!(lengths(traces, one_byte_a_span), [12, 11, 21, 32]);
    }

    #[test]
    fn messages_keep_to_what_clients_take() {
        let trace = plain_trace(1, 80_000);
        let chunks = lengths(vec![trace.clone()], chunk_of_v2);
        assert!(chunks.len() > 3 && chunks.iter().all(|length| *length <= CHUNK_BYTES), "{chunks:?}");
        let messages = lengths(vec![trace], message_of_v3);
        assert!(messages[0] <= LARGEST_BYTES && messages.len() > 1, "{messages:?}");
        assert!(messages[1..].iter().all(|length| *length <= PART_BYTES), "{messages:?}");
        assert_eq!(lengths(vec![plain_trace(1, 5_000)], message_of_v3).len(), 1, "whole where it fits");
    }
}
