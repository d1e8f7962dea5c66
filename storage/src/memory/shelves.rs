//! All that is held, and the bounds on it. Everything here runs under the store's lock: no I/O, work bounded by one write
//! or by the number of traces.
//!
//! What is dropped to make room: the trace that has not grown for the longest time, whole. A trace that is being written
//! thus stays together, and an old one goes as one.

use std::collections::{BTreeMap, HashMap};

use spoor_model::{Operation, OperationQuery, SpanBatch, TraceId, TraceQuery, UnixNanos};

use super::content::Fingerprint;
use super::names::Names;
use super::trace::{Parts, Trace};
use crate::{RequestContext, Tenant};

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) traces: usize,
    pub(super) bytes: usize,
}

/// Spans of one trace on their way in.
pub(super) struct Arriving {
    pub(super) trace_id: TraceId,
    pub(super) spans: SpanBatch,
    /// One a span.
    pub(super) fingerprints: Vec<Fingerprint>,
}

/// The bound on bytes, exceeded by one trace alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceTooLarge;

/// What was dropped to make room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Evicted {
    pub(super) traces: u64,
    pub(super) spans: u64,
}

/// A trace that a search may be about, and the latest start of its spans that could match.
pub(super) struct Candidate {
    pub(super) latest: UnixNanos,
    pub(super) trace_id: TraceId,
    pub(super) parts: Parts,
}

/// Estimated bytes of a tenant's maps.
const SHELF_BYTES: usize = 256;

/// The traces and names of one tenant.
#[derive(Debug, Default)]
struct Shelf {
    traces: HashMap<TraceId, Trace>,
    names: Names,
}

/// The traces of all tenants.
#[derive(Debug)]
pub(super) struct Shelves {
    bounds: Bounds,
    shelves: HashMap<Tenant, Shelf>,
    arrivals: BTreeMap<u64, (Tenant, TraceId)>,
    next_arrival: u64,
    bytes: usize,
    spans: usize,
}

