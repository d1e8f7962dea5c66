//! Messages of every method by gRPC, with values of every kind, or mutated as bytes.

use std::collections::HashMap;

use fastrand::Rng;
use prost::Message;
use prost_types::{Duration, Timestamp};
use spoor_proto::jaeger::expression::v1 as expression;
use spoor_proto::jaeger::{api_v2, api_v3};

use crate::values::{self, Known, NANOS, NUMBERS};

pub(crate) fn message(random: &mut Rng, known: &Known, method: &str) -> Vec<u8> {
    let (start_time, end_time, raw_traces) = (moment(random), moment(random), random.bool());
    let (service, span_kind) = (values::text(random, known), kind(random, known));
    let is_v2 = method.contains("api_v2");
    match method.rsplit('/').next().unwrap_or_default() {
        "GetTrace" if is_v2 => {
            let trace_id = id(random, known).into();
            api_v2::GetTraceRequest { trace_id, start_time, end_time, raw_traces }.encode_to_vec()
        }
        "GetTrace" => {
            let trace_id = values::hex_id(random, known);
            api_v3::GetTraceRequest { trace_id, start_time, end_time, raw_traces }.encode_to_vec()
        }
        "ArchiveTrace" => {
            let trace_id = id(random, known).into();
            api_v2::ArchiveTraceRequest { trace_id, start_time, end_time }.encode_to_vec()
        }
        "FindTraces" if is_v2 => {
            api_v2::FindTracesRequest { query: Some(search_v2(random, known)) }.encode_to_vec()
        }
        "FindTraces" => api_v3::FindTracesRequest { query: Some(search_v3(random, known)) }.encode_to_vec(),
        "FindTraceSummaries" => {
            api_v3::FindTraceSummariesRequest { query: Some(search_v3(random, known)) }.encode_to_vec()
        }
        "GetOperations" => api_v3::GetOperationsRequest { service, span_kind }.encode_to_vec(),
        "GetDependencies" => api_v3::GetDependenciesRequest { start_time, end_time }.encode_to_vec(),
        _ => Vec::new(),
    }
}

fn kind(random: &mut Rng, known: &Known) -> String {
    let kinds = ["", "server", "Client", "unspecified", "best"];
    if random.u8(..4) == 0 {
        values::text(random, known)
    } else {
        random.choice(kinds).unwrap_or_default().to_owned()
    }
}

/// A trace's id, or bytes of which none is made.
fn id(random: &mut Rng, known: &Known) -> Vec<u8> {
    match random.u8(..4) {
        0 => known.trace.to_bytes().to_vec(),
        1 => vec![0; random.usize(..41)],
        _ => {
            let length = random.choice([0, 1, 7, 8, 15, 16, 17, 40]).unwrap_or_default();
            (0..length).map(|_| random.u8(..)).collect()
        }
    }
}

fn number(random: &mut Rng) -> i64 {
    random.choice(NUMBERS).unwrap_or_default()
}

fn moment(random: &mut Rng) -> Option<Timestamp> {
    let nanos = random.choice(NANOS).unwrap_or_default();
    (random.u8(..6) > 0).then(|| Timestamp { seconds: number(random), nanos })
}

/// Half of the times the beginning or the end of all that there is, so that a question comes far.
fn edge(random: &mut Rng, far: i64) -> Option<Timestamp> {
    if random.bool() { Some(Timestamp { seconds: far, nanos: 0 }) } else { moment(random) }
}

fn duration(random: &mut Rng) -> Option<Duration> {
    let nanos = random.choice(NANOS).unwrap_or_default();
    (random.u8(..3) == 0).then(|| Duration { seconds: number(random), nanos })
}

fn depth(random: &mut Rng) -> i32 {
    let usual = [0, 1, 20, 1_500, -1, i32::MIN, i32::MAX, 1_000_000];
    random.choice(usual).unwrap_or_default()
}

fn tags(random: &mut Rng, known: &Known) -> HashMap<String, String> {
    let many = if random.u8(..6) == 0 { random.usize(50..120) } else { random.usize(..4) };
    (0..many).map(|_| (values::text(random, known), values::text(random, known))).collect()
}

fn search_v2(random: &mut Rng, known: &Known) -> api_v2::TraceQueryParameters {
    api_v2::TraceQueryParameters {
        service_name: values::text(random, known),
        operation_name: if random.bool() { String::new() } else { values::text(random, known) },
        tags: tags(random, known),
        start_time_min: edge(random, 0),
        start_time_max: edge(random, 4_000_000_000),
        duration_min: duration(random),
        duration_max: duration(random),
        search_depth: depth(random),
        raw_traces: random.bool(),
    }
}

