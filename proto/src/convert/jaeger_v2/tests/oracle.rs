//! Properties, with prost's generated types as the oracle at the wire's end.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use prost::Message;
use spoor_model::jaeger::{ErrorTags, leading_tags, trailing_tags, warnings};
use spoor_model::{AttributesView, SpanBatch, SpanView, StatusCode, ValueView};

use super::random;
use crate::convert::jaeger_v2::{Process, decode_post_spans, decode_span, encode_post_spans, encode_span};
use crate::jaeger::api_v2 as wire;

fn full_id(id: &[u8], length: usize) -> Vec<u8> {
    let mut full = vec![0; length - id.len()];
    full.extend_from_slice(id);
    full
}

/// The value that counts, by prost's message alone.
fn counting(tag: &wire::KeyValue) -> ValueView<'_> {
    match tag.v_type() {
        wire::ValueType::String => ValueView::Str(&tag.v_str),
        wire::ValueType::Bool => ValueView::Bool(tag.v_bool),
        wire::ValueType::Int64 => ValueView::Int(tag.v_int64),
        wire::ValueType::Float64 => ValueView::Double(tag.v_float64),
        wire::ValueType::Binary => ValueView::Bytes(&tag.v_binary),
    }
}

/// A tag with the slots that do not count emptied.
fn clean(tag: &wire::KeyValue) -> wire::KeyValue {
    value_tag(&tag.key, counting(tag))
}

fn value_tag(key: &str, value: ValueView<'_>) -> wire::KeyValue {
    let mut tag = wire::KeyValue { key: key.to_owned(), ..wire::KeyValue::default() };
    match value {
        ValueView::Bool(truth) => (tag.v_type, tag.v_bool) = (1, truth),
        ValueView::Int(number) => (tag.v_type, tag.v_int64) = (2, number),
        ValueView::Double(number) => (tag.v_type, tag.v_float64) = (3, number),
        ValueView::Bytes(bytes) => (tag.v_type, tag.v_binary) = (4, bytes.to_vec().into()),
        other => tag.v_str = other.to_text(),
    }
    tag
}

fn tags(attributes: AttributesView<'_>) -> Vec<wire::KeyValue> {
    attributes.iter().map(|tag| value_tag(tag.key(), tag.value())).collect()
}

/// Compared by their encoding, where NaN equals itself.
fn same(left: &[wire::KeyValue], right: &[wire::KeyValue]) -> bool {
    left.iter().map(Message::encode_to_vec).eq(right.iter().map(Message::encode_to_vec))
}

/// What the log's fields are after a way through the model: the event's name first, unless it comes several times.
fn normal_fields(fields: &[wire::KeyValue]) -> Vec<wire::KeyValue> {
    let mut fields: Vec<_> = fields.iter().map(clean).collect();
    let events: Vec<_> = (0..fields.len()).filter(|&index| fields[index].key == "event").collect();
    if let Some(&first) = events.first()
        && fields[first].v_type == 0
        && !fields[first].v_str.is_empty()
    {
        let target = events.get(1).map_or(0, |second| second - 1);
        let event = fields.remove(first);
        fields.insert(target, event);
    }
    fields
}

/// What the references are after a way through the model: the parent first and once.
fn normal_references(span: &wire::Span) -> Vec<wire::SpanRef> {
    let mut references = span.references.clone();
    for reference in &mut references {
        reference.trace_id = full_id(&reference.trace_id, 16).into();
        reference.span_id = full_id(&reference.span_id, 8).into();
    }
    let trace_id = full_id(&span.trace_id, 16);
    let position = |ref_type: i32| {
        references.iter().position(|reference| {
            reference.ref_type == ref_type
                && reference.trace_id == trace_id
                && reference.span_id != [0; 8][..]
        })
    };
    if let Some(position) = position(0).or_else(|| position(1)) {
        let parent = references.remove(position);
        references.retain(|other| other.trace_id != parent.trace_id || other.span_id != parent.span_id);
        references.insert(0, parent);
    }
    references
}

