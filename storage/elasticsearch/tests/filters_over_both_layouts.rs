//! Filters where documents of both layouts lie in the time that is searched, on a real server: answered where both tell, refused where a
//! document of Jaeger's layout is concerned that does not.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_model::filter::Filter;
use spoor_model::{TimeRange, TraceId, TraceQuery, ValueView};
use spoor_storage::ReadErrorKind;
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage_elasticsearch::{ElasticsearchStore, Layout};
use support::{OwnStore, config, write_all};

/// Two spans of each layout, of 5,000,001 ns and 90 or 500 in `size`: `old` in Jaeger's, `shop` in the compact one.
async fn both() -> OwnStore {
    let store = OwnStore::open();
    let mut compact = config(&store.prefix);
    compact.layout.layout = Layout::Compact;
    let compact = ElasticsearchStore::open(&compact, &mut Registry::default()).unwrap();
    let sample = |number: u64, service| {
        let duration = Duration::from_nanos(5_000_001);
        let size = ValueView::Int(if number.is_multiple_of(2) { 500 } else { 90 });
        Sample { service, duration, ..Sample::new(trace_id(number), number, store.base) }.with("size", size)
    };
    let samples = [sample(1, "old"), sample(2, "old")];
    write_all(store.writer(), &batch_of(&samples)).await;
    let samples = [sample(3, "shop"), sample(4, "shop")];
    write_all(&*compact.writer(), &batch_of(&samples)).await;
    store.refresh();
    store
}

async fn found(store: &OwnStore, service: Option<&str>, filter: Value) -> Result<Vec<TraceId>, String> {
    let hour = Duration::from_secs(3_600);
    let query = TraceQuery {
        service: service.map(str::to_owned),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: store.base.saturating_sub(hour), end: store.base.saturating_add(hour) },
        duration_min: None,
        duration_max: None,
        limit: 10,
        enough_spans: usize::MAX,
        filter: Some(Filter::read(&serde_json::from_value(filter).unwrap()).unwrap()),
    };
    match store.reader().find_trace_ids(&context(), &query, None).await {
        Ok(places) => Ok(places.into_iter().map(|place| place.trace_id).collect()),
        Err(error) => {
            assert_eq!(error.kind, ReadErrorKind::Invalid, "{error}");
            Err(error.to_string())
        }
    }
}

fn size(op: &str, value: &str) -> Value {
    json!({ "op": op, "args": [{ "attr": { "key": "size" } }, { "scalar": { "value": value } }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_layouts_tell_is_answered_from_both() {
    let store = both().await;
    assert_eq!(found(&store, None, size("eq", "500")).await.unwrap(), [2, 4].map(trace_id));
    assert_eq!(found(&store, None, size("ne", "500")).await.unwrap(), [1, 3].map(trace_id));
    let longer = json!({ "op": "gt", "args": [
        { "field": { "name": "duration", "level": "span" } },
        { "scalar": { "value": "5ms" } },
    ] });
    let not_longer = json!({ "op": "not", "args": [{ "call": longer.clone() }] });
    assert_eq!(found(&store, None, longer).await.unwrap(), [3, 4].map(trace_id), "the others have whole µs");
    assert_eq!(found(&store, None, not_longer).await.unwrap(), [1, 2].map(trace_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jaegers_layout_does_not_tell_is_refused_where_its_spans_are_concerned() {
    let store = both().await;
    let refusal = found(&store, None, size("gt", "100")).await.unwrap_err();
    assert!(refusal.contains("\"gt\" is not told for attributes"), "{refusal}");
    assert!(refusal.contains("lie in that layout"), "{refusal}");
    assert_eq!(found(&store, Some("shop"), size("gt", "100")).await.unwrap(), [trace_id(4)]);
    let of_shop = json!({ "op": "eq", "args": [
        { "field": { "name": "service", "level": "resource" } },
        { "scalar": { "value": "shop" } },
    ] });
    let small = json!({ "op": "not", "args": [{ "call": size("gt", "100") }] });
    let both = json!({ "op": "and", "args": [{ "call": of_shop }, { "call": small }] });
    assert_eq!(found(&store, None, both).await.unwrap(), [trace_id(3)]);
}
