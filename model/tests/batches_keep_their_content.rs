//! Properties of a batch: what went in is what views say; copies, parts and merges say the same; edits change only what
//! they name.

mod plain;

use plain::{Plain, assert_attributes, attributes, plain_batch, value};
use proptest::collection::vec;
use proptest::prelude::*;
use spoor_model::{Rows, SpanBatch, SpanBatchBuilder, UnixNanos};

/// Equal as views, and equal to what went in.
fn assert_same(left: &SpanBatch, right: &SpanBatch) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.spans().zip(right.spans()) {
        assert_eq!(left, right);
        assert_eq!(left.resource(), right.resource());
    }
}

proptest! {
    #[test]
    fn views_say_what_went_in(plain in plain_batch()) {
        let batch = plain.build();
        prop_assert_eq!(batch.len(), plain.spans.len());
        for (index, span) in batch.spans().enumerate() {
            plain.assert_span(index, span);
            prop_assert_eq!(span.encoded().unwrap_or_default(), &plain.spans[index].encoded);
            prop_assert_eq!(batch.span(index), Some(span));
            prop_assert_eq!(batch.resource_index(span.row()), plain.spans[index].scope % plain.scopes.len());
        }
        prop_assert_eq!(batch.span(batch.len()), None);
        prop_assert_eq!(batch.repaired_texts(), 0);
    }

    #[test]
    fn source_and_side_say_the_same(mut plain in plain_batch()) {
        plain.in_source = false;
        let side = plain.build();
        plain.in_source = true;
        assert_same(&side, &plain.build());
    }

    #[test]
    fn a_selection_has_the_chosen_spans_in_the_chosen_order(
        plain in plain_batch(),
        indices in vec(0_usize..8, 0..8),
    ) {
        let batch = plain.build();
        let present: Vec<usize> = indices.iter().copied().filter(|&index| index < batch.len()).collect();
        let selected = batch.select(indices.iter().copied());
        let compact = batch.compact(indices.iter().copied());
        prop_assert_eq!(selected.len(), present.len());
        for (span, &index) in selected.spans().zip(&present) {
            plain.assert_span(index, span);
            prop_assert_eq!(Some(span), batch.span(index));
            prop_assert_eq!(span.encoded().unwrap_or_default(), &plain.spans[index].encoded);
        }
        assert_same(&selected, &compact);
        prop_assert!(compact.spans().all(|span| span.encoded().is_none()));
        prop_assert!(compact.memory_bytes() <= selected.memory_bytes());
        let scopes: std::collections::BTreeSet<_> =
            present.iter().map(|&index| plain.spans[index].scope % plain.scopes.len()).collect();
        prop_assert_eq!(selected.scopes().len(), scopes.len(), "only the scopes that are needed, each once");
        prop_assert_eq!(selected.resources().len(), scopes.len());
    }

    #[test]
    fn a_merge_has_the_spans_of_both(left in plain_batch(), right in plain_batch()) {
        let (first, second) = (left.build(), right.build());
        let mut builder = SpanBatchBuilder::new();
        builder.append(&first, 0..first.len());
        builder.append(&second, 0..second.len());
        let merged = builder.finish().unwrap();
        prop_assert_eq!(merged.len(), first.len() + second.len());
        for (index, span) in merged.spans().enumerate() {
            match index.checked_sub(first.len()) {
                None => left.assert_span(index, span),
                Some(index) => right.assert_span(index, span),
            }
        }
        assert_same(&merged.select(0..first.len()), &first);
    }

    #[test]
    fn groups_by_trace_share_out_all_spans_and_keep_their_order(plain in plain_batch()) {
        let batch = plain.build();
        let groups = batch.traces();
        let mut all: Vec<usize> = groups.iter().flat_map(|group| group.spans.iter().copied()).collect();
        for group in &groups {
            prop_assert!(group.spans.is_sorted());
            prop_assert!(!group.spans.is_empty());
            for &index in &group.spans {
                prop_assert_eq!(batch.span(index).unwrap().trace_id(), group.trace_id);
            }
        }
        prop_assert!(groups.iter().map(|group| group.spans[0]).is_sorted(), "in the order of first spans");
        let ids: std::collections::BTreeSet<_> = groups.iter().map(|group| group.trace_id).collect();
        prop_assert_eq!(ids.len(), groups.len(), "one group a trace");
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..batch.len()));
    }

    #[test]
    fn sorting_by_start_moves_spans_and_changes_none(plain in plain_batch()) {
        let batch = plain.build();
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|&index| plain.spans[index].times.0);
        let mut sorted = batch.clone();
        sorted.sort_spans_by_start();
        assert_same(&sorted, &batch.select(order));
    }

    #[test]
    fn extending_and_retaining_attributes_touch_one_owner_only(
        mut plain in plain_batch(),
        edits in vec((any::<prop::sample::Index>(), any::<bool>(), ".{0,5}", value()), 0..12),
    ) {
        prop_assume!(!plain.spans.is_empty());
        let mut batch = plain.build();
        for (at, drops, key, new) in edits {
            let index = at.index(plain.spans.len());
            let before = batch.span(index).unwrap().row().attributes;
            if drops {
                plain.spans[index].attributes.retain(|(own, _)| own.len() % 2 == 0);
                let after = batch.retain_attributes(before, |batch, row| batch.str(row.key).len() % 2 == 0);
                batch.span_row_mut(index).unwrap().attributes = after;
            } else {
                plain.spans[index].attributes.push((key.clone(), new.clone()));
                new.lend(|view| batch.add_span_attribute(index, &key, view));
            }
            plain.spans[index].encoded.clear();
            for (index, span) in batch.spans().enumerate() {
                plain.assert_span(index, span);
                prop_assert_eq!(span.encoded().unwrap_or_default(), &plain.spans[index].encoded);
            }
        }
    }

    #[test]
    fn resource_attributes_are_added_for_all_spans_of_the_resource(
        mut plain in plain_batch(),
        added in vec((any::<prop::sample::Index>(), ".{0,5}", value()), 0..6),
    ) {
        let mut batch = plain.build();
        for (at, key, new) in added {
            let index = at.index(plain.scopes.len());
            new.lend(|view| batch.add_resource_attribute(index, &key, view));
            plain.scopes[index].0.attributes.push((key, new));
        }
        batch.spans().enumerate().for_each(|(index, span)| plain.assert_span(index, span));
    }

    #[test]
    fn retained_spans_are_those_chosen(plain in plain_batch(), mask: u8) {
        let mut batch = plain.build();
        let keeps = |index: usize| mask & (1 << index) != 0;
        batch.retain_spans(|index, _| keeps(index));
        let kept: Vec<usize> = (0..plain.spans.len()).filter(|&index| keeps(index)).collect();
        prop_assert_eq!(batch.len(), kept.len());
        batch.spans().zip(kept).for_each(|(span, index)| plain.assert_span(index, span));
    }

    #[test]
    fn text_of_the_source_is_what_std_makes_of_it(
        source in vec(any::<u8>(), 0..40),
        ranges in vec((0_usize..50, 0_usize..50), 0..10),
    ) {
        let mut builder = SpanBatchBuilder::with_source(source.clone().into()).unwrap();
        let mut broken = 0;
        for (start, end) in ranges {
            let text = builder.source_text(start..end);
            let bytes = source.get(start..end).unwrap_or_default();
            let expected = String::from_utf8_lossy(bytes);
            prop_assert_eq!(builder.batch().str(text), &*expected);
            broken += u32::from(std::str::from_utf8(bytes).is_err());
            let raw = builder.source_bytes(start..end);
            prop_assert_eq!(builder.batch().bytes(raw), bytes);
        }
        prop_assert_eq!(builder.finish().unwrap().repaired_texts(), broken);
    }

    #[test]
    fn values_written_by_the_builder_read_back(list in vec(value(), 0..5), map in attributes()) {
        let mut builder = SpanBatchBuilder::new();
        let mark = builder.attributes_mark();
        for plain in [Plain::List(list.clone()), Plain::Map(map.clone())] {
            let key = builder.text("k");
            let value = plain.lend(|view| builder.value(view));
            builder.push_attribute(key, value);
        }
        let rows = builder.attributes_since(mark);
        let batch = builder.finish().unwrap();
        let expected = vec![("k".to_owned(), Plain::List(list)), ("k".to_owned(), Plain::Map(map))];
        assert_attributes(&expected, batch.attributes(rows));
    }

    #[test]
    fn bytes_that_are_no_nested_value_are_read_without_harm(bytes in vec(any::<u8>(), 0..64)) {
        use spoor_model::ValueView;
        use spoor_model::nested::{ListView, MapView};
        for value in [ValueView::List(ListView::new(&bytes)), ValueView::Map(MapView::new(&bytes))] {
            prop_assert!(value.to_text().len() <= 64 * 8);
            prop_assert_eq!(value, value);
        }
    }

    #[test]
    fn times_keep_their_unit(micros in 0..=u64::MAX / 1_000, nanos: u64) {
        prop_assert_eq!(UnixNanos::from_micros(micros).micros(), micros);
        prop_assert_eq!(UnixNanos(nanos).micros() / 1_000, UnixNanos(nanos).millis());
    }
}

#[test]
fn an_empty_batch_has_nothing_to_say() {
    let batch = SpanBatch::default();
    assert!(batch.is_empty() && batch.traces().is_empty() && batch.select([0, 1]).is_empty());
    assert!(batch.attributes(Rows::NONE).is_empty());
}
