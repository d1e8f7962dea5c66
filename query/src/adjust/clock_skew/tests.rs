//! Claims about clock skew: who is moved, by how much, and that no trace is too strange.

use spoor_model::SpanKind;
use spoor_model::jaeger::warnings;

use super::*;
use crate::fixture::{SPAN, Span, Tags, batch};

const FRONT: Tags<'static> = &[("host.name", ValueView::Str("front"))];
const BACK: Tags<'static> = &[("host.id", ValueView::Str("back")), ("host.name", ValueView::Str("front"))];

fn times(trace: &SpanBatch) -> Vec<(u64, u64)> {
    trace.spans().map(|span| (span.start().micros(), span.end().micros())).collect()
}

fn corrected(resources: &[Tags<'_>], spans: &[Span<'_>], max: Duration) -> SpanBatch {
    let mut trace = batch(resources, spans);
    correct(&mut trace, max);
    trace
}

const MAX: Duration = Duration::from_secs(1);

#[test]
fn a_child_on_another_host_is_centered_in_its_parent_with_its_events_and_its_own_children() {
    let parent = Span { id: 1, start: 1_000, duration: 100, ..SPAN };
    let child = Span {
        id: 2,
        parent: 1,
        start: 5_000,
        duration: 50,
        resource: 1,
        events: &[(5_010, "e", &[])],
        ..SPAN
    };
    let below = Span { id: 3, parent: 2, start: 5_005, duration: 10, resource: 1, ..SPAN };
    let trace = corrected(&[FRONT, BACK], &[parent, child, below], MAX);
    assert_eq!(times(&trace), [(1_000, 1_100), (1_025, 1_075), (1_030, 1_040)]);
    assert_eq!(trace.span(1).unwrap().events().next().unwrap().time().micros(), 1_035);
    assert_eq!(warnings(trace.span(1).unwrap()), ["This span's timestamps were adjusted by -3.975ms"]);
    assert_eq!(warnings(trace.span(2).unwrap()).len(), 1);
    assert!(warnings(trace.span(0).unwrap()).is_empty());
}

#[test]
fn the_default_moves_nothing_and_tells_by_how_much_it_would_have() {
    let child = Span { id: 2, parent: 1, start: 900, duration: 50, resource: 1, ..SPAN };
    let trace = corrected(&[FRONT, BACK], &[SPAN, child], Duration::ZERO);
    assert_eq!(times(&trace)[1], (900, 950));
    assert_eq!(
        warnings(trace.span(1).unwrap()),
        ["clock skew adjustment disabled; not applying calculated delta of 125µs"]
    );
}

#[test]
fn a_skew_beyond_the_limit_is_told_and_not_corrected() {
    let child = Span { id: 2, parent: 1, start: 5_001_000, duration: 100, resource: 1, ..SPAN };
    let trace = corrected(&[FRONT, BACK], &[SPAN, child], MAX);
    assert_eq!(times(&trace)[1].0, 5_001_000);
    let expected = "max clock skew adjustment delta of 1s exceeded; not applying calculated delta of -5s";
    assert_eq!(warnings(trace.span(1).unwrap()), [expected]);
}

#[test]
fn a_longer_child_is_only_kept_from_starting_before_its_parent() {
    let early = Span { id: 2, parent: 1, start: 900, duration: 500, resource: 1, ..SPAN };
    let late = Span { id: 3, parent: 1, start: 1_050, duration: 500, resource: 1, ..SPAN };
    let trace = corrected(&[FRONT, BACK], &[SPAN, early, late], MAX);
    assert_eq!(times(&trace)[1..], [(1_000, 1_500), (1_050, 1_550)]);
}

#[test]
fn a_child_within_its_parent_or_on_its_host_stays() {
    let within = Span { id: 2, parent: 1, start: 1_010, duration: 50, resource: 1, ..SPAN };
    let same_host = Span { id: 3, parent: 1, start: 9_000, duration: 50, ..SPAN };
    let trace = corrected(&[FRONT, BACK], &[SPAN, within, same_host], MAX);
    assert_eq!(times(&trace)[1..], [(1_010, 1_060), (9_000, 9_050)]);
    assert!(trace.spans().all(|span| warnings(span).is_empty()));
}

#[test]
fn spans_of_unknown_hosts_are_compared_each_time() {
    let child = Span { id: 2, parent: 1, start: 2_000, duration: 50, kind: SpanKind::Internal, ..SPAN };
    let trace = corrected(&[&[]], &[SPAN, child], MAX);
    assert_eq!(times(&trace)[1], (1_025, 1_075));
}

#[test]
fn the_host_is_the_first_of_its_addresses_or_jaegers_ip() {
    let mut builder = spoor_model::SpanBatchBuilder::new();
    let key = builder.text("host.ip");
    let list = builder.list([ValueView::Str("10.0.0.1"), ValueView::Str("::1")]);
    let mark = builder.attributes_mark();
    builder.push_attribute(key, list);
    let attributes = builder.attributes_since(mark);
    builder.push_resource(spoor_model::ResourceRow { attributes, ..Default::default() });
    let attributes = builder.attributes([("ip", ValueView::Str("10.0.0.9"))]);
    builder.push_resource(spoor_model::ResourceRow { attributes, ..Default::default() });
    let keys: Vec<String> = builder.finish().unwrap().resources().map(host_key).collect();
    assert_eq!(keys, ["10.0.0.1", "10.0.0.9"]);
}

#[test]
fn an_orphan_and_a_second_span_of_an_id_get_warnings() {
    let orphan = Span { id: 2, parent: 0xabc, ..SPAN };
    let trace = corrected(&[&[]], &[SPAN, orphan, Span { name: "again", ..SPAN }], MAX);
    let told: Vec<_> = trace.spans().map(warnings).collect();
    assert_eq!(
        told[1],
        ["parent span ID=0000000000000abc is not in the trace; skipping clock skew adjustment"]
    );
    assert_eq!(told[2], ["duplicate span IDs; skipping clock skew adjustment"]);
}

#[test]
fn spans_that_are_their_own_ancestors_are_left_alone() {
    let own_parent = Span { id: 1, parent: 1, ..SPAN };
    let (left, right) = (Span { id: 2, parent: 3, start: 1, ..SPAN }, Span { id: 3, parent: 2, ..SPAN });
    let trace = corrected(&[&[]], &[own_parent, left, right], MAX);
    assert!(trace.spans().all(|span| warnings(span).is_empty()));
}

#[test]
fn a_chain_of_a_hundred_thousand_spans_is_walked_without_recursion() {
    let chain: Vec<Span<'_>> =
        (1..=100_000).map(|id| Span { id, parent: id - 1, start: 1_000 + id, ..SPAN }).collect();
    let trace = corrected(&[&[]], &chain, MAX);
    assert!(times(&trace).into_iter().all(|(start, _)| start == 1_001), "each moved into its parent");
}

#[test]
fn times_at_the_ends_of_the_world_do_not_overflow() {
    let far = u64::MAX / 1_000;
    let parent = Span { start: 0, duration: 10, ..SPAN };
    let child = Span { id: 2, parent: 1, start: far, duration: 0, ..SPAN };
    let trace = corrected(&[&[]], &[parent, child], Duration::MAX);
    assert_eq!(times(&trace)[1].0, 5);
    let parent = Span { start: far - 10, duration: 10, ..SPAN };
    let child = Span { id: 2, parent: 1, start: 0, duration: far, ..SPAN };
    let trace = corrected(&[&[]], &[parent, child], Duration::MAX);
    assert_eq!(trace.span(1).unwrap().end(), UnixNanos::MAX);
}
