//! Demands that views say what went in.

use spoor_model::{AttributesView, SpanKind, SpanView, StatusCode};

use super::{Attributes, KINDS, PlainBatch, PlainSpan};

impl PlainBatch {
    /// Panics unless the span says what went in.
    pub(crate) fn assert_span(&self, index: usize, seen: SpanView<'_>) {
        let span = &self.spans[index];
        let (resource, scope) = &self.scopes[span.scope % self.scopes.len()];
        assert_eq!((seen.trace_id().0, seen.span_id().0, seen.parent_span_id().0), span.ids);
        assert_eq!(seen.name(), span.name);
        assert_eq!((seen.status_message(), seen.trace_state()), (&*span.texts.0, &*span.texts.1));
        assert_eq!(seen.kind(), SpanKind::from_number(span.numbers.0));
        assert_eq!(seen.status(), StatusCode::from_number(span.numbers.1));
        assert_eq!(seen.flags(), span.numbers.2);
        assert_eq!((seen.start().0, seen.end().0), span.times);
        let row = seen.row();
        assert_eq!((row.dropped_attributes, row.dropped_events, row.dropped_links), span.dropped);
        assert_attributes(&span.attributes, seen.attributes());
        assert_eq!(seen.service(), resource.service.as_deref().unwrap_or_default());
        assert_eq!(seen.resource().row().service.is_some(), resource.service.is_some());
        assert_eq!(seen.resource().schema_url(), resource.schema_url);
        assert_eq!(seen.resource().row().dropped_attributes, resource.dropped);
        assert_attributes(&resource.attributes, seen.resource().attributes());
        assert_eq!((seen.scope().name(), seen.scope().version()), (&*scope.name, &*scope.version));
        assert_eq!(seen.scope().row().dropped_attributes, scope.dropped);
        assert_attributes(&scope.attributes, seen.scope().attributes());
        assert_rows(span, seen);
    }
}

fn assert_rows(span: &PlainSpan, seen: SpanView<'_>) {
    assert_eq!(seen.events().len(), span.events.len());
    for ((time, name, attributes), event) in span.events.iter().zip(seen.events()) {
        assert_eq!((event.time().0, event.name()), (*time, &**name));
        assert_attributes(attributes, event.attributes());
        assert_eq!(event.row().dropped_attributes, 1);
    }
    assert_eq!(seen.links().len(), span.links.len());
    for ((trace_id, span_id, trace_state, attributes, flags, kind), link) in
        span.links.iter().zip(seen.links())
    {
        assert_eq!((link.trace_id().0, link.span_id().0, link.row().flags), (*trace_id, *span_id, *flags));
        assert_eq!((link.trace_state(), link.kind()), (&**trace_state, KINDS[usize::from(*kind)]));
        assert_attributes(attributes, link.attributes());
        assert_eq!(link.row().dropped_attributes, 2);
    }
}

/// Panics unless the attributes are these, in this order.
pub(crate) fn assert_attributes(attributes: &Attributes, seen: AttributesView<'_>) {
    assert_eq!(seen.len(), attributes.len());
    for ((key, value), attribute) in attributes.iter().zip(seen.iter()) {
        assert_eq!(attribute.key(), key);
        assert!(value.is(attribute.value()), "{value:?} came back as {:?}", attribute.value());
    }
}
