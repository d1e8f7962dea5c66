//! Claims about structured filters: a store gives the answer that the filter means, or refuses the question; never another answer.

use std::time::Duration;

use futures::StreamExt;
use spoor_model::filter::{Call, Filter, Term};
use spoor_model::{SpanKind, StatusCode, TraceId, TraceQuery, ValueView};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::searching::query;
use super::{Fixture, Sample, SampleEvent, SampleLink, batch_of, some_minutes_ago, store_samples, trace_id};
use crate::{ReadErrorKind, RequestContext};

pub(super) fn attr(level: &str, key: &str) -> Term {
    Term::Attr { key: key.to_owned(), level: level.to_owned() }
}

pub(super) fn field(level: &str, name: &str) -> Term {
    Term::Field { name: name.to_owned(), level: level.to_owned() }
}

pub(super) fn typed(value: &str, kind: &str) -> Term {
    Term::Scalar { value: value.to_owned(), kind: kind.to_owned() }
}

pub(super) fn any(value: &str) -> Term {
    typed(value, "")
}

pub(super) fn call<const N: usize>(op: &str, args: [Term; N]) -> Call {
    Call { op: op.to_owned(), args: args.into() }
}

pub(super) fn nested(call: Call) -> Term {
    Term::Call(call)
}

/// The traces that the filter finds, by id; `None` when the store refuses the question.
async fn ask(store: &dyn Fixture, samples: &[Sample<'_>], call: &Call) -> Option<Vec<TraceId>> {
    let filter = Filter::read(call).unwrap_or_else(|error| panic!("{call:?}: {error}"));
    let around = samples.first().map_or_else(some_minutes_ago, |sample| sample.start);
    let question = TraceQuery { filter: Some(filter), ..query(around) };
    let context = RequestContext::with_timeout(Duration::from_secs(60));
    let found = match store.reader().find_traces(&context, &question).await {
        Ok(stream) => stream.collect::<Vec<_>>().await,
        Err(error) => vec![Err(error)],
    };
    let mut ids = Vec::new();
    for part in found {
        match part {
            Ok(batch) => ids.extend(batch.spans().next().map(|span| span.trace_id())),
            Err(error) => {
                assert_eq!(error.kind, ReadErrorKind::Invalid, "{call:?}: {error}");
                return None;
            }
        }
    }
    ids.sort();
    ids.dedup();
    Some(ids)
}

/// What the filter means for these samples.
fn meant(samples: &[Sample<'_>], call: &Call) -> Vec<TraceId> {
    let filter = Filter::read(call).unwrap_or_else(|error| panic!("{call:?}: {error}"));
    let batch = batch_of(samples);
    let mut ids: Vec<TraceId> =
        batch.spans().filter(|span| filter.holds(*span)).map(|span| span.trace_id()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Spans that differ in everything that can be asked about, each a trace of its own.
fn variety<'a>() -> Vec<Sample<'a>> {
    let base = some_minutes_ago();
    let tag = |value| vec![("place", ValueView::Str(value))];
    let event = |name, tags| SampleEvent { time: base, name, attributes: tags };
    let link =
        SampleLink { trace_id: trace_id(77), span_id: 5, kind: spoor_model::ReferenceKind::FollowsFrom };
    vec![
        Sample { attributes: tag("eu"), ..Sample::new(trace_id(1), 1, base) },
        Sample { resource: tag("eu"), ..Sample::new(trace_id(2), 2, base) },
        Sample { events: vec![event("stop", tag("eu"))], ..Sample::new(trace_id(3), 3, base) },
        Sample { attributes: tag("us"), resource: tag("eu"), ..Sample::new(trace_id(4), 4, base) },
        Sample {
            name: "PUT /cart",
            kind: SpanKind::Client,
            links: vec![link],
            ..Sample::new(trace_id(5), 5, base)
        },
        Sample { status: StatusCode::Error, status_message: "it broke", ..Sample::new(trace_id(6), 6, base) },
        Sample { status: StatusCode::Ok, kind: SpanKind::Unspecified, ..Sample::new(trace_id(7), 7, base) },
        Sample { duration: Duration::from_secs(3), parent: 1, ..Sample::new(trace_id(8), 8, base) },
        Sample { start: base.saturating_add(Duration::from_secs(60)), ..Sample::new(trace_id(9), 9, base) },
        Sample { scope: ("lib", "1.2"), trace_state: "a=b", ..Sample::new(trace_id(10), 10, base) },
        Sample::new(trace_id(11), 11, base).with("size", ValueView::Int(500)),
        Sample::new(trace_id(12), 12, base).with("size", ValueView::Str("500")),
        Sample::new(trace_id(13), 13, base)
            .with("size", ValueView::Int(90))
            .with("ok", ValueView::Bool(true)),
        Sample::new(trace_id(14), 14, base).with("mail", ValueView::Str("anna@example.com")),
        Sample::new(trace_id(15), 15, base).with("mail", ValueView::Str("anna.example.com")),
    ]
}

/// Attributes without a declared type at their levels, and how conditions are put together.
fn of_attributes() -> Vec<Call> {
    let eu = |level| call("eq", [attr(level, "place"), any("eu")]);
    let slow = || call("gt", [field("span", "duration"), any("2999ms")]);
    let failed = || call("eq", [field("span", "status"), any("error")]);
    vec![
        eu(""),
        eu("span"),
        eu("resource"),
        eu("event"),
        call("ne", [attr("", "place"), any("eu")]),
        call("ne", [attr("span", "place"), any("eu")]),
        call("exists", [attr("", "place")]),
        call("not", [nested(call("exists", [attr("", "place")]))]),
        call("and", [nested(eu("resource")), nested(call("eq", [attr("span", "place"), any("us")]))]),
        call("or", [nested(eu("span")), nested(slow()), nested(failed())]),
        call("not", [nested(call("or", [nested(eu("")), nested(slow())]))]),
        call("eq", [attr("", "size"), any("500")]),
        call("eq", [attr("", "ok"), any("true")]),
        call("eq", [attr("", "error"), any("false")]),
        call("regex", [attr("", "mail"), any("@example")]),
        call("regex", [attr("", "mail"), any("[a-z]+\\.(ex|EX)ample")]),
    ]
}

fn of_fields() -> Vec<Call> {
    let failed = || call("eq", [field("span", "status"), any("error")]);
    vec![
        call("gt", [field("span", "duration"), any("2999ms")]),
        call("lte", [field("span", "duration"), any("5ms")]),
        call("eq", [field("span", "duration"), any("3s")]),
        call("lt", [field("span", "duration"), any("5000001ns")]),
        call("eq", [field("span", "duration"), any("5000001ns")]),
        call("eq", [field("span", "name"), any("PUT /cart")]),
        call("ne", [field("span", "name"), any("PUT /cart")]),
        call("gt", [field("span", "name"), any("H")]),
        call("eq", [field("resource", "service"), any("shop")]),
        call("ne", [field("resource", "service"), any("shop")]),
        call("eq", [field("span", "kind"), any("client")]),
        call("ne", [field("span", "kind"), any("server")]),
        call("eq", [field("span", "kind"), any("unspecified")]),
        failed(),
        call("eq", [field("span", "status"), any("ok")]),
        call("eq", [field("span", "status"), any("unset")]),
        call("eq", [field("event", "name"), any("stop")]),
        call("eq", [field("span", "statusMessage"), any("it broke")]),
        call("eq", [field("scope", "name"), any("lib")]),
        call("exists", [field("span", "traceState")]),
        call("eq", [field("span", "traceID"), any(&trace_id(6).to_string())]),
        call("regex", [field("span", "name"), any("PUT|POST")]),
    ]
}

/// What every store can tell: attributes without a declared type at their levels, most fields, and, or, not.
pub async fn a_filter_finds_what_it_means(store: &dyn Fixture) {
    let samples = variety();
    store_samples(store, &samples).await;
    for filter in of_attributes().into_iter().chain(of_fields()) {
        let found = ask(store, &samples, &filter).await.unwrap_or_else(|| panic!("{filter:?} was refused"));
        assert_eq!(found, meant(&samples, &filter), "{filter:?}");
    }
    let between = samples[0].start.saturating_add(Duration::from_secs(30));
    let between = OffsetDateTime::from_unix_timestamp_nanos(between.0.into()).expect("a moment of today");
    let between = between.format(&Rfc3339).expect("a year of four digits");
    for operator in ["gt", "lt"] {
        let filter = call(operator, [field("span", "startTime"), any(&between)]);
        let found = ask(store, &samples, &filter).await;
        assert_eq!(found, Some(meant(&samples, &filter)), "{filter:?}");
    }
}

/// Conditions that not every store can answer.
pub async fn what_a_store_cannot_tell_is_refused_and_never_guessed(store: &dyn Fixture) {
    let samples = variety();
    store_samples(store, &samples).await;
    let list = |kind: &str| Term::List { values: vec!["500".to_owned()], kind: kind.to_owned() };
    let some = |level: &str, call: Call| {
        let elements = Term::Nested { level: level.to_owned() };
        Call { op: "some".to_owned(), args: vec![elements, nested(call)] }
    };
    for filter in [
        call("eq", [attr("", "size"), typed("500", "int")]),
        call("eq", [attr("", "size"), typed("500", "string")]),
        call("in", [attr("", "size"), list("int")]),
        call("not_in", [attr("", "size"), list("string")]),
        call("gt", [attr("", "size"), any("100")]),
        call("lt", [field("span", "startTime"), field("span", "endTime")]),
        call("eq", [field("span", "spanID"), any("0000000000000005")]),
        call("eq", [field("span", "parentSpanID"), any("0000000000000001")]),
        call("exists", [field("span", "parentSpanID")]),
        call("gt", [field("span", "endTime"), any("2026-01-01T00:00:00Z")]),
        call("eq", [field("link", "spanID"), any("0000000000000005")]),
        call("exists", [attr("scope", "place")]),
        call("gte", [field("event", "timeSinceStart"), any("0s")]),
        some("event", call("eq", [attr("event", "place"), any("eu")])),
        some("link", call("exists", [field("link", "traceID")])),
    ] {
        if let Some(found) = ask(store, &samples, &filter).await {
            assert_eq!(found, meant(&samples, &filter), "{filter:?}");
        }
    }
}
