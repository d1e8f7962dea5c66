//! Claims about reading compact documents: everything comes back, and nothing that is none gets through.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "a part of the model's own test spans is used")]

#[path = "../../../../../model/tests/plain/mod.rs"]
mod plain;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plain::plain_batch;
use proptest::prelude::*;
use spoor_model::nested::{ListView, MAX_DEPTH};
use spoor_model::{ScopeRow, SpanBatch, SpanBatchBuilder, ValueView};

use super::*;
use crate::document::CompactWriter;
use crate::filing::Belief;
use crate::index::IndexNames;

fn documents(batch: &SpanBatch) -> Vec<String> {
    let names = IndexNames::new(&crate::IndexConfig::default()).unwrap();
    let mut writer = CompactWriter::new(batch, &names.compact, Belief::default().at(UnixNanos::ZERO, None));
    let mut out = Vec::new();
    batch.spans().for_each(|span| writer.write(&mut out, span));
    String::from_utf8(out).unwrap().lines().skip(1).step_by(2).map(str::to_owned).collect()
}

fn read(documents: &[String]) -> Result<SpanBatch, String> {
    let mut page = PageBuilder::new("@", documents.len());
    for document in documents {
        let document: SpanDocument<'_> = serde_json::from_str(document).map_err(|error| error.to_string())?;
        page.push(&document).map_err(|error| error.to_string())?;
    }
    page.finish().map_err(|error| error.to_string())
}

fn assert_comes_back(batch: &SpanBatch) {
    let back = read(&documents(batch)).unwrap();
    assert_eq!(back.len(), batch.len());
    for (back, span) in back.spans().zip(batch.spans()) {
        assert_eq!(back, span);
    }
}

/// A batch of one span with these attributes on the span and on its resource.
fn with(attributes: &[(&str, ValueView<'_>)]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let rows = builder.attributes(attributes.iter().copied());
    let resource = builder.push_resource(ResourceRow { attributes: rows, ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let attributes = builder.attributes(attributes.iter().copied());
    let span_id = SpanId(1);
    builder.push_span(SpanRow { scope, span_id, trace_id: TraceId(1), attributes, ..SpanRow::default() });
    builder.finish().unwrap()
}

#[test]
fn signs_in_keys_long_texts_and_numbers_at_the_edge_come_back() {
    let (long, key) = ("~=#\"\\\u{1}é".repeat(60), "~~=#?@$!%^*&\"\\".repeat(20));
    let doubles = [0.0, -0.0, 1.0, 5e-324, f64::MAX, f64::MIN, 1e21, -1e-7, 123_456_789.123];
    let integers = [0, i64::MIN, i64::MAX, -1, 9, 10];
    let mut attributes =
        vec![("", ValueView::Str("")), ("k", ValueView::Str(&long)), (&*key, ValueView::Str(&long))];
    attributes.extend(doubles.map(|number| (&*key, ValueView::Double(number))));
    attributes.extend(integers.map(|number| ("n", ValueView::Int(number))));
    assert_comes_back(&with(&attributes));
}

#[test]
fn a_document_that_is_none_is_told_by_its_ids() {
    let document = &documents(&with(&[("k", ValueView::Int(7))]))[0];
    for (from, to) in [("k#b7", "k#7"), ("k#b7", "nothing"), ("k#b7", "k@x"), ("k#b7", "k$%")] {
        let error = read(&[document.replace(from, to)]).unwrap_err();
        assert!(error.contains("span 0000000000000001 of trace 0000"), "{error}");
    }
    let mut deep = Vec::new();
    for _ in 0..=MAX_DEPTH {
        let mut outer = Vec::new();
        spoor_model::nested::encode_list(&mut outer, [ValueView::List(ListView::new(&deep))]);
        deep = outer;
    }
    let deep = format!("k@[]\",\"&l{}", STANDARD.encode(deep));
    assert!(read(&[document.replace("k#b7", &deep)]).unwrap_err().contains("exact form"));
}

proptest! {
    /// Whatever a batch holds, nanoseconds, types, dropped counts, attributes of links and scopes included.
    #[test]
    fn every_batch_comes_back_as_it_was(plain in plain_batch()) {
        let batch = plain.build();
        let back = read(&documents(&batch)).unwrap();
        prop_assert_eq!(back.len(), batch.len());
        for (index, span) in back.spans().enumerate() {
            plain.assert_span(index, span);
            prop_assert_eq!(Some(span), batch.span(index));
        }
    }

    #[test]
    fn a_mutated_document_is_read_or_refused(plain in plain_batch(), at: prop::sample::Index, byte in 0x20_u8..0x7f) {
        for document in documents(&plain.build()) {
            let mut bytes = document.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(text) = String::from_utf8(bytes) {
                let _ = read(&[text]);
            }
        }
    }
}
