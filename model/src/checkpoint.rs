//! A place to go back to while a batch is being made: one record of many turns out to be unreadable, the others stay.

use crate::SpanBatchBuilder;

/// How much a builder held at some moment; see [`SpanBatchBuilder::checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    side: usize,
    resources: usize,
    scopes: usize,
    spans: usize,
    events: usize,
    links: usize,
    attributes: usize,
    repaired_texts: u32,
    too_large: bool,
}

impl Checkpoint {
    /// Number of spans at that moment.
    #[must_use]
    pub fn spans(&self) -> usize {
        self.spans
    }

    /// Number of resources at that moment: rows from here on are newer.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.resources
    }

    /// Number of scopes at that moment: rows from here on are newer.
    #[must_use]
    pub fn scopes(&self) -> usize {
        self.scopes
    }
}

impl SpanBatchBuilder {
    /// Remembers how much there is now.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let batch = &self.batch;
        Checkpoint {
            side: batch.side.len(),
            resources: batch.resources.len(),
            scopes: batch.scopes.len(),
            spans: batch.spans.len(),
            events: batch.events.len(),
            links: batch.links.len(),
            attributes: batch.attributes.len(),
            repaired_texts: batch.repaired_texts,
            too_large: self.too_large,
        }
    }

    /// Takes out everything that was added since `checkpoint`, which this builder must have made. Handles and rows made
    /// since then mean nothing any more; the memory stays reserved.
    pub fn rollback(&mut self, checkpoint: Checkpoint) {
        let batch = &mut self.batch;
        batch.side.truncate(checkpoint.side);
        batch.resources.truncate(checkpoint.resources);
        batch.scopes.truncate(checkpoint.scopes);
        batch.spans.truncate(checkpoint.spans);
        batch.events.truncate(checkpoint.events);
        batch.links.truncate(checkpoint.links);
        batch.attributes.truncate(checkpoint.attributes);
        batch.repaired_texts = checkpoint.repaired_texts;
        self.too_large = checkpoint.too_large;
    }

    /// True once something did not fit: [`SpanBatchBuilder::finish`] would refuse, unless it is rolled back.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }
}

#[cfg(test)]
mod tests {
    use crate::{EventRow, LinkRow, ResourceRow, ScopeRow, SpanBatchBuilder, SpanRow, ValueView};

    fn push(builder: &mut SpanBatchBuilder, name: &str) {
        let attributes = builder.attributes([("key", ValueView::Str(name))]);
        let service = Some(builder.text(name));
        let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        let mark = builder.events_mark();
        builder.push_event(EventRow::default());
        let events = builder.events_since(mark);
        let mark = builder.links_mark();
        builder.push_link(LinkRow::default());
        let links = builder.links_since(mark);
        let name = builder.text(name);
        builder.push_span(SpanRow { scope, name, events, links, ..SpanRow::default() });
    }

    #[test]
    fn a_rollback_leaves_what_was_there_before_and_what_comes_after() {
        let mut builder = SpanBatchBuilder::new();
        push(&mut builder, "kept");
        let checkpoint = builder.checkpoint();
        push(&mut builder, "taken back");
        builder.count_repaired(3);
        builder.rollback(checkpoint);
        assert_eq!(builder.checkpoint(), checkpoint);
        push(&mut builder, "later");
        let mut expected = SpanBatchBuilder::new();
        push(&mut expected, "kept");
        push(&mut expected, "later");
        let (found, expected) = (builder.finish().expect("small"), expected.finish().expect("small"));
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        assert_eq!(found.repaired_texts(), 0);
        assert_eq!(found.resources().len(), 2);
    }
}
