//! What we write, read by prost.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use spoor_model::{
    LinkRow, ReferenceKind, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanRow, Text, ValueView,
};
use spoor_proto::convert::otlp::{
    decode_export_request, encode_some_traces_data, encode_traces_chunk, encode_traces_data,
};

use crate::arbitrary::requests;
use crate::oracle::model_of;

fn encoded(batch: &SpanBatch) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode_traces_data(batch, &mut out);
    assert!(out.starts_with(b"before"), "what is in the buffer stays");
    out.split_off(b"before".len())
}

fn through_prost(batch: &SpanBatch) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(Bytes::from(encoded(batch))).expect("prost reads it")
}

fn assert_same_spans(found: &SpanBatch, expected: &SpanBatch) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.spans().zip(expected.spans()) {
        assert_eq!(found, expected);
    }
}

proptest! {
    #[test]
    fn prost_reads_what_we_write(request in requests()) {
        let batch = model_of(&request);
        // A link's kind that its attributes do not tell adds one; the oracle's links all tell theirs.
        assert_same_spans(&model_of(&through_prost(&batch)), &batch);
    }

    #[test]
    fn received_spans_go_on_byte_by_byte(request in requests()) {
        let batch = decode_export_request(request.encode_to_vec().into()).expect("valid");
        let forwarded = through_prost(&batch);
        let spans = |request: &ExportTraceServiceRequest| -> Vec<_> {
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            scopes.flat_map(|scope| scope.spans.iter().map(Message::encode_to_vec)).collect()
        };
        prop_assert_eq!(spans(&forwarded), spans(&request));
        assert_same_spans(&model_of(&forwarded), &batch);
    }

    #[test]
    fn chunks_hold_all_spans_once_and_keep_to_their_bound(
        request in requests(), limit in 1_usize..2_000, as_received in any::<bool>(),
    ) {
        let received = decode_export_request(request.encode_to_vec().into()).expect("valid");
        let batch = if as_received { received } else { received.compact(0..received.len()) };
        let (mut from, mut seen) = (0, 0);
        while from < batch.len() {
            let mut out = b"before".to_vec();
            let next = encode_traces_chunk(&batch, from, limit, &mut out);
            let chunk = out.split_off(b"before".len());
            prop_assert!(next > from && (chunk.len() <= limit || next == from + 1));
            let mut whole = Vec::new();
            encode_some_traces_data(&batch, from..next, &mut whole);
            prop_assert_eq!(chunk, whole, "as the other encoder writes them");
            seen += next - from;
            from = next;
        }
        prop_assert_eq!(seen, batch.len());
    }

    #[test]
    fn a_part_of_a_batch_is_that_part(request in requests(), keep in any::<u64>()) {
        let batch = decode_export_request(request.encode_to_vec().into()).expect("valid");
        let indices: Vec<_> = (0..batch.len()).filter(|index| keep >> (index % 64) & 1 == 1).collect();
        let mut out = Vec::new();
        encode_some_traces_data(&batch, indices.iter().copied().chain([usize::MAX]), &mut out);
        let part = decode_export_request(out.into()).expect("valid");
        assert_same_spans(&part, &batch.select(indices));
    }
}

/// Spans of the scopes given by their row; scope rows 0 and 1 are of resource 0, row 2 of resource 1.
fn batch_of(scopes: &[u32]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    for (name, attribute) in [("shop", "a"), ("cart", "b")] {
        let service = Some(builder.text(name));
        let attributes = builder.attributes([(attribute, ValueView::Int(1))]);
        builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    }
    for (resource, name) in [(0, "x"), (0, "y"), (1, "z")] {
        let name = builder.text(name);
        builder.push_scope(ScopeRow { resource, name, ..ScopeRow::default() });
    }
    for (index, scope) in scopes.iter().enumerate() {
        let name = builder.text(&format!("{scope}{index}"));
        builder.push_span(SpanRow { scope: *scope, name, ..SpanRow::default() });
    }
    builder.finish().expect("small")
}

#[test]
fn spans_are_grouped_by_resource_and_scope_in_their_order() {
    let request = through_prost(&batch_of(&[2, 0, 1, 0, 2]));
    let found: Vec<Vec<Vec<&str>>> = request
        .resource_spans
        .iter()
        .map(|resource| {
            let scopes = resource.scope_spans.iter();
            scopes.map(|scope| scope.spans.iter().map(|span| span.name.as_str()).collect()).collect()
        })
        .collect();
    assert_eq!(found, [vec![vec!["01", "03"], vec!["12"]], vec![vec!["20", "24"]]]);
}

#[test]
fn the_service_name_stands_first_and_idle_resources_are_left_out() {
    let request = through_prost(&batch_of(&[2]));
    assert_eq!(request.resource_spans.len(), 1);
    let resource = request.resource_spans[0].resource.as_ref().expect("written");
    let keys: Vec<_> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["service.name", "b"]);
}

#[test]
fn an_empty_service_name_is_not_the_same_as_none() {
    for service in [None, Some(Text::EMPTY)] {
        let mut builder = SpanBatchBuilder::new();
        let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        builder.push_span(SpanRow { scope, ..SpanRow::default() });
        let batch = builder.finish().expect("small");
        let back = decode_export_request(encoded(&batch).into()).expect("valid");
        assert_eq!(back.resources().next().expect("one").row().service.is_some(), service.is_some());
    }
}

#[test]
fn a_kind_of_reference_becomes_an_attribute_of_its_link() {
    let mut builder = SpanBatchBuilder::new();
    let resource = builder.push_resource(ResourceRow::default());
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let told = builder.attributes([("opentracing.ref_type", ValueView::Str("child_of"))]);
    let mark = builder.links_mark();
    builder.push_link(LinkRow { kind: ReferenceKind::FollowsFrom, ..LinkRow::default() });
    builder.push_link(LinkRow { kind: ReferenceKind::ChildOf, attributes: told, ..LinkRow::default() });
    builder.push_link(LinkRow::default());
    let links = builder.links_since(mark);
    builder.push_span(SpanRow { scope, links, ..SpanRow::default() });
    let batch = builder.finish().expect("small");
    let back = decode_export_request(encoded(&batch).into()).expect("valid");
    let found: Vec<_> =
        back.span(0).expect("one").links().map(|link| (link.kind(), link.attributes().len())).collect();
    assert_eq!(
        found,
        [(ReferenceKind::FollowsFrom, 1), (ReferenceKind::ChildOf, 1), (ReferenceKind::Link, 0)]
    );
}

#[test]
fn a_changed_span_is_written_anew() {
    let mut builder = SpanBatchBuilder::new();
    builder.append(&batch_of(&[0]), [0]);
    let received = decode_export_request(encoded(&builder.finish().expect("small")).into()).expect("valid");
    let mut changed = received;
    changed.add_span_attribute(0, "added", ValueView::Bool(true));
    let back = decode_export_request(encoded(&changed).into()).expect("valid");
    assert_eq!(back.span(0).expect("one").attributes().get("added"), Some(ValueView::Bool(true)));
}