/// The span that comes back after a way through the model, with its process inside.
fn normal(span: &wire::Span, process: Option<&wire::Process>) -> wire::Span {
    let nobody = wire::Process { service_name: "OTLPResourceNoServiceName".to_owned(), tags: Vec::new() };
    let mut process = span.process.as_ref().or(process).cloned().unwrap_or(nobody);
    process.tags = process.tags.iter().map(clean).collect();
    wire::Span {
        trace_id: full_id(&span.trace_id, 16).into(),
        span_id: full_id(&span.span_id, 8).into(),
        references: normal_references(span),
        start_time: Some(span.start_time.unwrap_or_default()),
        duration: Some(span.duration.unwrap_or_default()),
        tags: span.tags.iter().map(clean).collect(),
        logs: span
            .logs
            .iter()
            .map(|log| wire::Log {
                timestamp: Some(log.timestamp.unwrap_or_default()),
                fields: normal_fields(&log.fields),
            })
            .collect(),
        process: Some(process),
        process_id: String::new(),
        ..span.clone()
    }
}

fn written(span: SpanView<'_>, process: Process) -> Vec<u8> {
    let mut out = Vec::new();
    encode_span(&mut out, span, process);
    out
}

fn check_decoded(view: SpanView<'_>, span: &wire::Span, process: Option<&wire::Process>) -> TestCaseResult {
    prop_assert_eq!(view.trace_id().to_bytes().to_vec(), full_id(&span.trace_id, 16));
    prop_assert_eq!(view.span_id().to_bytes().to_vec(), full_id(&span.span_id, 8));
    prop_assert_eq!(view.name(), &span.operation_name);
    prop_assert_eq!(view.flags(), span.flags);
    let nanos = |seconds: i64, nanos: i32| {
        u64::try_from(seconds).expect("positive") * 1_000_000_000 + u64::try_from(nanos).expect("positive")
    };
    let start = span.start_time.unwrap_or_default();
    let length = span.duration.unwrap_or_default();
    prop_assert_eq!(view.start().0, nanos(start.seconds, start.nanos));
    prop_assert_eq!(view.end().0 - view.start().0, nanos(length.seconds, length.nanos));
    let attributes = view.attributes().iter().filter(|tag| tag.key() != "@jaeger@warnings");
    prop_assert!(
        attributes
            .map(|tag| (tag.key(), tag.value()))
            .eq(span.tags.iter().map(|tag| (&tag.key[..], counting(tag))))
    );
    prop_assert_eq!(warnings(view), span.warnings.iter().map(String::as_str).collect::<Vec<_>>());
    prop_assert_eq!(view.events().len(), span.logs.len());
    for (event, log) in view.events().zip(&span.logs) {
        let time = log.timestamp.unwrap_or_default();
        prop_assert_eq!(event.time().0, nanos(time.seconds, time.nanos));
    }
    let process = span.process.as_ref().or(process);
    prop_assert_eq!(view.resource().row().service.is_some(), process.is_some());
    if let Some(process) = process {
        prop_assert_eq!(view.service(), &process.service_name);
        let expected: Vec<_> = process.tags.iter().map(clean).collect();
        prop_assert!(same(&tags(view.resource().attributes()), &expected));
    }
    Ok(())
}

/// Touches everything a batch has, as a reader would.
fn read_all(batch: &SpanBatch) {
    for span in batch.spans() {
        assert!(span.end() >= span.start());
        let record = written(span, Process::Embedded);
        assert_eq!(decode_span(record.into()).expect("our own record").len(), 1);
    }
    assert!(!format!("{batch:?}").is_empty());
}

/// Whether all ids have a length that Jaeger takes, or are missing.
fn has_valid_ids(request: &wire::PostSpansRequest) -> bool {
    let spans = request.batch.iter().flat_map(|batch| &batch.spans);
    let mut ids = spans.flat_map(|span| {
        let own = [(&span.trace_id, &span.span_id)];
        own.into_iter().chain(span.references.iter().map(|other| (&other.trace_id, &other.span_id)))
    });
    ids.all(|(trace_id, span_id)| matches!(trace_id.len(), 8 | 16) && span_id.len() == 8)
}

