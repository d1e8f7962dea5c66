//! Hot path: Jaeger's counters by service. Budget: one table look-up per resource of a batch, nothing per span but two
//! additions; at most 4000 service names, whatever senders invent.
//! Facts: `jaegertracing/jaeger cmd/collector/app/metrics.go`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use spoor_model::{SpanBatch, SpanRow};

use super::service_name::{OTHER, label, shortened};
use crate::receiver::Source;

/// Names told apart; all later ones are counted together.
const MOST_NAMES: usize = 4000;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Received {
    svc: String,
    debug: &'static str,
    format: &'static str,
    transport: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceivedTraces {
    svc: String,
    debug: &'static str,
    format: &'static str,
    transport: &'static str,
    sampler_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Saved {
    svc: String,
    debug: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SavedTraces {
    svc: String,
    debug: &'static str,
    result: &'static str,
    sampler_type: &'static str,
}

/// Jaeger reads it from a tag of the root; nobody has asked us to.
const SAMPLER_TYPE: &str = "unrecognized";

/// All counters by service.
#[derive(Debug, Default)]
pub(crate) struct ServiceTable {
    received: Family<Received, Counter>,
    rejected: Family<Received, Counter>,
    received_traces: Family<ReceivedTraces, Counter>,
    rejected_traces: Family<ReceivedTraces, Counter>,
    saved: Family<Saved, Counter>,
    saved_traces: Family<SavedTraces, Counter>,
    /// Names in the table.
    names: Gauge,
    services: RwLock<HashMap<Box<str>, Arc<Service>>>,
    other: Service,
}

/// One service's counters, made when first needed.
#[derive(Debug, Default)]
struct Service {
    label: Box<str>,
    cells: [[OnceLock<Cell>; 2]; Source::COUNT],
}

#[derive(Debug)]
struct Cell {
    received: Counter,
    rejected: Counter,
    received_traces: Counter,
    rejected_traces: Counter,
    saved: [Counter; 2],
    saved_traces: [Counter; 2],
}

const OK: usize = 0;
const ERR: usize = 1;

/// Spans and traces (roots) of one resource.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    spans: u64,
    roots: u64,
}

/// What one batch holds, by resource and debug flag; and what of it failed.
#[derive(Debug)]
pub(crate) struct Tallies {
    source: Source,
    all: Vec<[Tally; 2]>,
    failed: Vec<[Tally; 2]>,
    rejected: Vec<[Tally; 2]>,
    services: Vec<Option<Arc<Service>>>,
}

impl ServiceTable {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self { other: Service { label: OTHER.into(), ..Service::default() }, ..Self::default() };
        let registry = registry.sub_registry_with_prefix("jaeger_collector");
        registry.register("spans_received", "Spans received, by service", new.received.clone());
        registry.register(
            "spans_rejected",
            "Spans that can never be stored, by service",
            new.rejected.clone(),
        );
        registry.register("traces_received", "Root spans received, by service", new.received_traces.clone());
        registry.register(
            "traces_rejected",
            "Root spans that can never be stored, by service",
            new.rejected_traces.clone(),
        );
        registry.register(
            "spans_saved_by_svc",
            "Spans stored (ok) or not (err), by service",
            new.saved.clone(),
        );
        registry.register(
            "traces_saved_by_svc",
            "Root spans stored (ok) or not (err), by service",
            new.saved_traces.clone(),
        );
        new
    }

    /// Counts a batch as received, before anything of it is changed.
    pub(crate) fn receive(&self, batch: &SpanBatch, source: Source) -> Tallies {
        let mut tallies = Tallies {
            source,
            all: Vec::new(),
            failed: Vec::new(),
            rejected: Vec::new(),
            services: Vec::new(),
        };
        for span in batch.span_rows() {
            add(&mut tallies.all, batch.resource_index(span), span);
        }
        tallies.services = vec![None; tallies.all.len()];
        for (index, tally) in
            tallies.all.iter().enumerate().filter(|(_, tally)| tally[0].spans + tally[1].spans > 0)
        {
            let row = &batch.resource_rows()[index];
            let service = self.service(batch.str(row.service.unwrap_or_default()));
            self.each(&service, source, tally, |cell, tally| {
                cell.received.inc_by(tally.spans);
                cell.received_traces.inc_by(tally.roots);
            });
            tallies.services[index] = service;
        }
        tallies
    }

    /// Counts what became of the batch.
    pub(crate) fn settle(&self, tallies: &Tallies) {
        let part = |table: &[[Tally; 2]], index: usize| table.get(index).copied().unwrap_or_default();
        for (index, all) in
            tallies.all.iter().enumerate().filter(|(_, tally)| tally[0].spans + tally[1].spans > 0)
        {
            let service = &tallies.services[index];
            let failed = part(&tallies.failed, index);
            let stored = [0, 1].map(|debug| Tally {
                spans: all[debug].spans.saturating_sub(failed[debug].spans),
                roots: all[debug].roots.saturating_sub(failed[debug].roots),
            });
            for (result, tally) in [(OK, &stored), (ERR, &failed)] {
                self.each(service, tallies.source, tally, |cell, tally| {
                    cell.saved[result].inc_by(tally.spans);
                    cell.saved_traces[result].inc_by(tally.roots);
                });
            }
            self.each(service, tallies.source, &part(&tallies.rejected, index), |cell, tally| {
                cell.rejected.inc_by(tally.spans);
                cell.rejected_traces.inc_by(tally.roots);
            });
        }
    }

    /// Visits the counters for the tallies that are not zero.
    fn each(
        &self,
        service: &Option<Arc<Service>>,
        source: Source,
        tally: &[Tally; 2],
        count: impl Fn(&Cell, Tally),
    ) {
        let service = service.as_deref().unwrap_or(&self.other);
        for (debug, tally) in tally.iter().enumerate().filter(|(_, tally)| tally.spans > 0) {
            let cell = service.cells[source.index()][debug]
                .get_or_init(|| self.cell(&service.label, source, if debug == 1 { "true" } else { "false" }));
            count(cell, *tally);
        }
    }

    /// The service of that name; `None` stands for all beyond the bound.
    fn service(&self, name: &str) -> Option<Arc<Service>> {
        let name = shortened(name);
        let known = self.services.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = known.get(name) {
            return Some(Arc::clone(service));
        }
        if known.len() >= MOST_NAMES {
            return None;
        }
        drop(known);
        let mut known = self.services.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_NAMES && !known.contains_key(name) {
            return None;
        }
        let service = known
            .entry(name.into())
            .or_insert_with(|| Arc::new(Service { label: label(name), ..Service::default() }));
        let service = Arc::clone(service);
        self.names.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
        Some(service)
    }

    /// Names told apart so far.
    pub(super) fn names(&self) -> &Gauge {
        &self.names
    }

    fn cell(&self, label: &str, source: Source, debug: &'static str) -> Cell {
        let (format, transport) = (source.format(), source.transport());
        let received = Received { svc: label.to_owned(), debug, format, transport };
        let received_traces =
            ReceivedTraces { svc: label.to_owned(), debug, format, transport, sampler_type: SAMPLER_TYPE };
        let saved = |result| Saved { svc: label.to_owned(), debug, result };
        let saved_traces =
            |result| SavedTraces { svc: label.to_owned(), debug, result, sampler_type: SAMPLER_TYPE };
        Cell {
            received: self.received.get_or_create_owned(&received),
            rejected: self.rejected.get_or_create_owned(&received),
            received_traces: self.received_traces.get_or_create_owned(&received_traces),
            rejected_traces: self.rejected_traces.get_or_create_owned(&received_traces),
            saved: ["ok", "err"].map(|result| self.saved.get_or_create_owned(&saved(result))),
            saved_traces: ["ok", "err"]
                .map(|result| self.saved_traces.get_or_create_owned(&saved_traces(result))),
        }
    }
}

impl Tallies {
    /// Nothing of the batch is known to be stored.
    pub(crate) fn fail_all(&mut self) {
        self.failed.clone_from(&self.all);
    }

    /// A span (as it stands in the batch) was not stored and may come again.
    pub(crate) fn failed(&mut self, batch: &SpanBatch, span: &SpanRow) {
        add(&mut self.failed, batch.resource_index(span), span);
    }

    /// A span was not stored and never will be.
    pub(crate) fn rejected(&mut self, batch: &SpanBatch, span: &SpanRow) {
        self.failed(batch, span);
        add(&mut self.rejected, batch.resource_index(span), span);
    }
}

fn add(table: &mut Vec<[Tally; 2]>, resource: usize, span: &SpanRow) {
    if resource >= table.len() {
        table.resize(resource + 1, [Tally::default(); 2]);
    }
    let debug = usize::from(span.is_debug());
    let tally = &mut table[resource][debug];
    tally.spans += 1;
    tally.roots += u64::from(span.parent_span_id.is_none());
}

#[cfg(test)]
mod tests {
    use super::super::service_name::LONGEST;
    use super::*;

    #[test]
    fn the_table_keeps_no_more_of_a_name_than_its_label_shows() {
        let table = ServiceTable::default();
        for end in ["a", "b"] {
            table.service(&("ä".repeat(1_000_000) + end)).expect("room for a service");
        }
        let known = table.services.read().unwrap();
        assert_eq!(known.keys().map(|name| name.chars().count()).collect::<Vec<_>>(), [LONGEST]);
    }
}