fn search_v3(random: &mut Rng, known: &Known) -> api_v3::TraceQueryParameters {
    let (start_time_min, start_time_max) = (edge(random, 0), edge(random, 4_000_000_000));
    if random.bool() {
        let levels = random.u8(..6);
        let filter = Some(call(random, known, levels));
        return api_v3::TraceQueryParameters { start_time_min, start_time_max, filter, ..Default::default() };
    }
    let v2 = search_v2(random, known);
    api_v3::TraceQueryParameters {
        service_name: v2.service_name,
        operation_name: v2.operation_name,
        attributes: v2.tags,
        start_time_min,
        start_time_max,
        duration_min: v2.duration_min,
        duration_max: v2.duration_max,
        search_depth: v2.search_depth,
        raw_traces: v2.raw_traces,
        filter: None,
    }
}

/// A filter of so many levels at most.
fn call(random: &mut Rng, known: &Known, levels: u8) -> expression::Call {
    let ops =
        ["and", "or", "not", "eq", "ne", "gt", "lte", "regex", "exists", "in", "not_in", "some", "nothing"];
    let op = random.choice(ops).unwrap_or_default().to_owned();
    let args = (0..random.u8(..4)).map(|_| expression::Expression { term: term(random, known, levels) });
    expression::Call { op, args: args.collect() }
}

fn term(random: &mut Rng, known: &Known, levels: u8) -> Option<expression::expression::Term> {
    use expression::expression::Term;
    let pick = |random: &mut Rng, of: &[&str]| (*random.choice(of).unwrap_or(&"")).to_owned();
    let level = pick(random, &["", "span", "resource", "scope", "event", "link", "x"]);
    let r#type = pick(random, &["", "int", "double", "bool", "string", "x"]);
    Some(match random.u8(..9) {
        0 | 1 if levels > 0 => Term::Call(call(random, known, levels - 1)),
        0..=2 => Term::Attr(expression::AttributeReference { key: values::text(random, known), level }),
        3 => {
            let name =
                pick(random, &["duration", "name", "service_name", "start_time", "kind", "status", "x"]);
            Term::Field(expression::FieldReference { name, level })
        }
        4 => Term::Nested(expression::NestedReference { level }),
        5 | 6 => Term::Scalar(expression::Scalar { value: values::text(random, known), r#type }),
        7 => Term::List(expression::List { values: vec![values::text(random, known); 2], r#type }),
        _ => return None,
    })
}

/// Makes another message of it, or none.
pub(crate) fn mutate(random: &mut Rng, message: &mut Vec<u8>) {
    let at = random.usize(..=message.len());
    match random.u8(..9) {
        0 => message.truncate(at),
        1 if at < message.len() => message[at] = random.u8(..),
        2 => {
            let noise: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
            message.splice(at..at, noise);
        }
        3 => message.extend_from_within(..),
        // Fields that nobody knows: a number, eight bytes, four, a text, a group, the end of one that has not begun.
        4 => message.extend_from_slice(&[
            0xa0, 0x06, 0x01, 0xa9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xb5, 0x06, 1, 2, 3, 4,
        ]),
        5 => message.extend_from_slice(
            random
                .choice([&b"\xab\x06\xac\x06"[..], b"\xac\x06", b"\xfa\xff\xff\xff\x0f\x01x", b"\x00\x00"])
                .unwrap_or(b""),
        ),
        // A text that is not UTF-8, in the place of the first fields; and a length that lies.
        6 => message.extend_from_slice(&[0x0a, 3, 0xff, 0xfe, 0xc0, 0x12, 1, 0x80]),
        7 => message.extend_from_slice(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        _ => message.extend_from_slice(&deep(random.usize(1..400))),
    }
}

/// A search of api_v3 whose filter is so deep that nobody reads it.
fn deep(levels: usize) -> Vec<u8> {
    let field = |tag: u8, inner: &[u8]| {
        let mut out = vec![tag];
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        out.extend_from_slice(inner);
        out
    };
    // `Call.args` is field 2, `Expression.call` 6, `TraceQueryParameters.filter` 10, `query` 1.
    let calls = (0..levels).fold(field(0x0a, b"not"), |call, _| {
        [field(0x0a, b"not"), field(0x12, &field(0x32, &call))].concat()
    });
    field(0x0a, &field(0x52, &calls))
}
