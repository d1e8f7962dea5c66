//! Claims about searches by tags.

use spoor_model::{SpanKind, StatusCode, TraceId, TraceQuery, ValueView};

use super::searching::{found_in_any_order, query};
use super::{Fixture, Sample, SampleEvent, found, some_minutes_ago, store_samples, trace_id};

fn tagged(tags: &[(&str, &str)]) -> TraceQuery {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    TraceQuery { tags, ..query(some_minutes_ago()) }
}

async fn found_by(store: &dyn Fixture, key: &str, value: &str) -> Vec<TraceId> {
    found_in_any_order(store, &tagged(&[(key, value)])).await
}

/// Each of the three places where a tag can stand.
pub async fn a_tag_is_found_on_span_resource_and_event(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let tag = |value| vec![("place", ValueView::Str(value))];
    let event = SampleEvent { time: base, name: "stop", attributes: tag("event") };
    let samples = [
        Sample { attributes: tag("span"), ..Sample::new(trace_id(1), 1, base) },
        Sample { resource: tag("resource"), ..Sample::new(trace_id(2), 1, base) },
        Sample { events: vec![event], ..Sample::new(trace_id(3), 1, base) },
        Sample { attributes: vec![("other", ValueView::Str("span"))], ..Sample::new(trace_id(4), 1, base) },
        Sample { service: "stock", attributes: tag("span"), ..Sample::new(trace_id(5), 1, base) },
    ];
    store_samples(store, &samples).await;
    assert_eq!(found_by(store, "place", "span").await, [trace_id(1)]);
    assert_eq!(found_by(store, "place", "resource").await, [trace_id(2)]);
    assert_eq!(found_by(store, "place", "event").await, [trace_id(3)]);
    assert_eq!(found_by(store, "place", "nowhere").await, []);
    assert_eq!(found_by(store, "plac", "span").await, []);
    assert_eq!(found_by(store, "event", "stop").await, [trace_id(3)], "an event's name is its field `event`");
}

/// Numbers, truths and unicode are asked for as they are shown.
pub async fn a_tag_is_compared_with_the_text_of_any_value(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let values = [
        ("http.status_code", ValueView::Int(200)),
        ("big", ValueView::Int(i64::MAX)),
        ("negative", ValueView::Int(-17)),
        ("ratio", ValueView::Double(72.5)),
        ("ratio.whole", ValueView::Double(3.0)),
        ("ratio.huge", ValueView::Double(-2.5e22)),
        ("ratio.tiny", ValueView::Double(1e-7)),
        ("cached", ValueView::Bool(true)),
        ("mesto", ValueView::Str("Český Krumlov 城")),
        ("user@host", ValueView::Str("me")),
        ("twice", ValueView::Str("first")),
        ("twice", ValueView::Str("second")),
    ];
    store_samples(store, &[Sample { attributes: values.to_vec(), ..Sample::new(trace_id(1), 1, base) }])
        .await;
    for (key, value) in values {
        assert_eq!(found_by(store, key, &value.to_text()).await, [trace_id(1)], "{key}={value:?}");
    }
    assert_eq!(found_by(store, "http.status_code", "20").await, []);
    assert_eq!(found_by(store, "cached", "false").await, []);
}

/// Neither a part, nor another case, nor a longer text is the value.
pub async fn a_tag_is_compared_as_a_whole(store: &dyn Fixture) {
    let base = some_minutes_ago();
    store_samples(store, &[Sample::new(trace_id(1), 1, base).with("path", ValueView::Str("cart items"))])
        .await;
    assert_eq!(found_by(store, "path", "cart items").await, [trace_id(1)]);
    for value in ["cart", "items", "Cart items", "cart items ", ""] {
        assert_eq!(found_by(store, "path", value).await, [], "{value:?}");
    }
}

