//! Spans that end before they start, or say no end: a store would read the difference as centuries.

use spoor_model::{SpanBatch, jaeger};

/// Sets the end of such spans to their start and says so in a warning. A span of no length is left alone.
pub(crate) fn end_no_earlier_than_start(batch: &mut SpanBatch) {
    for index in 0..batch.len() {
        let span = &batch.span_rows()[index];
        if span.end >= span.start {
            continue;
        }
        let warning = if span.end.0 == 0 {
            "the span had no end; its duration is shown as zero".to_owned()
        } else {
            format!(
                "the span ended {:?} before its start; its duration is shown as zero",
                span.start.since(span.end)
            )
        };
        if let Some(row) = batch.span_row_mut(index) {
            row.end = row.start;
        }
        jaeger::add_warning(batch, index, &warning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Spec, batch};

    #[test]
    fn an_end_before_the_start_or_none_becomes_the_start_with_a_warning() {
        let mut subject = batch(&[
            Spec { start: 9_000, end: 4_000, ..Spec::default() },
            Spec { start: 9, end: 0, ..Spec::default() },
            Spec { start: 9, end: 9, ..Spec::default() },
            Spec { start: 0, end: 0, ..Spec::default() },
        ]);
        end_no_earlier_than_start(&mut subject);
        assert!(subject.spans().all(|span| span.end() == span.start()));
        let warnings: Vec<_> = subject.spans().map(|span| jaeger::warnings(span).join("; ")).collect();
        assert!(warnings[0].contains("5µs before its start"), "{warnings:?}");
        assert!(warnings[1].contains("no end"), "{warnings:?}");
        assert_eq!(warnings[2..], ["", ""], "spans of no length are nothing to warn about");
    }
}
