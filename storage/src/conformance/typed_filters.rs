//! Claims about structured filters for stores that keep all of a span: values of every type at every level, sizes and types of numbers,
//! nanoseconds, long texts, single events and links.

use std::time::Duration;

use spoor_model::filter::{Call, Filter, Term};
use spoor_model::{
    EventRow, LinkRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId,
    TraceQuery, UnixNanos, ValueView,
};

use super::filters::{any, attr, call, field, nested, typed};
use super::searching::query;
use super::{Fixture, some_minutes_ago, trace_id};
use crate::RequestContext;

const LEVELS: [&str; 5] = ["span", "resource", "scope", "event", "link"];

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(120))
}

/// Values that differ in type, size or text, some of them larger than what an index takes.
fn values(long: &str) -> Vec<ValueView<'_>> {
    let integers = [0, 9, 80, 499, 500, -17, -500, i64::MAX, (1 << 53) + 1].map(ValueView::Int);
    let doubles = [500.0, 500.5, -0.0, -17.25, 1e300, 9_007_199_254_740_992.0, f64::NAN, f64::INFINITY];
    let texts = ["500", "9", "abc", "", long].map(ValueView::Str);
    let others = [ValueView::Bool(true), ValueView::Bool(false), ValueView::Empty, ValueView::Bytes(b"\xff")];
    integers.into_iter().chain(doubles.map(ValueView::Double)).chain(texts).chain(others).collect()
}

/// One trace of one span for each value at each level, under the key `n`; the nanoseconds of its times differ, too.
fn all_values(base: UnixNanos, long: &str) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let mut number: u16 = 0;
    for value in values(long) {
        for level in LEVELS {
            number += 1;
            push(&mut builder, base, number, level, value);
        }
    }
    builder.finish().expect("the values are small")
}

fn push(builder: &mut SpanBatchBuilder, base: UnixNanos, number: u16, level: &str, value: ValueView<'_>) {
    let mut attributes = |at: &str| {
        let own = (level == at).then_some(("n", value));
        builder.attributes(own.into_iter().chain([("at", ValueView::Str(at))]))
    };
    let [of_span, of_resource, of_scope, of_event, of_link] = LEVELS.map(&mut attributes);
    let service = Some(builder.text("shop"));
    let resource =
        builder.push_resource(ResourceRow { service, attributes: of_resource, ..Default::default() });
    let schema_url = builder.text("https://schema/1");
    let scope =
        builder.push_scope(ScopeRow { resource, attributes: of_scope, schema_url, ..Default::default() });
    let start = UnixNanos(base.0 - base.0 % 1_000 + u64::from(number % 3));
    let events = builder.events_mark();
    let name = builder.text(if number.is_multiple_of(2) { "stop" } else { "go" });
    builder.push_event(EventRow { time: start, name, attributes: of_event, dropped_attributes: 0 });
    let attributes = builder.attributes([("event", ValueView::Str("go")), ("n", ValueView::Int(7_000))]);
    let name = builder.text("hidden");
    let time = UnixNanos(start.0 + 1);
    builder.push_event(EventRow { time, name, attributes, dropped_attributes: 0 });
    let events = builder.events_since(events);
    let links = builder.links_mark();
    let (trace, span) = (trace_id(7_000 + u64::from(number % 2)), SpanId(5));
    builder.push_link(LinkRow { trace_id: trace, span_id: span, attributes: of_link, ..Default::default() });
    let links = builder.links_since(links);
    let name = builder.text("GET /cart");
    builder.push_span(SpanRow {
        trace_id: trace_id(u64::from(number)),
        span_id: SpanId(u64::from(number)),
        parent_span_id: SpanId(u64::from(number % 4)),
        scope,
        name,
        start,
        end: UnixNanos(start.0 + 5_000_000 + u64::from(number % 5)),
        attributes: of_span,
        events,
        links,
        ..Default::default()
    });
}

/// Comparisons of `n` with constants of every type.
fn comparisons() -> Vec<Call> {
    let texts = ["500", "500.0", "5e2", "-17", "0", "abc", "", "true", "NaN", "Infinity", "9007199254740993"];
    let of_types = [
        typed("500", "int"),
        typed("-17", "int"),
        typed("9007199254740993", "int"),
        typed("500", "double"),
        typed("0", "double"),
        typed("inf", "double"),
        typed("500", "string"),
        typed("", "string"),
    ];
    let constants = texts.map(any).into_iter().chain(of_types);
    let mut all: Vec<Call> = constants
        .flat_map(|constant| {
            ["eq", "ne", "gt", "gte", "lt", "lte"].map(|op| call(op, [attr("span", "n"), constant.clone()]))
        })
        .collect();
    for level in ["", "resource", "scope", "event", "link"] {
        for (op, constant) in
            [("gt", any("80")), ("lte", any("-17")), ("eq", typed("500.5", "double")), ("ne", any("abc"))]
        {
            all.push(call(op, [attr(level, "n"), constant]));
        }
        all.push(call("exists", [attr(level, "n")]));
        all.push(call("regex", [attr(level, "n"), any("0.?0")]));
    }
    all.extend(["true", "false"].map(|truth| call("eq", [attr("span", "n"), typed(truth, "bool")])));
    all
}

