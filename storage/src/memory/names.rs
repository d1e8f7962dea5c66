//! Which services and operations the held spans have, counted so that they go when their last span goes.

use std::collections::{BTreeMap, HashMap};

use spoor_model::{Operation, OperationQuery, SpanBatch, SpanKind, TraceId, UnixNanos};

use crate::{ListBound, RequestContext};

const KINDS: [SpanKind; 6] = [
    SpanKind::Unspecified,
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

/// Estimated bytes of a map entry with its key's allocation, beside the key's text.
const ENTRY_BYTES: usize = 128;

/// The services of one tenant.
#[derive(Debug, Default)]
pub(super) struct Names {
    services: BTreeMap<String, Service>,
    bytes: usize,
}

/// One service.
#[derive(Debug, Default)]
struct Service {
    /// Spans by operation and, in the order of [`KINDS`], kind.
    operations: HashMap<String, [usize; KINDS.len()]>,
    /// The latest start of the service's spans in each trace.
    traces: HashMap<TraceId, UnixNanos>,
}

impl Names {
    /// Estimated memory of the lists, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The services' names, sorted.
    pub(super) fn services(&self, context: &RequestContext) -> Vec<String> {
        let mut bound = ListBound::default();
        let names = self.services.keys().take_while(|name| bound.takes(name)).cloned().collect();
        bound.tell(context);
        names
    }

    /// The operations that the query asks for, sorted.
    pub(super) fn operations(&self, context: &RequestContext, query: &OperationQuery) -> Vec<Operation> {
        let Some(service) = self.services.get(&query.service) else { return Vec::new() };
        let mut operations = Vec::new();
        let mut bound = ListBound::default();
        for (name, counts) in service.operations.iter().take_while(|(name, _)| bound.takes(name)) {
            let kinds = KINDS.into_iter().zip(counts).filter(|(_, count)| **count > 0).map(|(kind, _)| kind);
            let wanted = kinds.filter(|kind| query.span_kind.is_none_or(|only| only == *kind));
            operations.extend(wanted.map(|span_kind| Operation { name: name.clone(), span_kind }));
        }
        bound.tell(context);
        operations.sort_unstable();
        operations
    }

    /// The traces with a span of the service, each with the latest start of such a span.
    pub(super) fn traces_of(&self, service: &str) -> impl Iterator<Item = (TraceId, UnixNanos)> {
        let service = self.services.get(service);
        service.into_iter().flat_map(|service| service.traces.iter().map(|(id, latest)| (*id, *latest)))
    }

    /// Counts spans that came.
    pub(super) fn add(&mut self, batch: &SpanBatch) {
        for span in batch.spans() {
            if !self.services.contains_key(span.service()) {
                self.bytes += span.service().len() + ENTRY_BYTES;
                self.services.insert(span.service().to_owned(), Service::default());
            }
            let Some(service) = self.services.get_mut(span.service()) else { continue };
            if !service.operations.contains_key(span.name()) {
                self.bytes += span.name().len() + ENTRY_BYTES;
                service.operations.insert(span.name().to_owned(), [0; KINDS.len()]);
            }
            if let Some(counts) = service.operations.get_mut(span.name()) {
                counts[usize::from(span.kind().number())] += 1;
            }
            let latest = service.traces.entry(span.trace_id()).or_insert_with(|| {
                self.bytes += ENTRY_BYTES;
                span.start()
            });
            *latest = span.start().max(*latest);
        }
    }

    /// Takes back the spans of a trace that goes as a whole.
    pub(super) fn remove(&mut self, batch: &SpanBatch) {
        for span in batch.spans() {
            let Some(service) = self.services.get_mut(span.service()) else { continue };
            if let Some(counts) = service.operations.get_mut(span.name()) {
                let count = &mut counts[usize::from(span.kind().number())];
                *count = count.saturating_sub(1);
                if counts.iter().all(|count| *count == 0) {
                    service.operations.remove(span.name());
                    self.bytes -= span.name().len() + ENTRY_BYTES;
                }
            }
            if service.traces.remove(&span.trace_id()).is_some() {
                self.bytes -= ENTRY_BYTES;
            }
            if service.operations.is_empty() {
                self.services.remove(span.service());
                self.bytes -= span.service().len() + ENTRY_BYTES;
            }
        }
    }
}
