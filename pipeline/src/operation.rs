//! Spans without a name get the one that Jaeger gives them.

use spoor_model::{SpanBatch, Text};

const EMPTY: &str = "empty-span-name";

/// Names spans with an empty name; all share one text.
pub(crate) fn name_the_nameless(batch: &mut SpanBatch) {
    let mut name = Text::EMPTY;
    for index in 0..batch.len() {
        if !batch.span_rows()[index].name.is_empty() {
            continue;
        }
        if name.is_empty() {
            name = batch.add_text(EMPTY);
        }
        if let Some(row) = batch.span_row_mut(index) {
            row.name = name;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Spec, batch};

    #[test]
    fn only_empty_names_are_replaced() {
        let mut subject = batch(&[Spec::default(), Spec { name: "", ..Spec::default() }]);
        name_the_nameless(&mut subject);
        assert_eq!(subject.spans().map(|span| span.name()).collect::<Vec<_>>(), ["op", EMPTY]);
    }
}