/// Several tags, also when they stand in different places, but on one span.
pub async fn all_tags_must_match_on_one_span(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let (region, tier) = (("region", ValueView::Str("eu")), ("tier", ValueView::Str("gold")));
    let samples = [
        Sample { attributes: vec![region], resource: vec![tier], ..Sample::new(trace_id(1), 1, base) },
        Sample { attributes: vec![region], ..Sample::new(trace_id(2), 1, base) },
        Sample { attributes: vec![tier], ..Sample::new(trace_id(2), 2, base) },
        Sample {
            attributes: vec![region, ("tier", ValueView::Str("eu"))],
            ..Sample::new(trace_id(3), 1, base)
        },
        Sample { attributes: vec![("region", ValueView::Str("gold"))], ..Sample::new(trace_id(4), 1, base) },
    ];
    store_samples(store, &samples).await;
    assert_eq!(found(store, &tagged(&[("region", "eu"), ("tier", "gold")])).await, [trace_id(1)]);
    assert_eq!(found(store, &tagged(&[("tier", "gold"), ("region", "us")])).await, []);
}

/// Whatever else a store makes of such a value, the literal text is found.
pub async fn a_tag_value_with_special_characters_is_found_literally(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let values = [
        "a+b",
        "[x]",
        "what?",
        "GET /items/{id}",
        "f(x|y)",
        "C:\\temp\\",
        "say \"hi\"",
        "100%",
        "<interval>",
        "~not~",
        "a & b",
        "x@y",
        "#1",
        "^from here$",
        "http://host:80/a.b?c=d&e=*",
    ];
    for (number, value) in values.iter().enumerate() {
        let sample = Sample::new(trace_id(number as u64), 1, base).with("special", ValueView::Str(value));
        store_samples(store, &[sample]).await;
    }
    for (number, value) in values.iter().enumerate() {
        let ids = found_by(store, "special", value).await;
        assert!(ids.contains(&trace_id(number as u64)), "{value:?} is found literally");
    }
}

/// Kind, a good status, its words and the scope are shown as tags, so they are found as tags.
pub async fn tags_that_stand_for_fields_are_found(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let told = Sample {
        kind: SpanKind::Client,
        status: StatusCode::Ok,
        status_message: "all well",
        scope: ("io.example", "1.2"),
        ..Sample::new(trace_id(1), 1, base)
    };
    store_samples(store, &[told, Sample::new(trace_id(2), 1, base)]).await;
    let tags = [
        ("span.kind", "client"),
        ("otel.status_code", "OK"),
        ("otel.status_description", "all well"),
        ("otel.scope.name", "io.example"),
        ("otel.scope.version", "1.2"),
    ];
    for (key, value) in tags {
        assert_eq!(found_by(store, key, value).await, [trace_id(1)], "{key}={value}");
    }
    assert_eq!(found_by(store, "span.kind", "server").await, [trace_id(2)]);
}

/// Jaeger shows `otel.status_code`=`ERROR`, so a user may ask for it.
pub async fn the_status_tag_of_a_failed_span_is_found(store: &dyn Fixture) {
    store_failures(store).await;
    assert_eq!(found_by(store, "otel.status_code", "ERROR").await, [trace_id(1)]);
}

/// By status, or by an attribute of the span's own that says so.
pub async fn error_true_means_a_failed_span(store: &dyn Fixture) {
    store_failures(store).await;
    assert_eq!(found_by(store, "error", "true").await, [trace_id(1), trace_id(2)]);
    assert_eq!(
        found_in_any_order(store, &tagged(&[("error", "true"), ("k", "v")])).await,
        [trace_id(1)],
        "together with other tags"
    );
}

/// Not failed: status unset or good, and no attribute that says otherwise.
pub async fn error_false_means_any_other_span(store: &dyn Fixture) {
    store_failures(store).await;
    assert_eq!(found_by(store, "error", "false").await, [trace_id(3), trace_id(4), trace_id(5)]);
}

async fn store_failures(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let of = |id, status| Sample { status, ..Sample::new(trace_id(id), 1, base) };
    let error = |truth| vec![("error", ValueView::Bool(truth))];
    let samples = [
        of(1, StatusCode::Error).with("k", ValueView::Str("v")),
        Sample { attributes: error(true), ..of(2, StatusCode::Unset) },
        of(3, StatusCode::Unset).with("k", ValueView::Str("v")),
        of(4, StatusCode::Ok),
        Sample { attributes: error(false), ..of(5, StatusCode::Unset) },
    ];
    store_samples(store, &samples).await;
}