proptest! {
    #[test]
    fn decodes_what_prost_has_written(request in random::request()) {
        let batch = decode_post_spans(request.encode_to_vec().into()).expect("a valid request");
        let expected = request.batch.as_ref().expect("set");
        prop_assert_eq!(batch.len(), expected.spans.len());
        for (view, span) in batch.spans().zip(&expected.spans) {
            check_decoded(view, span, expected.process.as_ref())?;
        }
    }

    #[test]
    fn wire_to_model_to_wire_loses_nothing(request in random::request()) {
        let batch = decode_post_spans(request.encode_to_vec().into()).expect("a valid request");
        let expected = request.batch.as_ref().expect("set");
        for (view, span) in batch.spans().zip(&expected.spans) {
            let bytes = written(view, Process::Embedded);
            let found = wire::Span::decode(&bytes[..]).expect("prost reads it");
            let expected = normal(span, expected.process.as_ref());
            prop_assert_eq!(format!("{:?}", &found), format!("{expected:?}"));
            prop_assert_eq!(decode_span(bytes.into()).expect("ours").spans().len(), 1);
        }
    }

    #[test]
    fn prost_reads_what_we_have_written(batch in random::batch()) {
        for span in batch.spans() {
            let found = wire::Span::decode(&written(span, Process::Embedded)[..]).expect("prost reads it");
            prop_assert_eq!(&found.trace_id[..], span.trace_id().to_bytes());
            prop_assert_eq!(&found.operation_name, span.name());
            let expected: Vec<_> = leading_tags(span)
                .map(|(key, value)| value_tag(key, value))
                .chain(tags(span.attributes()))
                .chain(trailing_tags(span, ErrorTags::StatusAndError).map(|(key, value)| value_tag(key, value)))
                .collect();
            prop_assert!(same(&found.tags, &expected), "{:?} is not {:?}", found.tags, expected);
            prop_assert!(same(&found.process.expect("embedded").tags, &tags(span.resource().attributes())));
            for (event, log) in span.events().zip(&found.logs) {
                let name = (!event.name().is_empty()).then(|| value_tag("event", ValueView::Str(event.name())));
                let expected: Vec<_> = name.into_iter().chain(tags(event.attributes())).collect();
                prop_assert!(same(&log.fields, &expected));
            }
        }
    }

    #[test]
    fn model_to_wire_to_model_keeps_the_spans_fields(batch in random::batch()) {
        let mut body = Vec::new();
        encode_post_spans(&mut body, batch.spans());
        let again = decode_post_spans(body.into()).expect("our own request");
        prop_assert_eq!(again.len(), batch.len());
        for (left, right) in batch.spans().zip(again.spans()) {
            prop_assert_eq!(left.row().trace_id, right.row().trace_id);
            prop_assert_eq!((left.span_id(), left.parent_span_id()), (right.span_id(), right.parent_span_id()));
            prop_assert_eq!((left.kind(), left.status(), left.row().jaeger_flags()), (right.kind(), right.status(), right.flags()));
            // Go's durations end after 292 years.
            let end = left.end().0.min(left.start().0.saturating_add(i64::MAX.unsigned_abs()));
            prop_assert_eq!((left.start().0, end), (right.start().0, right.end().0));
            prop_assert_eq!(left.trace_state(), right.trace_state());
            prop_assert_eq!(left.service(), right.service().trim_start_matches("OTLPResourceNoServiceName"));
            prop_assert_eq!(left.scope().name(), right.scope().name());
            prop_assert!(left.links().map(|link| (link.trace_id(), link.span_id(), link.kind()))
                .eq(right.links().map(|link| (link.trace_id(), link.span_id(), link.kind()))));
            if left.status() != StatusCode::Unset {
                prop_assert_eq!(left.status_message(), right.status_message());
            }
        }
    }

    #[test]
    fn mutated_requests_never_panic_and_what_prost_takes_is_taken(
        request in random::request(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
    ) {
        let mut body = request.encode_to_vec();
        for (at, byte, change) in changes {
            let at = at.index(body.len().max(1)).min(body.len());
            match change {
                0 if at < body.len() => body[at] = byte,
                1 => body.truncate(at),
                _ => body.insert(at, byte),
            }
        }
        let theirs = wire::PostSpansRequest::decode(&body[..]);
        match decode_post_spans(body.into()) {
            Ok(batch) => read_all(&batch),
            Err(error) => prop_assert!(!theirs.is_ok_and(|request| has_valid_ids(&request)), "{error}"),
        }
    }

    #[test]
    fn random_bytes_never_panic(body in prop::collection::vec(prop_oneof![0..0x70_u8, any::<u8>()], 0..200)) {
        if let Ok(batch) = decode_post_spans(body.clone().into()) {
            read_all(&batch);
        }
        if let Ok(batch) = decode_span(body.into()) {
            read_all(&batch);
        }
    }
}
