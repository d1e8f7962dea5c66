//! Spans that an index of a real server does not take, for their number of tags, of keys, or for the length of a name: refused by name, and their
//! neighbours are stored.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use serde_json::{Value, json};
use spoor_model::ValueView;
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage_elasticsearch::Readiness;
use support::{OwnStore, request};

/// Makes today's index of spans by hand, once the templates are there.
async fn make_index(store: &OwnStore, body: &Value) {
    let mut ready = store.store.readiness();
    ready.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(store.base.0.into()).unwrap().date();
    let made = request("PUT", &format!("/{}-jaeger-span-{day}", store.prefix), Some(body));
    assert_eq!(made["acknowledged"], true, "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_with_more_tags_than_the_server_takes_is_refused_by_name_with_the_limit() {
    let store = OwnStore::open();
    let keys: Vec<String> = (0..10_001).map(|number| format!("k{number}")).collect();
    let attributes =
        |count: usize| keys[..count].iter().map(|key| (key.as_str(), ValueView::Int(1))).collect();
    let samples = [
        Sample { attributes: attributes(10_001), ..Sample::new(trace_id(1), 1, store.base) },
        Sample { attributes: attributes(9_000), ..Sample::new(trace_id(1), 2, store.base) },
    ];
    let written = store.writer().write(&context(), &batch_of(&samples)).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (1, 1));
    let rejection = &written.rejected[0];
    assert_eq!((rejection.index, rejection.span_id.0), (0, 1));
    assert!(rejection.reason.contains("10000"), "{}", rejection.reason);
    assert!(rejection.reason.contains("index.mapping.nested_objects.limit"), "{}", rejection.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_with_more_keys_than_its_index_has_fields_is_refused_by_name_with_the_limit() {
    let store = OwnStore::open_with(|config| config.documents.tags_as_fields_all = true);
    make_index(&store, &json!({ "settings": { "index.mapping.total_fields.limit": 90 } })).await;
    let keys: Vec<String> = (0..100).map(|number| format!("k{number}")).collect();
    let many = keys.iter().map(|key| (key.as_str(), ValueView::Int(1))).collect();
    let samples = [
        Sample { attributes: many, ..Sample::new(trace_id(1), 1, store.base) },
        Sample::new(trace_id(1), 2, store.base).with("k1", ValueView::Int(1)),
    ];
    let written = store.writer().write(&context(), &batch_of(&samples)).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (1, 1));
    let (rejection, span) = (&written.rejected[0], written.rejected[0].span_id.0);
    assert_eq!((rejection.index, span), (0, 1));
    assert!(rejection.reason.contains("total fields [90]"), "{}", rejection.reason);
}

/// An index that nobody's template made: its names have no bound, and the index has one of its own, of 32,766 bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_too_long_for_an_index_without_bounds_is_refused_and_the_others_are_stored() {
    let store = OwnStore::open();
    let unbounded = json!({ "type": "keyword", "ignore_above": 2_147_483_647 });
    make_index(&store, &json!({ "mappings": { "properties": { "operationName": unbounded } } })).await;
    let long = "x".repeat(40_000);
    let samples = [
        Sample { name: &long, ..Sample::new(trace_id(1), 1, store.base) },
        Sample::new(trace_id(1), 2, store.base),
    ];
    let written = store.writer().write(&context(), &batch_of(&samples)).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (1, 1));
    assert_eq!(written.rejected[0].span_id.0, 1);
    // Servers say it in their own words, the newer ones by the field alone.
    assert!(written.rejected[0].reason.contains("operationName"), "{}", written.rejected[0].reason);
}
