//! Claims about tenants: apart in a store that says so, and in the others honestly together.

use spoor_model::{Operation, OperationQuery, SpanId, TraceId, TraceLookup, TraceQuery};

use super::searching::query;
use super::{Fixture, Sample, batch_of, collect, context, some_minutes_ago, trace_id};
use crate::{RequestContext, Tenant};

const TENANTS: [&str; 2] = ["red", "blue"];

fn of(tenant: &str) -> RequestContext {
    RequestContext { tenant: Tenant::new(tenant), ..context() }
}

/// A span of each tenant in the same trace, under a service of the tenant's name.
async fn store_one_each(store: &dyn Fixture) {
    for (span_id, tenant) in (1..).zip(TENANTS) {
        let sample =
            Sample { service: tenant, name: tenant, ..Sample::new(trace_id(1), span_id, some_minutes_ago()) };
        let written = store.writer().write(&of(tenant), &batch_of(&[sample])).await;
        assert_eq!(written.expect("the write is acknowledged").stored, 1);
    }
    store.settle().await;
}

async fn spans(store: &dyn Fixture, tenant: &str, id: TraceId) -> Vec<SpanId> {
    let context = of(tenant);
    let lookup = TraceLookup { trace_id: id, hint: None };
    let stream = store.reader().trace(&context, &lookup).await.expect("the trace can be asked for");
    let traces = collect(stream).await.expect("the trace comes whole");
    let mut spans: Vec<_> =
        traces.into_iter().flat_map(|trace| trace.spans).map(|span| span.span_id).collect();
    spans.sort_unstable();
    spans
}

/// One trace id is two traces when two tenants use it; and a tenant that wrote nothing has nothing.
pub async fn a_tenant_reads_its_own_spans_where_the_store_keeps_tenants_apart(store: &dyn Fixture) {
    store_one_each(store).await;
    let apart = store.reader().capabilities().tenants;
    let all = vec![SpanId(1), SpanId(2)];
    for (tenant, own) in [("red", vec![SpanId(1)]), ("blue", vec![SpanId(2)]), ("green", Vec::new())] {
        let expected = if apart { &own } else { &all };
        assert_eq!(&spans(store, tenant, trace_id(1)).await, expected, "{tenant}");
    }
}

/// Searches and lists of names as well.
pub async fn a_tenant_finds_its_own_names_where_the_store_keeps_tenants_apart(store: &dyn Fixture) {
    store_one_each(store).await;
    let apart = store.reader().capabilities().tenants;
    let context = of("red");
    let services = store.reader().services(&context).await.expect("services are listed");
    assert_eq!(services, if apart { &["red"][..] } else { &["blue", "red"] });
    for service in TENANTS {
        let visible = usize::from(!apart || service == "red");
        let of_service = OperationQuery { service: service.to_owned(), span_kind: None };
        let operations: Vec<Operation> =
            store.reader().operations(&context, &of_service).await.expect("operations are listed");
        assert_eq!(operations.len(), visible, "operations of {service}");
        let search = TraceQuery { service: Some(service.to_owned()), ..query(some_minutes_ago()) };
        let stream = store.reader().find_traces(&context, &search).await.expect("the search is taken");
        let found = collect(stream).await.expect("the search is answered");
        assert_eq!(found.len(), visible, "traces of {service}");
    }
}
