//! Properties: whatever spans are written are read back the same, and no bytes do harm.

use proptest::prelude::*;
use spoor_model::SpanBatchBuilder;
use spoor_model::jaeger::references;

use super::*;
use crate::convert::limits::Limits;

/// What a tag can be without standing for a field.
fn value() -> impl Strategy<Value = (u8, i64, String)> + Clone {
    (0_u8..5, any::<i64>(), ".{0,12}")
}

fn span_batch() -> impl Strategy<Value = Vec<u8>> {
    let tags = prop::collection::vec(("[a-z]{1,8}", value()), 0..5).boxed();
    let ids = (any::<u128>(), 1_u64.., any::<u64>(), any::<u32>());
    let times = (0_u64..1 << 50, 0_u64..1 << 40);
    let span = (ids, times, ".{0,9}", tags.clone(), prop::collection::vec((0_u64..1 << 50, tags), 0..3));
    (".{0,9}", prop::collection::vec(span, 0..6)).prop_map(|(service, spans)| {
        let mut builder = SpanBatchBuilder::new();
        let service = builder.text(&service);
        let resource =
            builder.push_resource(spoor_model::ResourceRow { service: Some(service), ..Default::default() });
        let scope = builder.push_scope(spoor_model::ScopeRow { resource, ..Default::default() });
        for ((trace, span, parent, flags), (start, duration), name, tags, logs) in spans {
            let events = builder.events_mark();
            for (time, fields) in &logs {
                let attributes = push_tags(&mut builder, fields);
                let time = spoor_model::UnixNanos(time * 1_000);
                builder.push_event(spoor_model::EventRow { time, attributes, ..Default::default() });
            }
            let row = spoor_model::SpanRow {
                trace_id: TraceId(trace),
                span_id: SpanId(span),
                parent_span_id: SpanId(parent),
                flags,
                scope,
                start: spoor_model::UnixNanos(start * 1_000),
                end: spoor_model::UnixNanos((start + duration) * 1_000),
                name: builder.text(&name),
                attributes: push_tags(&mut builder, &tags),
                events: builder.events_since(events),
                ..Default::default()
            };
            builder.push_span(row);
        }
        let batch = builder.finish().unwrap();
        let mut out = Vec::new();
        encode_batch(&mut out, batch.resources().next().unwrap(), batch.spans());
        out
    })
}

fn push_tags(builder: &mut SpanBatchBuilder, tags: &[(String, (u8, i64, String))]) -> spoor_model::Rows {
    let views = tags.iter().map(|(key, (kind, number, text))| {
        let value = match kind {
            0 => ValueView::Str(text),
            1 => ValueView::Bool(*number > 0),
            2 => ValueView::Int(*number),
            #[expect(clippy::cast_precision_loss, reason = "any double will do")]
            3 => ValueView::Double(*number as f64),
            _ => ValueView::Bytes(text.as_bytes()),
        };
        (key.as_str(), value)
    });
    builder.attributes(views)
}

/// All that the wire can carry of a batch.
fn told(batch: &SpanBatch) -> Vec<String> {
    let span = |span: spoor_model::SpanView<'_>| {
        let events: Vec<_> = span
            .events()
            .map(|event| format!("{:?} {} {:?}", event.time(), event.name(), event.attributes()))
            .collect();
        format!(
            "{:?} {} {:?} {} {:?} {:?} {:?} {events:?}",
            (span.trace_id(), span.span_id(), span.row().jaeger_flags(), span.start(), span.end()),
            span.service(),
            references(span).map(|to| (to.child_of, to.trace_id, to.span_id)).collect::<Vec<_>>(),
            span.name(),
            span.kind(),
            span.status(),
            span.attributes(),
        )
    };
    batch.spans().map(span).collect()
}

proptest! {
    #[test]
    fn what_was_written_is_read_the_same_in_each_protocol(written in span_batch()) {
        let batch = decode_batch(written.into()).unwrap();
        for protocol in [ThriftProtocol::Compact, ThriftProtocol::Binary] {
            let mut again = Vec::new();
            encode_emit_batch(protocol, &mut again, batch.resources().next().unwrap(), batch.spans());
            let message = decode_agent_message(protocol, again.into()).unwrap();
            prop_assert_eq!(told(&message.spans), told(&batch));
        }
    }

    #[test]
    fn no_bytes_do_harm(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        let noise = Bytes::from(noise);
        for protocol in [ThriftProtocol::Compact, ThriftProtocol::Binary] {
            drop(decode_agent_message(protocol, noise.clone()));
        }
        drop(decode_batch(noise));
    }

    #[test]
    fn a_message_with_bytes_changed_is_read_or_refused_within_its_bound(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let jaegers = [(ThriftProtocol::Compact, bytes(COMPACT)), (ThriftProtocol::Binary, binary_call(true))];
        for (protocol, message) in jaegers.into_iter().chain(zipkin::messages()) {
            let mut message = message.to_vec();
            for (place, byte) in &places {
                let place = place.index(message.len());
                message[place] = *byte;
            }
            let whole = message.len();
            for length in [whole, cut.index(whole)] {
                if let Ok(read) = decode_agent_message(protocol, Bytes::copy_from_slice(&message[..length])) {
                    // Rows, which may have grown by doubling, beside the bytes received.
                    let bound = 2 * Limits::for_body(length).max_row_bytes + length;
                    prop_assert!(read.spans.memory_bytes() <= bound);
                }
            }
        }
    }
}
