//! Requests in Jaeger's Thrift: a batch has one process, so the spans of one message make as many requests as they have resources, and more
//! where they would not fit a datagram.

use bytes::Bytes;
use spoor_model::SpanView;
use spoor_proto::convert::jaeger_thrift::{ThriftProtocol, encode_batch, encode_emit_batch};
use spoor_proto::convert::otlp::decode_export_request;

use super::request::Request;

/// The largest datagram that clients send and agents take (`--processor.jaeger-compact.server-max-packet-size`), in bytes.
const MAX_DATAGRAM: usize = 65_000;

/// How a batch is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is, in the binary protocol, for HTTP.
    Bare,
    /// In a call of an agent's method, in a datagram.
    Datagram(ThriftProtocol),
}

/// The spans of an encoded OTLP message as requests, by resource in the order of the message.
pub(super) fn requests(message: Bytes, form: Form) -> Vec<Request> {
    let batch =
        decode_export_request(message).expect("prost's encoding of a generated message is valid OTLP");
    let spans: Vec<SpanView<'_>> = batch.spans().collect();
    let of_one_resource = |left: &SpanView<'_>, right: &SpanView<'_>| {
        batch.resource_index(left.row()) == batch.resource_index(right.row())
    };
    let mut requests = Vec::new();
    for spans in spans.chunk_by(of_one_resource) {
        encode(spans, form, &mut requests);
    }
    requests
}

/// Encodes spans of one resource, in halves where they do not fit. A single span that is too large for a datagram is left to the
/// system, which refuses to send it.
fn encode(spans: &[SpanView<'_>], form: Form, requests: &mut Vec<Request>) {
    let Some(first) = spans.first() else { return };
    let mut body = Vec::new();
    let limit = match form {
        Form::Bare => {
            encode_batch(&mut body, first.resource(), spans.iter().copied());
            usize::MAX
        }
        Form::Datagram(protocol) => {
            encode_emit_batch(protocol, &mut body, first.resource(), spans.iter().copied());
            MAX_DATAGRAM
        }
    };
    if body.len() > limit && spans.len() > 1 {
        let (left, right) = spans.split_at(spans.len() / 2);
        encode(left, form, requests);
        encode(right, form, requests);
        return;
    }
    let keys = spans.iter().map(|span| (span.trace_id(), span.span_id())).collect();
    requests.push(Request { body: body.into(), spans: keys });
}
