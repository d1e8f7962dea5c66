//! What of a trace is a call. Pure, and small in memory: of each span only what counts is kept, however large the trace.
//!
//! The rule is that of spark-dependencies (`jaegertracing/spark-dependencies …/SpansToDependencyLinks.java`), so that graphs look alike:
//! - Spans that are equal count once.
//! - Spans of one id (client and server of a shared-span tracer) are a call from the client's or producer's service to the server's or
//!   consumer's.
//! - Every reference of a span to another of its trace is a call from that one's service to its own, within one service, too. Of
//!   spans that share an id the client refers for all, and is referred to by its server.
//! - A span that refers to another, that none refers to, and that has the tag `peer.service`, calls that service.
//!
//! Otherwise than there, a parent that is named twice (as `parentSpanID` and among the references) is one call, kinds are read from
//! the tag `span.kind` alone, and references to spans of other traces, or of a span to itself, are none.

use std::hash::RandomState;

use spoor_model::{SpanBatch, SpanId, SpanKind, SpanView, UnixNanos, ValueView, jaeger};

use super::calls::{Calls, ServiceNumber, TooManyServices};
use crate::adjust::content_hash;

/// The tag that names the called service where it has no spans.
const PEER_SERVICE: &str = "peer.service";
/// The most spans of a trace that are looked at; about 50 bytes of each are kept.
const MOST_SPANS: usize = 1_000_000;

/// What counts of a span.
#[derive(Debug, Clone, Copy)]
struct Row {
    id: SpanId,
    content: u64,
    /// Its place in the trace.
    order: u32,
    service: Option<ServiceNumber>,
    kind: SpanKind,
    peer: Option<ServiceNumber>,
    /// Where its references stand.
    references: (u32, u32),
}

/// A trace that is being read, part by part.
#[derive(Debug)]
pub(super) struct TraceCalls {
    /// A key of its own for each: nobody can send spans that are different and yet meet under one hash.
    hashing: RandomState,
    rows: Vec<Row>,
    references: Vec<SpanId>,
    /// When its first span started.
    pub(super) earliest: UnixNanos,
    /// It is larger than what is looked at.
    pub(super) cut: bool,
}

impl Default for TraceCalls {
    fn default() -> Self {
        Self {
            hashing: RandomState::new(),
            rows: Vec::new(),
            references: Vec::new(),
            earliest: UnixNanos::MAX,
            cut: false,
        }
    }
}

impl TraceCalls {
    /// How many spans it has, as far as they are looked at.
    pub(super) fn spans(&self) -> usize {
        self.rows.len()
    }

    /// Takes the next part of the trace.
    pub(super) fn read(&mut self, part: &SpanBatch, calls: &mut Calls) -> Result<(), TooManyServices> {
        for span in part.spans() {
            self.earliest = self.earliest.min(span.start());
            if self.rows.len() >= MOST_SPANS {
                self.cut = true;
                continue;
            }
            let row = self.row(span, calls)?;
            self.rows.push(row);
        }
        Ok(())
    }

    fn row(&mut self, span: SpanView<'_>, calls: &mut Calls) -> Result<Row, TooManyServices> {
        let id = span.span_id();
        let start = self.references.len();
        for reference in jaeger::references(span) {
            let known = &self.references[start..];
            let in_trace = reference.trace_id == span.trace_id() && reference.span_id != id;
            if in_trace && !known.contains(&reference.span_id) {
                self.references.push(reference.span_id);
            }
        }
        let place = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let peer = match span.attributes().get(PEER_SERVICE) {
            Some(ValueView::Str(peer)) => calls.number(peer)?,
            _ => None,
        };
        Ok(Row {
            id,
            content: content_hash(&self.hashing, span),
            order: place(self.rows.len()),
            service: calls.number(span.service())?,
            kind: span.kind(),
            peer,
            references: (place(start), place(self.references.len())),
        })
    }

    /// Counts its calls.
    pub(super) fn count(mut self, calls: &mut Calls) -> Result<(), TooManyServices> {
        self.rows.sort_unstable_by_key(|row| (row.id, row.content, row.order));
        self.rows.dedup_by_key(|row| (row.id, row.content));
        self.rows.sort_unstable_by_key(|row| (row.id, row.order));
        let mut referenced: Vec<SpanId> =
            self.rows.iter().flat_map(|row| self.references_of(row)).copied().collect();
        referenced.sort_unstable();
        for group in self.rows.chunk_by(|left, right| left.id == right.id) {
            let shared = group.len() > 1;
            if shared && let Some((client, server)) = both_sides(group) {
                calls.add(client, server)?;
            }
            for row in group.iter().filter(|row| !shared || row.kind == SpanKind::Client) {
                self.count_row(row, &referenced, calls)?;
            }
        }
        Ok(())
    }

    fn count_row(&self, row: &Row, referenced: &[SpanId], calls: &mut Calls) -> Result<(), TooManyServices> {
        let (Some(service), references) = (row.service, self.references_of(row)) else { return Ok(()) };
        if references.is_empty() {
            return Ok(());
        }
        for &id in references {
            if let Some(parent) = self.caller(id) {
                calls.add(parent, service)?;
            }
        }
        match row.peer {
            Some(peer) if referenced.binary_search(&row.id).is_err() => calls.add(service, peer),
            _ => Ok(()),
        }
    }

    /// The service that calls by the span of this id; of spans that share it, the first server's.
    fn caller(&self, id: SpanId) -> Option<ServiceNumber> {
        let start = self.rows.partition_point(|row| row.id < id);
        let group = &self.rows[start..];
        let group = &group[..group.partition_point(|row| row.id == id)];
        match group {
            [only] => only.service,
            shared => shared.iter().find(|row| row.kind == SpanKind::Server)?.service,
        }
    }

    fn references_of(&self, row: &Row) -> &[SpanId] {
        let (start, end) = row.references;
        self.references.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// The services of both sides of a call, from the spans that share an id: those seen last when the second side is seen first.
fn both_sides(group: &[Row]) -> Option<(ServiceNumber, ServiceNumber)> {
    let (mut client, mut server) = (None, None);
    for row in group {
        match row.kind {
            SpanKind::Client | SpanKind::Producer => client = row.service,
            SpanKind::Server | SpanKind::Consumer => server = row.service,
            SpanKind::Internal | SpanKind::Unspecified => {}
        }
        if let (Some(client), Some(server)) = (client, server) {
            return Some((client, server));
        }
    }
    None
}
