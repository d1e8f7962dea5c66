//! Hot path: what every batch goes through between its receiver and the store, in this order. Budget: nothing allocated and
//! nothing changed in a batch that needs nothing; one look per span and step.
//! Facts: `jaegertracing/jaeger internal/jptrace/sanitizer`, but that zero-length spans stay as they are.

use spoor_model::SpanBatch;
use spoor_storage::Rejection;

use crate::{Tags, ids, operation, service, time};

/// The steps with their settings.
#[derive(Debug, Default)]
pub struct Normalizer {
    tags: Tags,
}

impl Normalizer {
    /// The steps, appending these tags.
    #[must_use]
    pub fn new(tags: Tags) -> Self {
        Self { tags }
    }

    /// Changes the batch in place; answers the spans taken out, by their positions before.
    pub fn run(&self, batch: &mut SpanBatch) -> Vec<Rejection> {
        // First: what is not stored needs no repair.
        let rejected = ids::reject_spans_without(batch);
        service::name_the_nameless(batch);
        operation::name_the_nameless(batch);
        time::end_no_earlier_than_start(batch);
        // After the service's name: a tag never stands in for it.
        self.tags.append_to(batch);
        rejected
    }
}

/// Where a span stood before `removed` (ascending positions) were taken out, given where it stands now.
#[must_use]
pub fn position_before(removed: &[Rejection], now: usize) -> usize {
    // `index - number` never falls from one removed span to the next: it is the position of the first span that stayed behind it.
    let (mut low, mut high) = (0, removed.len());
    while low < high {
        let middle = low.midpoint(high);
        if removed[middle].index - middle <= now {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    now + low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Spec, batch};

    #[test]
    fn a_batch_that_needs_nothing_is_left_as_it_is() {
        let mut subject = batch(&[Spec::default(), Spec { span_id: 2, ..Spec::default() }]);
        let (rows, bytes) = (subject.span_rows().to_vec(), subject.memory_bytes());
        assert!(Normalizer::default().run(&mut subject).is_empty());
        assert_eq!(subject.span_rows(), rows);
        assert_eq!(subject.memory_bytes(), bytes);
    }

    #[test]
    fn everything_wrong_at_once_is_put_right_at_once() {
        let bad = Spec { service: None, name: "", start: 9, end: 3, ..Spec::default() };
        let mut subject = batch(&[Spec { trace_id: 0, ..bad }, bad]);
        let rejected = Normalizer::new("zone=eu".parse().unwrap()).run(&mut subject);
        assert_eq!(rejected.len(), 1);
        let span = subject.span(0).unwrap();
        assert_eq!((span.service(), span.name()), ("missing-service-name", "empty-span-name"));
        assert_eq!(span.end(), span.start());
        assert_eq!(span.resource().attributes().len(), 1);
    }

    #[test]
    fn positions_count_what_was_taken_out() {
        let removed: Vec<Rejection> = [0, 2, 3]
            .map(|index| Rejection {
                index,
                trace_id: spoor_model::TraceId::NONE,
                span_id: spoor_model::SpanId::NONE,
                reason: String::new(),
            })
            .into();
        assert_eq!([0, 1, 2].map(|now| position_before(&removed, now)), [1, 4, 5]);
        assert_eq!(position_before(&[], 7), 7);
    }

    #[test]
    fn positions_among_very_many_are_found_without_walking_over_all() {
        const MANY: usize = 300_000;
        let gone = |number: usize| Rejection {
            index: 2 * number,
            trace_id: spoor_model::TraceId::NONE,
            span_id: spoor_model::SpanId::NONE,
            reason: String::new(),
        };
        let removed: Vec<Rejection> = (0..MANY).map(gone).collect();
        assert!((0..MANY).all(|now| position_before(&removed, now) == 2 * now + 1));
    }
}
