//! Claims about lists of services and operations.

use spoor_model::{Operation, OperationQuery, SpanKind};

use super::{Fixture, Sample, context, some_minutes_ago, store_samples, trace_id};

/// Three services, several spans each, in two requests.
async fn store_some(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let span =
        |id, service, name, kind| Sample { service, name, kind, ..Sample::new(trace_id(id), id, base) };
    let first = [
        span(1, "shop", "list", SpanKind::Server),
        span(2, "shop", "buy", SpanKind::Server),
        span(3, "Zürich 都市", "GET /{id}", SpanKind::Server),
    ];
    let second = [
        span(4, "shop", "buy", SpanKind::Server),
        span(5, "shop", "buy", SpanKind::Client),
        span(6, "cart", "buy", SpanKind::Internal),
        span(7, "shop", "Übersicht \"alles\"", SpanKind::Unspecified),
    ];
    store_samples(store, &first).await;
    store_samples(store, &second).await;
}

async fn operations(store: &dyn Fixture, service: &str, span_kind: Option<SpanKind>) -> Vec<Operation> {
    let query = OperationQuery { service: service.to_owned(), span_kind };
    store.reader().operations(&context(), &query).await.expect("operations are listed")
}

/// Each service once, sorted by the bytes of its name.
pub async fn services_are_sorted_and_named_once(store: &dyn Fixture) {
    store_some(store).await;
    let services = store.reader().services(&context()).await.expect("services are listed");
    assert_eq!(services, ["Zürich 都市", "cart", "shop"]);
}

/// Each operation of the service once, sorted; with its kinds where the store knows them.
pub async fn operations_are_sorted_and_named_once(store: &dyn Fixture) {
    store_some(store).await;
    let found = operations(store, "shop", None).await;
    let expected: &[(&str, SpanKind)] = if store.reader().capabilities().operation_kinds {
        &[
            ("buy", SpanKind::Server),
            ("buy", SpanKind::Client),
            ("list", SpanKind::Server),
            ("Übersicht \"alles\"", SpanKind::Unspecified),
        ]
    } else {
        &[
            ("buy", SpanKind::Unspecified),
            ("list", SpanKind::Unspecified),
            ("Übersicht \"alles\"", SpanKind::Unspecified),
        ]
    };
    let found: Vec<_> =
        found.iter().map(|operation| (operation.name.as_str(), operation.span_kind)).collect();
    assert_eq!(found, expected);
}

/// With a kind, a store that knows kinds answers with that kind only; one that does not, with all.
pub async fn operations_of_one_kind_are_among_the_answer(store: &dyn Fixture) {
    store_some(store).await;
    let found = operations(store, "shop", Some(SpanKind::Client)).await;
    if store.reader().capabilities().operation_kinds {
        assert_eq!(found, [Operation { name: "buy".to_owned(), span_kind: SpanKind::Client }]);
    } else {
        assert_eq!(found, operations(store, "shop", None).await);
    }
}

/// A service that nobody wrote has none, and is no error; names are compared exactly.
pub async fn an_unknown_service_has_no_operations(store: &dyn Fixture) {
    store_some(store).await;
    for service in ["nobody", "sho", "SHOP", "shop ", "*"] {
        assert_eq!(operations(store, service, None).await, [], "{service:?}");
    }
}
