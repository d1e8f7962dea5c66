//! Spans without a trace id or a span id: nobody could ever find them, so the sender is told.

use spoor_model::{SpanBatch, SpanRow};
use spoor_storage::Rejection;

/// True without a trace id or without a span id.
#[must_use]
pub fn is_nameless(span: &SpanRow) -> bool {
    span.trace_id.is_none() || span.span_id.is_none()
}

/// Takes out spans whose trace id or span id is zero, and names them.
pub(crate) fn reject_spans_without(batch: &mut SpanBatch) -> Vec<Rejection> {
    if !batch.span_rows().iter().any(is_nameless) {
        return Vec::new();
    }
    let rows = batch.span_rows().iter().enumerate();
    let rejected = rows
        .filter(|(_, span)| is_nameless(span))
        .map(|(index, span)| Rejection {
            index,
            trace_id: span.trace_id,
            span_id: span.span_id,
            reason: if span.trace_id.is_none() { "the trace id is zero" } else { "the span id is zero" }
                .to_owned(),
        })
        .collect();
    batch.retain_spans(|_, span| !is_nameless(span));
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Spec, batch};

    #[test]
    fn zero_ids_are_rejected_and_named_and_the_others_stay() {
        let good = Spec { span_id: 7, ..Spec::default() };
        let mut subject = batch(&[
            good,
            Spec { trace_id: 0, ..good },
            Spec { span_id: 0, ..good },
            Spec { span_id: 8, ..good },
        ]);
        let rejected = reject_spans_without(&mut subject);
        let named: Vec<_> =
            rejected.iter().map(|rejection| (rejection.index, rejection.reason.as_str())).collect();
        assert_eq!(named, [(1, "the trace id is zero"), (2, "the span id is zero")]);
        assert_eq!(subject.spans().map(|span| span.span_id().0).collect::<Vec<_>>(), [7, 8]);
    }
}
