//! Records that no store can take, and one that looks so and is fine.

use anyhow::{Context, Result};
use spoor_load::SpanKey;
use spoor_model::{
    ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, UnixNanos, ValueView,
};
use spoor_proto::record::{Encoding, RecordEncoder};
use spoor_proto::wire::Writer;
use spoor_tests::traffic::now;

/// Bytes of the tag that is only large.
const LARGE: usize = 900_000;

/// One of each kind of poison, in a topic of this encoding.
pub(super) fn records(encoding: Encoding, random: &mut fastrand::Rng) -> Result<Vec<Option<Vec<u8>>>> {
    let noise = (0..random.usize(20..200)).map(|_| random.u8(..)).collect::<Vec<u8>>();
    let (_, whole) = record(encoding, random, "cut")?;
    // Within the last field of any encoding, so that what is left is never a smaller span.
    let cut = whole[..whole.len() - random.usize(1..6)].to_vec();
    let other = match encoding {
        Encoding::Json | Encoding::OtlpJson => Encoding::OtlpProto,
        _ => Encoding::Json,
    };
    Ok(vec![
        // The first byte is the tag of a field that no message may have, and begins no JSON.
        Some([&[0x07][..], &noise].concat()),
        Some(Vec::new()),
        None,
        Some(cut),
        Some(record(other, random, "wrong encoding")?.1),
        Some(with_an_id_of_7_bytes(encoding)),
    ])
}

/// A span with a very large tag, which a store takes.
pub(super) fn large(encoding: Encoding, random: &mut fastrand::Rng) -> Result<(SpanKey, Vec<u8>)> {
    record(encoding, random, &"x".repeat(LARGE))
}

fn record(encoding: Encoding, random: &mut fastrand::Rng, tag: &str) -> Result<(SpanKey, Vec<u8>)> {
    let (trace_id, span_id) = (TraceId(random.u128(1..)), SpanId(random.u64(1..)));
    let records = RecordEncoder::new(encoding, 1_000_000)?.encode(&span(trace_id, span_id, tag)?).records;
    let record = records.first().context("the span fits into a record")?;
    Ok(((trace_id, span_id), record.value.to_vec()))
}

fn span(trace_id: TraceId, span_id: SpanId, tag: &str) -> Result<SpanBatch> {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("poison"));
    let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let attributes = builder.attributes([("tag", ValueView::Str(tag))]);
    let (name, start) = (builder.text("poison"), now());
    let end = UnixNanos(start.0 + 1_000);
    builder.push_span(SpanRow {
        trace_id,
        span_id,
        scope,
        name,
        start,
        end,
        attributes,
        ..SpanRow::default()
    });
    Ok(builder.finish()?)
}

fn with_an_id_of_7_bytes(encoding: Encoding) -> Vec<u8> {
    let mut record = Vec::new();
    let mut writer = Writer::new(&mut record);
    match encoding {
        Encoding::Json => {
            return br#"{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AQEBAQEBAQ=="}"#.to_vec();
        }
        Encoding::OtlpJson => {
            let span = r#"{"traceId":"00000000000000000000000000000001","spanId":"01010101010101"}"#;
            return format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#).into_bytes();
        }
        Encoding::OtlpProto => writer.message(1, |resource| {
            resource.message(2, |scope| scope.message(2, ids));
        }),
        Encoding::Protobuf | Encoding::ZipkinThrift => ids(&mut writer),
    }
    record
}

/// The two ids have the same numbers in Jaeger's span and in OTLP's.
fn ids(writer: &mut Writer<'_>) {
    writer.bytes(1, &[1; 16]);
    writer.bytes(2, &[1; 7]);
}