/// Everything else that can be asked for.
fn others(long: &str, start: UnixNanos) -> Vec<Call> {
    let list =
        |kind: &str| Term::List { values: ["500", "80"].map(str::to_owned).to_vec(), kind: kind.to_owned() };
    let some = |level: &str, condition: Call| {
        let elements = Term::Nested { level: level.to_owned() };
        call("some", [elements, nested(condition)])
    };
    let named = |name: &str| call("eq", [field("event", "name"), any(name)]);
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(start.0) + 1).expect("of today");
    let moment = moment.format(&time::format_description::well_known::Rfc3339).expect("four digits");
    let mut all = vec![
        call("eq", [attr("span", "n"), any(long)]),
        call("gt", [attr("span", "n"), any("b")]),
        call("regex", [attr("span", "n"), any("é{290}")]),
        call("in", [attr("span", "n"), list("int")]),
        call("not_in", [attr("span", "n"), list("string")]),
        call("not", [nested(call("gt", [attr("event", "n"), any("80")]))]),
        named("stop"),
        named("go"),
        named("hidden"),
        call("ne", [field("event", "name"), any("stop")]),
        call("gt", [field("event", "name"), any("h")]),
        call("eq", [attr("event", "event"), any("go")]),
        some("event", call("and", [nested(named("stop")), nested(call("exists", [attr("event", "n")]))])),
        some("event", call("not", [nested(call("exists", [attr("event", "n")]))])),
        some("link", call("gte", [attr("link", "n"), typed("80", "int")])),
        call("gt", [attr("span", "n"), attr("event", "n")]),
        call("not", [nested(call("exists", [field("span", "parentSpanID")]))]),
        call("eq", [field("link", "traceID"), any(&trace_id(7_001).to_string())]),
        call("eq", [field("scope", "schemaURL"), any("https://schema/1")]),
        call("gt", [field("event", "timeSinceStart"), any("0s")]),
        call("lte", [field("span", "traceID"), any(&trace_id(60).to_string())]),
    ];
    for op in ["eq", "ne", "gt", "gte", "lt", "lte"] {
        for nanos in ["5ms", "5000002ns"] {
            all.push(call(op, [field("span", "duration"), any(nanos)]));
        }
        all.push(call(op, [field("span", "startTime"), any(&moment)]));
    }
    all
}

/// The filter finds exactly the traces that it means, whatever of a span it is about.
pub async fn every_type_size_and_part_of_a_span_can_be_asked_for(store: &dyn Fixture) {
    let long = "é".repeat(300);
    let base = some_minutes_ago();
    let batch = all_values(base, &long);
    let done = store.writer().write(&context(), &batch).await.expect("the store takes spans");
    assert_eq!(done.stored, batch.len());
    store.settle().await;
    let start = batch.spans().map(|span| span.start()).min().expect("there are spans");
    let mut wrong = Vec::new();
    for asked in comparisons().into_iter().chain(others(&long, start)) {
        let filter = Filter::read(&asked).unwrap_or_else(|error| panic!("{asked:?}: {error}"));
        let mut meant: Vec<TraceId> =
            batch.spans().filter(|span| filter.holds(*span)).map(|span| span.trace_id()).collect();
        let question = TraceQuery { filter: Some(filter), limit: 1_000, ..query(base) };
        let found = store.reader().find_trace_ids(&context(), &question, None).await;
        let found = found.map(|found| found.into_iter().map(|place| place.trace_id).collect::<Vec<_>>());
        meant.sort();
        match found {
            Ok(mut found) => {
                found.sort();
                if found != meant {
                    wrong.push(format!("{asked:?} finds {found:?}, but means {meant:?}"));
                }
            }
            Err(error) => wrong.push(format!("{asked:?}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers: {}", wrong.len(), wrong.join("\n"));
}

/// Pages of what has to be read to be known go on where the one before ended, newest first.
pub async fn pages_of_a_filter_name_every_trace_once(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let batch = all_values(base, "long");
    store.writer().write(&context(), &batch).await.expect("the store takes spans");
    store.settle().await;
    for asked in [
        call("not", [nested(call("exists", [field("span", "parentSpanID")]))]),
        call("gt", [field("span", "duration"), any("5000002ns")]),
        call("gt", [attr("", "n"), any("80")]),
    ] {
        let filter = Filter::read(&asked).expect("it makes sense");
        let mut meant: Vec<TraceId> =
            batch.spans().filter(|span| filter.holds(*span)).map(|span| span.trace_id()).collect();
        meant.sort();
        let question = TraceQuery { filter: Some(filter), limit: 7, ..query(base) };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.reader().find_trace_ids(&context(), &question, after).await;
            let page = page.unwrap_or_else(|error| panic!("{asked:?}: {error}"));
            found.extend(page.iter().map(|place| place.trace_id));
            let Some(last) = page.last().filter(|_| page.len() == 7) else { break };
            after = Some(*last);
        }
        found.sort();
        assert_eq!(found, meant, "{asked:?}");
    }
}
