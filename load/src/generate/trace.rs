//! One trace: the planned tree filled with ids, names, attributes, events, links and status.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::{Span, span::Link, span::SpanKind};
use spoor_model::{SpanId, TraceId, UnixNanos};

use super::landscape::{Landscape, Role, operation_name};
use super::tags;
use super::tree::{self, Node};
use crate::GenerateConfig;

/// A span and the place it comes from.
#[derive(Debug)]
pub(crate) struct PlacedSpan {
    /// Number of the service.
    pub(crate) service: usize,
    /// Number of the service's instance.
    pub(crate) instance: u32,
    /// What it does; decides the scope.
    pub(crate) role: Role,
    /// The span itself.
    pub(crate) span: Span,
}

/// Makes the traces of one configuration, in any order.
#[derive(Debug)]
pub(crate) struct TraceMaker {
    landscape: Landscape,
    seed: u64,
    lengths: (usize, usize),
    error_rate: f64,
    base_time: UnixNanos,
    spread: Duration,
}

/// W3C's trace flag "sampled", and OTLP's two bits that tell whether the parent is in another process.
const LOCAL_PARENT: u32 = 0x101;
const REMOTE_PARENT: u32 = 0x301;

impl TraceMaker {
    /// All traces end at `base_time` or at most `config.spread` before it.
    pub(crate) fn new(config: &GenerateConfig, base_time: UnixNanos) -> Self {
        let length = |spans: std::num::NonZeroU32| usize::try_from(spans.get()).unwrap_or(usize::MAX);
        let shortest = length(config.trace_spans_min);
        Self {
            landscape: Landscape::new(config),
            seed: config.seed,
            lengths: (shortest, length(config.trace_spans_max).max(shortest)),
            error_rate: config.error_rate,
            base_time,
            spread: config.spread,
        }
    }

    /// The services the traces run through.
    pub(crate) fn landscape(&self) -> &Landscape {
        &self.landscape
    }

    /// The spans of trace number `index`, parents before children.
    pub(crate) fn trace(&self, index: u64) -> Vec<PlacedSpan> {
        let mut rng = super::part_rng(self.seed, index);
        let (trace_id, root_id) = draw_ids(&mut rng);
        let len = rng.usize(self.lengths.0..=self.lengths.1);
        let spread = u64::try_from(self.spread.as_nanos()).unwrap_or(u64::MAX);
        let end = self.base_time.0.saturating_sub(rng.u64(0..=spread));
        let nodes = tree::plan(&self.landscape, len, end, &mut rng);
        let mut ids = vec![root_id];
        ids.extend((1..nodes.len()).map(|_| SpanId(nonzero(&mut rng))));
        let context = TraceContext { maker: self, index, trace_id, ids: &ids };
        nodes.iter().enumerate().map(|(at, node)| context.span(at, node, &mut rng)).collect()
    }
}

/// What the spans of one trace share.
struct TraceContext<'a> {
    maker: &'a TraceMaker,
    index: u64,
    trace_id: TraceId,
    ids: &'a [SpanId],
}

impl TraceContext<'_> {
    fn span(&self, at: usize, node: &Node, rng: &mut fastrand::Rng) -> PlacedSpan {
        let failed = rng.f64() < self.maker.error_rate;
        let parent = node.parent.map(|parent| self.ids[parent]);
        let remote = matches!(node.role, Role::Server | Role::Consumer);
        let span = Span {
            trace_id: self.trace_id.to_bytes().to_vec(),
            span_id: self.ids[at].to_bytes().to_vec(),
            parent_span_id: parent.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
            flags: if remote && parent.is_some() { REMOTE_PARENT } else { LOCAL_PARENT },
            name: operation_name(node.role, node.operation),
            kind: kind(node.role).into(),
            start_time_unix_nano: node.start,
            end_time_unix_nano: node.end,
            attributes: tags::attributes(&self.maker.landscape, node, failed, rng),
            events: tags::events(node, failed, rng),
            links: self.links(node, rng),
            status: tags::status(failed, rng),
            ..Span::default()
        };
        PlacedSpan { service: node.service, instance: node.instance, role: node.role, span }
    }

    /// A consumer links to the producer of its message; a few other spans to the root of the trace before this one.
    fn links(&self, node: &Node, rng: &mut fastrand::Rng) -> Vec<Link> {
        let target = match (node.role, node.parent) {
            (Role::Consumer, Some(producer)) => Some((self.trace_id, self.ids[producer])),
            _ if self.index > 0 && rng.u32(0..100) == 0 => {
                Some(draw_ids(&mut super::part_rng(self.maker.seed, self.index - 1)))
            }
            _ => None,
        };
        let link = target.map(|(trace_id, span_id)| Link {
            trace_id: trace_id.to_bytes().to_vec(),
            span_id: span_id.to_bytes().to_vec(),
            attributes: vec![super::values::text("link.reason", "caused_by")],
            ..Link::default()
        });
        link.into_iter().collect()
    }
}

fn kind(role: Role) -> SpanKind {
    match role {
        Role::Server => SpanKind::Server,
        Role::Internal => SpanKind::Internal,
        Role::Client | Role::Database => SpanKind::Client,
        Role::Producer => SpanKind::Producer,
        Role::Consumer => SpanKind::Consumer,
    }
}

/// The ids of a trace and of its root: always the first that a trace's random numbers give.
fn draw_ids(rng: &mut fastrand::Rng) -> (TraceId, SpanId) {
    (TraceId(rng.u128(1..)), SpanId(nonzero(rng)))
}

fn nonzero(rng: &mut fastrand::Rng) -> u64 {
    rng.u64(1..)
}
