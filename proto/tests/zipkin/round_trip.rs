//! Spans of any content, written in v2's two encodings, say the same in both, and what was written.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use spoor_model::{SpanBatch, UnixNanos, ValueView};
use spoor_proto::convert::zipkin::{decode_v2_json, decode_v2_proto};

use crate::described;
use crate::wire::{list_of_spans, message};

#[derive(Debug, Clone)]
struct Span {
    trace_id: u128,
    id: u64,
    parent: u64,
    kind: usize,
    name: String,
    timestamp: u64,
    duration: u32,
    service: String,
    port: u16,
    annotations: Vec<(u64, String)>,
    tags: BTreeMap<String, String>,
}

const KINDS: [Option<&str>; 5] = [None, Some("CLIENT"), Some("SERVER"), Some("PRODUCER"), Some("CONSUMER")];

fn spans() -> impl Strategy<Value = Span> {
    let ids = (any::<u128>(), 1..=u64::MAX, any::<u64>(), 0..KINDS.len());
    let times = (1..9_000_000_000_000_000_u64, any::<u32>());
    // Texts with separators are told apart elsewhere.
    let texts = || any::<String>().prop_map(|text| text.replace('|', "/"));
    let lists = (vec((any::<u64>(), texts()), 0..3), btree_map("[a-z]{1,3}", texts(), 0..5));
    (ids, texts(), times, (texts(), any::<u16>()), lists).prop_map(
        |(
            (trace_id, id, parent, kind),
            name,
            (timestamp, duration),
            (service, port),
            (annotations, tags),
        )| Span {
            trace_id,
            id,
            parent,
            kind,
            name,
            timestamp,
            duration,
            service,
            port,
            annotations,
            tags,
        },
    )
}

fn json(span: &Span) -> serde_json::Value {
    let annotations: Vec<_> = span
        .annotations
        .iter()
        .map(|(timestamp, value)| serde_json::json!({"timestamp": timestamp, "value": value}))
        .collect();
    serde_json::json!({
        "traceId": format!("{:x}", span.trace_id), "id": format!("{:x}", span.id), "parentId": format!("{:016x}", span.parent),
        "kind": KINDS[span.kind], "name": span.name, "timestamp": span.timestamp, "duration": span.duration,
        "localEndpoint": {"serviceName": span.service, "port": span.port}, "annotations": annotations, "tags": span.tags,
    })
}

fn proto(span: &Span) -> Vec<u8> {
    message(|writer| {
        writer.bytes(1, &span.trace_id.to_be_bytes());
        writer.bytes(2, &span.parent.to_be_bytes());
        writer.bytes(3, &span.id.to_be_bytes());
        writer.varint(4, span.kind as u64);
        writer.string(5, &span.name);
        writer.fixed64(6, span.timestamp);
        writer.varint(7, u64::from(span.duration));
        writer.message(8, |local| {
            local.string(1, &span.service);
            local.varint(4, u64::from(span.port));
        });
        for (timestamp, value) in &span.annotations {
            writer.message(10, |annotation| {
                annotation.fixed64(1, *timestamp);
                annotation.string(2, value);
            });
        }
        for (key, value) in &span.tags {
            writer.message(11, |entry| {
                entry.string(1, key);
                entry.string(2, value);
            });
        }
    })
}

fn assert_says(batch: &SpanBatch, written: &[Span]) {
    assert_eq!(batch.len(), written.len());
    for (found, span) in batch.spans().zip(written) {
        assert_eq!(
            (found.trace_id().0, found.span_id().0, found.name()),
            (span.trace_id, span.id, &span.name[..])
        );
        assert_eq!(found.parent_span_id().0, if span.parent == span.id { 0 } else { span.parent });
        let start = span.timestamp;
        assert_eq!(found.start(), UnixNanos::from_micros(start));
        assert_eq!(found.end(), UnixNanos::from_micros(start + u64::from(span.duration)));
        for (key, value) in &span.tags {
            assert_eq!(found.attributes().get(key), Some(ValueView::Str(value)), "{key}");
        }
        let events: Vec<_> = found.events().map(|event| (event.time(), event.name().to_owned())).collect();
        let expected =
            span.annotations.iter().map(|(time, value)| (UnixNanos::from_micros(*time), value.clone()));
        assert_eq!(events, expected.collect::<Vec<_>>());
        let port = (span.port != 0).then_some(ValueView::Int(i64::from(span.port)));
        assert_eq!(found.attributes().get("net.host.port"), port);
    }
}

proptest! {
    #[test]
    fn both_encodings_say_what_was_written(written in vec(spans(), 0..6)) {
        let list = serde_json::Value::Array(written.iter().map(json).collect()).to_string();
        let messages: Vec<Vec<u8>> = written.iter().map(proto).collect();
        let from_json = decode_v2_json(list.as_bytes()).expect("valid");
        let from_proto = decode_v2_proto(list_of_spans(messages.iter().map(Vec::as_slice)).into(), false).expect("valid");
        assert_eq!(described(&from_json), described(&from_proto));
        assert_says(&from_json, &written);
    }
}
