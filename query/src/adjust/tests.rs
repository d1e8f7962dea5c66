//! Claims about the steps but for clock skew, which has a room of its own.

use spoor_model::jaeger::{references, warnings};
use spoor_model::{ReferenceKind, SpanKind, ValueView, jaeger};

use super::*;
use crate::fixture::{SPAN, Span, batch};

fn ids(trace: &SpanBatch) -> Vec<(u64, u64)> {
    trace.spans().map(|span| (span.span_id().0, span.parent_span_id().0)).collect()
}

fn keys(attributes: spoor_model::AttributesView<'_>) -> Vec<&str> {
    attributes.iter().map(|attribute| attribute.key()).collect()
}

#[test]
fn sorts_every_owners_attributes_by_key_and_leaves_events_in_their_order() {
    let unsorted: [(&str, ValueView<'_>); 3] =
        [("b", ValueView::Int(1)), ("a", ValueView::Int(2)), ("b", ValueView::Int(0))];
    let span = Span { attributes: &unsorted, events: &[(7, "z", &unsorted), (6, "a", &[])], ..SPAN };
    let mut trace = batch(&[&unsorted], &[span]);
    sort::sort_attributes(&mut trace);
    let span = trace.span(0).unwrap();
    assert_eq!(keys(span.attributes()), ["a", "b", "b"]);
    let values: Vec<_> =
        span.attributes().iter().filter_map(|attribute| attribute.value().as_int()).collect();
    assert_eq!(values, [2, 1, 0], "equal keys keep their order");
    assert_eq!(keys(span.resource().attributes()), ["a", "b", "b"]);
    assert_eq!(span.events().map(|event| event.name()).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!(keys(span.events().next().unwrap().attributes()), ["a", "b", "b"]);
}

#[test]
fn a_span_stored_twice_is_shown_once_although_its_attributes_lie_in_another_order() {
    let (one, other) = (
        [("a", ValueView::Bool(true)), ("b", ValueView::Str("x"))],
        [("b", ValueView::Str("x")), ("a", ValueView::Bool(true))],
    );
    let (first, again) =
        (Span { attributes: &one, ..SPAN }, Span { attributes: &other, resource: 1, ..SPAN });
    let mut trace = batch(&[&[], &[]], &[Span { id: 9, ..SPAN }, first, again]);
    adjust(&mut trace, Settings::default());
    assert_eq!(ids(&trace), [(9, 0), (1, 0)]);
}

#[test]
fn spans_with_the_same_id_that_differ_anywhere_all_stay() {
    let base = Span { events: &[(5, "e", &[])], links: &[(3, 3, ReferenceKind::Link)], ..SPAN };
    let others = [
        Span { name: "other", ..base },
        Span { start: 1_001, ..base },
        Span { duration: 1, ..base },
        Span { parent: 7, ..base },
        Span { kind: SpanKind::Server, ..base },
        Span { attributes: &[("k", ValueView::Empty)], ..base },
        Span { events: &[(6, "e", &[])], ..base },
        Span { links: &[(3, 3, ReferenceKind::ChildOf)], ..base },
        Span { resource: 1, ..base },
        base,
    ];
    let mut trace = batch(&[&[], &[("host.name", ValueView::Str("h"))]], &others);
    deduplicate::drop_duplicates(&mut trace);
    assert_eq!(trace.len(), others.len());
}

#[test]
fn a_server_span_with_its_clients_id_becomes_the_clients_child() {
    let client = Span { id: 5, parent: 1, kind: SpanKind::Client, ..SPAN };
    let server = Span { id: 5, parent: 1, kind: SpanKind::Server, ..SPAN };
    let below = Span { id: 6, parent: 5, ..SPAN };
    let mut trace = batch(&[&[]], &[Span { id: 1, ..SPAN }, client, server, below]);
    unique_ids::separate_shared_ids(&mut trace);
    assert_eq!(ids(&trace), [(1, 0), (5, 1), (2, 5), (6, 2)], "2 is the smallest free id");
}

#[test]
fn two_servers_of_one_client_both_stay_below_it() {
    let client = Span { id: 5, kind: SpanKind::Client, ..SPAN };
    let server = Span { id: 5, kind: SpanKind::Server, ..SPAN };
    let mut trace = batch(&[&[]], &[client, server, Span { name: "other", ..server }]);
    unique_ids::separate_shared_ids(&mut trace);
    assert_eq!(ids(&trace), [(5, 0), (1, 5), (2, 5)]);
}

#[test]
fn a_server_span_stored_twice_is_one_span_below_its_client() {
    let client = Span { id: 5, kind: SpanKind::Client, ..SPAN };
    let server = Span { id: 5, kind: SpanKind::Server, ..SPAN };
    let mut trace = batch(&[&[]], &[client, server, server]);
    adjust(&mut trace, Settings::default());
    assert_eq!(ids(&trace), [(5, 0), (1, 5)]);
}

#[test]
fn numeric_addresses_become_dotted_quads() {
    let tags = [
        ("ip", ValueView::Int(0x7f00_0001)),
        ("peer.ipv4", ValueView::Int(-0x3f57_fffe)),
        ("peer.ipv4", ValueView::Double(16_909_060.0)),
        ("ip", ValueView::Str("::1")),
        ("ip", ValueView::Int(i64::MAX)),
        ("ip", ValueView::Double(f64::NAN)),
        ("other", ValueView::Int(1)),
    ];
    let mut trace = batch(&[&tags], &[Span { attributes: &tags, ..SPAN }]);
    ip_address::write_dotted(&mut trace);
    let texts = |attributes: spoor_model::AttributesView<'_>| {
        attributes.iter().map(|attribute| attribute.value().to_text()).collect::<Vec<_>>()
    };
    let expected = ["127.0.0.1", "192.168.0.2", "1.2.3.4", "::1", "9223372036854775807", "NaN", "1"];
    assert_eq!(texts(trace.span(0).unwrap().attributes()), expected);
    assert_eq!(texts(trace.span(0).unwrap().resource().attributes()), expected);
}

#[test]
fn library_attributes_move_to_the_resource() {
    let tags = [
        ("k", ValueView::Int(1)),
        ("telemetry.sdk.name", ValueView::Str("otel")),
        ("telemetry.auto", ValueView::Int(2)),
    ];
    let span = Span { attributes: &tags, ..SPAN };
    let mut trace = batch(&[&[("a", ValueView::Int(1))]], &[span, Span { id: 2, ..span }]);
    library_attributes::move_to_resource(&mut trace);
    for span in trace.spans() {
        assert_eq!(keys(span.attributes()), ["k", "telemetry.auto"]);
        assert_eq!(keys(span.resource().attributes()), ["a", "telemetry.sdk.name"]);
        assert_eq!(span.resource().attributes().get("telemetry.sdk.name"), Some(ValueView::Str("otel")));
    }
}

#[test]
fn a_library_attribute_that_contradicts_the_resource_stays_with_a_warning() {
    let span = Span { attributes: &[("telemetry.sdk.language", ValueView::Str("go"))], ..SPAN };
    let mut trace = batch(&[&[("telemetry.sdk.language", ValueView::Str("java"))]], &[span]);
    library_attributes::move_to_resource(&mut trace);
    let span = trace.span(0).unwrap();
    assert_eq!(keys(span.attributes()), ["telemetry.sdk.language", jaeger::WARNINGS]);
    let warning = warnings(span)[0];
    assert!(
        warning.contains("telemetry.sdk.language") && warning.contains("go") && warning.contains("java"),
        "{warning}"
    );
}

#[test]
fn links_to_nowhere_go_with_a_warning() {
    let span = Span {
        links: &[(0, 5, ReferenceKind::Link), (2, 6, ReferenceKind::Link), (0, 0, ReferenceKind::Link)],
        ..SPAN
    };
    let mut trace = batch(&[&[]], &[span, Span { id: 2, ..SPAN }]);
    links::drop_empty(&mut trace);
    let span = trace.span(0).unwrap();
    assert_eq!(span.links().map(|link| link.span_id().0).collect::<Vec<_>>(), [6]);
    assert_eq!(warnings(span).len(), 1);
    assert!(warnings(trace.span(1).unwrap()).is_empty());
}

#[test]
fn the_link_that_stands_for_a_parent_comes_first() {
    let first_reference = |links| {
        let mut trace = batch(&[&[]], &[Span { links, ..SPAN }]);
        links::put_parent_first(&mut trace);
        references(trace.span(0).unwrap()).next().unwrap().span_id.0
    };
    use ReferenceKind::{ChildOf, FollowsFrom, Link};
    assert_eq!(first_reference(&[(9, 1, ChildOf), (1, 2, FollowsFrom), (1, 3, ChildOf)]), 3);
    assert_eq!(first_reference(&[(9, 1, ChildOf), (9, 2, Link), (1, 3, Link)]), 3);
    assert_eq!(first_reference(&[(9, 1, Link), (9, 2, ChildOf)]), 1, "other traces' spans are no parents");
}

#[test]
fn an_empty_batch_stays_empty() {
    let mut trace = SpanBatch::default();
    adjust(&mut trace, Settings::default());
    assert!(trace.is_empty());
}

#[test]
fn a_span_that_contradicts_its_resource_ten_thousand_times_costs_no_more_than_its_size() {
    let values: Vec<String> = (0..10_000).map(|number| format!("language number {number}")).collect();
    let tags: Vec<_> = values.iter().map(|value| ("telemetry.sdk.language", ValueView::Str(value))).collect();
    let mut trace = batch(&[&[]], &[Span { attributes: &tags, ..SPAN }]);
    let before = trace.memory_bytes();
    adjust(&mut trace, Settings::default());
    let span = trace.span(0).unwrap();
    assert_eq!(warnings(span).len(), 1, "one warning for each key");
    assert_eq!(span.attributes().len(), 10_000, "the first one has moved, the warning came");
    assert!(trace.memory_bytes() < 2 * before, "{} of {before}", trace.memory_bytes());
}