impl Shelves {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            shelves: HashMap::new(),
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            bytes: 0,
            spans: 0,
        }
    }

    /// Traces held.
    pub(super) fn traces(&self) -> usize {
        self.arrivals.len()
    }

    /// Spans held.
    pub(super) fn spans(&self) -> usize {
        self.spans
    }

    /// Memory held, in bytes; an estimate of the maps, exact for the spans.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the spans that are not there yet, and makes room for them.
    pub(super) fn insert(&mut self, tenant: &Tenant, arriving: Arriving) -> Result<Evicted, TraceTooLarge> {
        let Arriving { trace_id, spans, fingerprints } = arriving;
        let known = self.shelves.get(tenant).and_then(|shelf| shelf.traces.get(&trace_id));
        let is_new = |fingerprint: &Fingerprint| known.is_none_or(|trace| !trace.has(*fingerprint));
        let fresh: Vec<usize> = (0..spans.len()).filter(|&index| is_new(&fingerprints[index])).collect();
        if fresh.is_empty() {
            return Ok(Evicted::default());
        }
        let spans = if fresh.len() == spans.len() { spans } else { spans.compact(fresh.iter().copied()) };
        let before = known.map_or_else(|| Trace::default().bytes(), Trace::bytes);
        if before + Trace::bytes_more(&spans) > self.bounds.bytes {
            return Err(TraceTooLarge);
        }
        let fresh_fingerprints: Vec<_> = fresh.into_iter().map(|index| fingerprints[index]).collect();
        self.add(tenant, trace_id, spans, fresh_fingerprints);
        Ok(self.make_room())
    }

    fn add(&mut self, tenant: &Tenant, trace_id: TraceId, spans: SpanBatch, fingerprints: Vec<Fingerprint>) {
        if !self.shelves.contains_key(tenant) {
            self.bytes += shelf_bytes(tenant);
        }
        let shelf = self.shelves.entry(tenant.clone()).or_default();
        let names_before = shelf.names.bytes();
        shelf.names.add(&spans);
        self.bytes += shelf.names.bytes() - names_before;
        self.spans += spans.len();
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let trace = match shelf.traces.entry(trace_id) {
            std::collections::hash_map::Entry::Occupied(entry) => {
                let trace = entry.into_mut();
                self.arrivals.remove(&trace.arrival);
                self.bytes -= trace.bytes();
                trace
            }
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Trace::default()),
        };
        trace.add(spans, fingerprints);
        trace.arrival = arrival;
        self.bytes += trace.bytes();
        self.arrivals.insert(arrival, (tenant.clone(), trace_id));
    }

    /// Drops traces until the bounds hold; the last one stays, whatever the estimates say.
    fn make_room(&mut self) -> Evicted {
        let mut evicted = Evicted::default();
        while self.arrivals.len() > 1
            && (self.bytes > self.bounds.bytes || self.arrivals.len() > self.bounds.traces)
        {
            let Some((_, (tenant, trace_id))) = self.arrivals.pop_first() else { break };
            evicted.traces += 1;
            evicted.spans += self.drop_trace(&tenant, trace_id) as u64;
        }
        evicted
    }

    /// Answers how many spans went.
    fn drop_trace(&mut self, tenant: &Tenant, trace_id: TraceId) -> usize {
        let Some(shelf) = self.shelves.get_mut(tenant) else { return 0 };
        let Some(trace) = shelf.traces.remove(&trace_id) else { return 0 };
        let names_before = shelf.names.bytes();
        trace.parts().iter().for_each(|part| shelf.names.remove(part));
        self.bytes -= trace.bytes() + names_before - shelf.names.bytes();
        self.spans -= trace.len();
        if shelf.traces.is_empty() {
            self.shelves.remove(tenant);
            self.bytes -= shelf_bytes(tenant);
        }
        trace.len()
    }

    /// Whose traces there are.
    pub(super) fn tenants(&self) -> Vec<Tenant> {
        self.shelves.keys().cloned().collect()
    }

    /// The services of a tenant, sorted.
    pub(super) fn services(&self, context: &RequestContext) -> Vec<String> {
        self.shelves.get(&context.tenant).map(|shelf| shelf.names.services(context)).unwrap_or_default()
    }

    /// The operations of a service, sorted.
    pub(super) fn operations(&self, context: &RequestContext, query: &OperationQuery) -> Vec<Operation> {
        let shelf = self.shelves.get(&context.tenant);
        shelf.map(|shelf| shelf.names.operations(context, query)).unwrap_or_default()
    }

    /// A trace as it is now.
    pub(super) fn trace(&self, tenant: &Tenant, trace_id: TraceId) -> Parts {
        let shelf = self.shelves.get(tenant);
        shelf.and_then(|shelf| shelf.traces.get(&trace_id)).map(Trace::parts).unwrap_or_default()
    }

    /// The traces as they are now that a search may be about, in no order.
    pub(super) fn candidates(&self, tenant: &Tenant, query: &TraceQuery) -> Vec<Candidate> {
        let Some(shelf) = self.shelves.get(tenant) else { return Vec::new() };
        let candidate = |trace_id, latest: UnixNanos| {
            let parts = shelf.traces.get(&trace_id)?.parts();
            (latest >= query.start.start).then_some(Candidate { latest, trace_id, parts })
        };
        match &query.service {
            Some(service) => {
                shelf.names.traces_of(service).filter_map(|(id, latest)| candidate(id, latest)).collect()
            }
            None => shelf.traces.iter().filter_map(|(id, trace)| candidate(*id, trace.latest())).collect(),
        }
    }
}

/// What a tenant costs besides its traces.
fn shelf_bytes(tenant: &Tenant) -> usize {
    SHELF_BYTES + tenant.name().len()
}

#[cfg(test)]
mod tests;
