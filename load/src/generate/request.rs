//! From traces to requests: spans in the order of their traces, cut into requests of one size and grouped by resource and scope
//! within each, the way a collector's batch processor passes on what many processes sent.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spoor_model::{SpanId, TraceId, UnixNanos};
use spoor_proto::convert::jaeger_thrift::ThriftProtocol;
use spoor_proto::convert::{jaeger_v2::encode_post_spans, otlp::decode_export_request};

use super::landscape::{Landscape, scope_index};
use super::thrift::{self, Form};
use super::trace::{PlacedSpan, TraceMaker};
use crate::{GenerateConfig, Protocol};

/// Names one span.
pub type SpanKey = (TraceId, SpanId);

/// A request ready for the wire. Cloning shares the bytes and the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The encoded message, not compressed and without gRPC framing; a whole datagram for UDP.
    pub body: Bytes,
    /// The spans in it, in the order of the message.
    pub spans: Arc<[SpanKey]>,
}

/// The generated requests as OTLP messages. An iterator; it ends when the configured number of traces or spans is reached.
#[derive(Debug)]
pub struct TraceRequests {
    maker: TraceMaker,
    next_trace: u64,
    traces_left: u64,
    spans_left: u64,
    spans_per_request: usize,
    pending: VecDeque<PlacedSpan>,
}

/// The generated requests, encoded for one protocol. An iterator like [`TraceRequests`].
#[derive(Debug)]
pub struct Requests {
    messages: TraceRequests,
    /// Of the latest message.
    ready: VecDeque<Request>,
    protocol: Protocol,
}

impl TraceRequests {
    /// Traces that end at `base_time` or at most `config.spread` before it.
    #[must_use]
    pub fn new(config: &GenerateConfig, base_time: UnixNanos) -> Self {
        let traces_left = match (config.traces, config.spans) {
            (Some(traces), _) => traces,
            (None, Some(_)) => u64::MAX,
            (None, None) => GenerateConfig::DEFAULT_TRACES,
        };
        Self {
            maker: TraceMaker::new(config, base_time),
            next_trace: 0,
            traces_left,
            spans_left: config.spans.unwrap_or(u64::MAX),
            spans_per_request: usize::try_from(config.spans_per_request.get()).unwrap_or(usize::MAX),
            pending: VecDeque::new(),
        }
    }

    fn fill(&mut self) {
        while self.pending.len() < self.spans_per_request && self.traces_left > 0 && self.spans_left > 0 {
            let mut trace = self.maker.trace(self.next_trace);
            // Parents stand first, so a trace that is cut short is still a tree.
            trace.truncate(usize::try_from(self.spans_left).unwrap_or(usize::MAX));
            self.spans_left = self.spans_left.saturating_sub(trace.len() as u64);
            self.traces_left -= 1;
            self.next_trace += 1;
            self.pending.extend(trace);
        }
    }
}

impl Iterator for TraceRequests {
    type Item = ExportTraceServiceRequest;

    fn next(&mut self) -> Option<ExportTraceServiceRequest> {
        self.fill();
        let count = self.pending.len().min(self.spans_per_request);
        if count == 0 {
            return None;
        }
        let resource_spans = group(self.maker.landscape(), self.pending.drain(..count));
        Some(ExportTraceServiceRequest { resource_spans })
    }
}

impl Requests {
    /// Requests in the encoding that `protocol` carries; the traces end as [`TraceRequests::new`] says.
    #[must_use]
    pub fn new(config: &GenerateConfig, base_time: UnixNanos, protocol: Protocol) -> Self {
        Self { messages: TraceRequests::new(config, base_time), ready: VecDeque::new(), protocol }
    }
}

impl Iterator for Requests {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        while self.ready.is_empty() {
            self.ready.extend(Request::encode(&self.messages.next()?, self.protocol));
        }
        self.ready.pop_front()
    }
}

impl Request {
    /// Encodes a message for `protocol`: as one request, or for Thrift, whose batches have one process each, as many as it takes. Spans whose
    /// ids have no valid length are listed as zero.
    #[must_use]
    pub fn encode(message: &ExportTraceServiceRequest, protocol: Protocol) -> Vec<Self> {
        let thrift = |form| thrift::requests(message.encode_to_vec().into(), form);
        let body = match protocol {
            Protocol::JaegerHttp => return thrift(Form::Bare),
            Protocol::JaegerCompact => return thrift(Form::Datagram(ThriftProtocol::Compact)),
            Protocol::JaegerBinary => return thrift(Form::Datagram(ThriftProtocol::Binary)),
            Protocol::OtlpGrpc | Protocol::OtlpHttp => message.encode_to_vec(),
            Protocol::OtlpHttpJson => {
                serde_json::to_vec(message).expect("OTLP messages have string keys only")
            }
            Protocol::JaegerGrpc => post_spans(message),
        };
        vec![Self { body: body.into(), spans: spans(message).map(key).collect() }]
    }
}

/// The same spans as one PostSpansRequest: the first one's process is the batch's, spans of other processes carry their own.
fn post_spans(message: &ExportTraceServiceRequest) -> Vec<u8> {
    let body = Bytes::from(message.encode_to_vec());
    let batch = decode_export_request(body).expect("prost's encoding of a generated message is valid OTLP");
    let mut out = Vec::new();
    encode_post_spans(&mut out, batch.spans());
    out
}

fn spans(message: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    message.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

fn key(span: &Span) -> SpanKey {
    (
        TraceId::from_bytes(&span.trace_id).unwrap_or_default(),
        SpanId::from_bytes(&span.span_id).unwrap_or_default(),
    )
}

/// Groups by resource and scope, both in the order of their first span.
fn group(landscape: &Landscape, spans: impl Iterator<Item = PlacedSpan>) -> Vec<ResourceSpans> {
    let mut resources: Vec<ResourceSpans> = Vec::new();
    let mut resource_at = HashMap::new();
    let mut scope_at = HashMap::new();
    for PlacedSpan { service, instance, role, span } in spans {
        let at = *resource_at.entry((service, instance)).or_insert_with(|| {
            let resource = Some(landscape.resource(service, instance));
            resources.push(ResourceSpans { resource, ..ResourceSpans::default() });
            resources.len() - 1
        });
        let scopes = &mut resources[at].scope_spans;
        let scope = *scope_at.entry((at, scope_index(role))).or_insert_with(|| {
            scopes.push(ScopeSpans { scope: Some(Landscape::scope(role)), ..ScopeSpans::default() });
            scopes.len() - 1
        });
        scopes[scope].spans.push(span);
    }
    resources
}
