//! Claims about what of a trace is a call.

use spoor_model::SpanKind::{Client, Consumer, Internal, Producer, Server};

use super::*;
use crate::dependencies::calls::Calls;
use crate::dependencies::rule::TraceCalls;

/// The calls of a trace as `parent>child` with the count behind it, where it is not 1.
fn calls_of(parts: &[SpanBatch]) -> String {
    let (mut trace, mut calls) = (TraceCalls::default(), Calls::default());
    for part in parts {
        trace.read(part, &mut calls).unwrap();
    }
    trace.count(&mut calls).unwrap();
    let text = |calls: &spoor_model::ServiceCalls| match calls.call_count {
        1 => format!("{}>{}", calls.parent, calls.child),
        count => format!("{}>{}*{count}", calls.parent, calls.child),
    };
    calls.finish().iter().map(text).collect::<Vec<_>>().join(" ")
}

fn span(id: u64, parent: u64, service: &'static str) -> Span<'static> {
    Span { id, parent, service, ..SPAN }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_clause_of_the_rule_holds() {
    let kind = |span: Span<'static>, kind| Span { kind, ..span };
    let peer = |span: Span<'static>, peer| Span { peer, ..span };
    let table: &[(&str, &[Span<'_>], &str)] = &[
        ("a child calls", &[span(1, 0, "a"), span(2, 1, "b")], "a>b"),
        (
            "each child counts",
            &[span(1, 0, "a"), span(2, 1, "b"), span(3, 1, "b"), span(4, 3, "a")],
            "a>b*2 b>a",
        ),
        ("within a service, too", &[span(1, 0, "a"), span(2, 1, "a")], "a>a"),
        ("in any order", &[span(2, 1, "b"), span(1, 0, "a")], "a>b"),
        ("an unknown parent is none", &[span(2, 1, "b")], ""),
        ("equal spans count once", &[span(1, 0, "a"), span(2, 1, "b"), span(2, 1, "b")], "a>b"),
        ("no name, no call", &[span(1, 0, ""), span(2, 1, "b"), span(3, 2, "")], ""),
        (
            "a link in the trace is a call",
            &[span(1, 0, "a"), Span { links: &[(1, 1)], ..span(2, 0, "b") }],
            "a>b",
        ),
        (
            "a parent that is linked to as well is one call",
            &[span(1, 0, "a"), Span { links: &[(1, 1), (1, 1)], ..span(2, 1, "b") }],
            "a>b",
        ),
        (
            "two references are two calls",
            &[span(1, 0, "a"), span(2, 0, "b"), Span { links: &[(1, 2)], ..span(3, 1, "c") }],
            "a>c b>c",
        ),
        (
            "a link to another trace is none, whatever its span's id",
            &[span(1, 0, "a"), Span { links: &[(9, 1)], ..span(2, 0, "b") }],
            "",
        ),
        ("a span is not its own caller", &[Span { links: &[(1, 1)], ..span(1, 0, "a") }], ""),
        ("sides of a shared id", &[kind(span(1, 0, "a"), Client), kind(span(1, 0, "b"), Server)], "a>b"),
        (
            "sides of a shared id, messages, the other way round",
            &[kind(span(1, 0, "b"), Consumer), kind(span(1, 0, "a"), Producer)],
            "a>b",
        ),
        (
            "a shared id is one call, however many share it",
            &[kind(span(1, 0, "a"), Client), kind(span(1, 0, "b"), Server), kind(span(1, 0, "c"), Server)],
            "a>b",
        ),
        (
            "a shared id without both sides is none",
            &[kind(span(1, 0, "a"), Client), kind(span(1, 0, "b"), Internal)],
            "",
        ),
        (
            "of a shared id the client refers for both",
            &[span(9, 0, "z"), kind(span(1, 9, "a"), Client), kind(span(1, 9, "b"), Server)],
            "a>b z>a",
        ),
        (
            "who refers to a shared id was called by its server",
            &[kind(span(1, 0, "a"), Client), kind(span(1, 0, "b"), Server), span(2, 1, "c")],
            "a>b b>c",
        ),
        (
            "who refers to a shared id without a server was called by nobody",
            &[kind(span(1, 0, "a"), Client), kind(span(1, 0, "b"), Consumer), span(2, 1, "c")],
            "a>b",
        ),
        ("a leaf calls its peer", &[span(1, 0, "a"), peer(span(2, 1, "a"), "db")], "a>a a>db"),
        (
            "who is referred to has called what it says already",
            &[span(1, 0, "a"), peer(span(2, 1, "a"), "db"), span(3, 2, "b")],
            "a>a a>b",
        ),
        ("a root has no peer", &[peer(span(1, 0, "a"), "db")], ""),
        ("a leaf whose parent is lost has its peer", &[peer(span(2, 1, "a"), "db")], "a>db"),
    ];
    for (claim, spans, expected) in table {
        assert_eq!(calls_of(&[batch(spans)]), *expected, "{claim}");
        let apart: Vec<SpanBatch> = spans.iter().map(|span| batch(&[*span])).collect();
        assert_eq!(calls_of(&apart), *expected, "{claim}, part by part");
    }
}

#[test]
fn made_up_services_without_end_are_refused() {
    let mut calls = Calls::default();
    let mut refused = false;
    for number in 0..=100_000 {
        refused = calls.number(&number.to_string()).is_err();
    }
    assert!(refused);
    assert!(calls.number("7").is_ok(), "who is known stays known");
}

#[test]
fn a_trace_of_a_hundred_thousand_spans_of_one_id_takes_no_time() {
    let (mut trace, mut calls) = (TraceCalls::default(), Calls::default());
    for number in 0..100 {
        let spans: Vec<_> = (0..1_000)
            .map(|start| Span { start: UnixNanos(number * 1_000 + start), kind: Client, ..span(1, 1, "a") })
            .collect();
        trace.read(&batch(&spans), &mut calls).unwrap();
    }
    assert_eq!((trace.spans(), trace.cut, trace.earliest), (100_000, false, UnixNanos(0)));
    trace.count(&mut calls).unwrap();
    assert!(calls.finish().is_empty());
}
