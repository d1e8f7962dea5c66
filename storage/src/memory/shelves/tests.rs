//! The shelves beside a model of a few lines: what is held, what is dropped, and that the sums are right.

use std::collections::BTreeSet;

use proptest::prelude::*;
use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow};

use super::*;

/// The traces in the order of their last growth, each with its spans.
type Model = Vec<((u8, u8), BTreeSet<u64>)>;

fn arriving(trace: u8, spans: &[u64]) -> Arriving {
    let mut builder = SpanBatchBuilder::new();
    for &span in spans {
        let service = Some(builder.text(&format!("service-{}", span % 3)));
        let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        let name = builder.text(&format!("operation-{}", span % 5));
        let (trace_id, span_id) = (TraceId(u128::from(trace)), SpanId(span));
        builder.push_span(SpanRow { trace_id, span_id, scope, name, ..SpanRow::default() });
    }
    Arriving {
        trace_id: TraceId(u128::from(trace)),
        spans: builder.finish().unwrap(),
        fingerprints: spans.iter().map(|span| u128::from(*span)).collect(),
    }
}

fn context(number: u8) -> RequestContext {
    RequestContext {
        tenant: tenant(number),
        ..RequestContext::with_timeout(std::time::Duration::from_secs(10))
    }
}

fn tenant(number: u8) -> Tenant {
    Tenant::new(&number.to_string())
}

fn insert_into_model(model: &mut Model, key: (u8, u8), spans: &BTreeSet<u64>, most: usize) -> Evicted {
    let position = model.iter().position(|(held, _)| *held == key);
    if position.is_some_and(|position| spans.is_subset(&model[position].1)) {
        return Evicted::default();
    }
    let mut grown = position.map(|position| model.remove(position).1).unwrap_or_default();
    grown.extend(spans);
    model.push((key, grown));
    let mut evicted = Evicted::default();
    while model.len() > most {
        evicted.traces += 1;
        evicted.spans += model.remove(0).1.len() as u64;
    }
    evicted
}

fn held(shelves: &Shelves, key: (u8, u8)) -> BTreeSet<u64> {
    let parts = shelves.trace(&tenant(key.0), TraceId(u128::from(key.1)));
    parts.iter().flat_map(|part| part.spans()).map(|span| span.span_id().0).collect()
}

fn services(model: &Model, tenant: u8) -> Vec<String> {
    let spans = model.iter().filter(|(key, _)| key.0 == tenant).flat_map(|(_, spans)| spans);
    spans.map(|span| format!("service-{}", span % 3)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The sums made anew from what is held.
fn recount(shelves: &Shelves) -> (usize, usize) {
    let traces = || shelves.shelves.values().flat_map(|shelf| shelf.traces.values());
    let names: usize = shelves.shelves.values().map(|shelf| shelf.names.bytes()).sum();
    let owners: usize = shelves.shelves.keys().map(shelf_bytes).sum();
    (traces().map(Trace::bytes).sum::<usize>() + names + owners, traces().map(Trace::len).sum())
}

proptest! {
    #[test]
    fn holds_and_drops_what_the_model_does(
        most in 1_usize..5,
        writes in prop::collection::vec((0_u8..2, 0_u8..6, prop::collection::btree_set(0_u64..12, 1..5)), 1..60),
    ) {
        let mut shelves = Shelves::new(Bounds { traces: most, bytes: usize::MAX });
        let mut model = Model::new();
        for (owner, trace, spans) in writes {
            let list: Vec<u64> = spans.iter().copied().collect();
            let evicted = shelves.insert(&tenant(owner), arriving(trace, &list)).unwrap();
            prop_assert_eq!(evicted, insert_into_model(&mut model, (owner, trace), &spans, most));
            for key in (0..2).flat_map(|owner| (0..6).map(move |trace| (owner, trace))) {
                let expected = model.iter().find(|(held, _)| *held == key);
                let expected = expected.map(|(_, spans)| spans.clone()).unwrap_or_default();
                prop_assert_eq!(held(&shelves, key), expected);
            }
            for owner in 0..2 {
                prop_assert_eq!(shelves.services(&context(owner)), services(&model, owner));
            }
            prop_assert_eq!((shelves.bytes(), shelves.spans()), recount(&shelves));
            prop_assert_eq!(shelves.traces(), model.len());
        }
    }

    #[test]
    fn never_exceeds_its_bytes(
        writes in prop::collection::vec((0_u8..9, prop::collection::btree_set(0_u64..60, 1..20)), 1..60),
    ) {
        let bounds = Bounds { traces: usize::MAX, bytes: 40_000 };
        let mut shelves = Shelves::new(bounds);
        for (trace, spans) in writes {
            let list: Vec<u64> = spans.iter().copied().collect();
            let before = held(&shelves, (0, trace));
            let outcome = shelves.insert(&tenant(0), arriving(trace, &list));
            let expected: BTreeSet<u64> = match outcome {
                Ok(_) => before.union(&spans).copied().collect(),
                Err(TraceTooLarge) => before,
            };
            prop_assert_eq!(held(&shelves, (0, trace)), expected);
            prop_assert!(shelves.bytes() <= bounds.bytes || shelves.traces() == 1);
            prop_assert_eq!((shelves.bytes(), shelves.spans()), recount(&shelves));
        }
    }
}

#[test]
fn tenants_are_bounded_by_the_bytes_that_they_share() {
    let bounds = Bounds { traces: usize::MAX, bytes: 100_000 };
    let mut shelves = Shelves::new(bounds);
    for name in 0..2_000 {
        let owner = Tenant::new(&format!("{name:0200}"));
        shelves.insert(&owner, arriving(1, &[1])).unwrap();
        assert!(shelves.bytes() <= bounds.bytes);
    }
    assert!(shelves.shelves.len() < 100_000 / 200, "{} tenants", shelves.shelves.len());
    assert_eq!((shelves.bytes(), shelves.spans()), recount(&shelves));
}

#[test]
fn many_small_writes_leave_few_parts() {
    let mut shelves = Shelves::new(Bounds { traces: 10, bytes: usize::MAX });
    for span in 0..2_000 {
        shelves.insert(&tenant(0), arriving(1, &[span])).unwrap();
    }
    let parts = shelves.trace(&tenant(0), TraceId(1));
    assert!(parts.len() <= 16, "{} parts of 2,000 spans", parts.len());
    assert_eq!(held(&shelves, (0, 1)).len(), 2_000);
}
