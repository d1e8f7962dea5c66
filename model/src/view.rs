//! Views: cheap `Copy` handles with ordinary accessors over the rows of a batch.
//! Two views are equal when they say the same, wherever their texts lie. Hot paths reach the row (`row()`) and its bytes.

use std::time::Duration;

use crate::{
    AttributeRow, EventRow, LinkRow, ReferenceKind, ResourceRow, ScopeRow, SpanBatch, SpanId, SpanKind,
    SpanRow, StatusCode, TraceId, UnixNanos,
};

mod attributes;
mod same;

pub use attributes::AttributesView;

macro_rules! view {
    ($(#[$doc:meta])* $name:ident, $row:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            batch: &'a SpanBatch,
            row: &'a $row,
        }

        impl<'a> $name<'a> {
            #[inline]
            pub(crate) fn new(batch: &'a SpanBatch, row: &'a $row) -> Self {
                Self { batch, row }
            }

            /// The row behind this view; its texts are read with the batch.
            #[must_use]
            #[inline]
            pub fn row(self) -> &'a $row {
                self.row
            }

            /// The batch behind this view.
            #[must_use]
            #[inline]
            pub fn batch(self) -> &'a SpanBatch {
                self.batch
            }
        }
    };
}

view!(
    /// A resource (Jaeger: process).
    ResourceView,
    ResourceRow
);
view!(
    /// An instrumentation scope.
    ScopeView,
    ScopeRow
);
view!(
    /// A span.
    SpanView,
    SpanRow
);
view!(
    /// An event (Jaeger: log).
    EventView,
    EventRow
);
view!(
    /// A link (Jaeger: reference).
    LinkView,
    LinkRow
);
view!(
    /// One attribute (Jaeger: tag).
    AttributeView,
    AttributeRow
);

impl<'a> ResourceView<'a> {
    /// The service's name; empty when none was given (`row().service` tells "none" from "empty").
    #[must_use]
    pub fn service(self) -> &'a str {
        self.batch.str(self.row.service.unwrap_or_default())
    }

    /// Its attributes other than a textual `service.name`.
    #[must_use]
    pub fn attributes(self) -> AttributesView<'a> {
        self.batch.attributes(self.row.attributes)
    }

    /// OTLP's schema URL.
    #[must_use]
    pub fn schema_url(self) -> &'a str {
        self.batch.str(self.row.schema_url)
    }
}

impl<'a> ScopeView<'a> {
    /// The library's name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.batch.str(self.row.name)
    }

    /// The library's version.
    #[must_use]
    pub fn version(self) -> &'a str {
        self.batch.str(self.row.version)
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(self) -> AttributesView<'a> {
        self.batch.attributes(self.row.attributes)
    }

    /// OTLP's schema URL.
    #[must_use]
    pub fn schema_url(self) -> &'a str {
        self.batch.str(self.row.schema_url)
    }

    /// Whose scope this is.
    #[must_use]
    pub fn resource(self) -> ResourceView<'a> {
        ResourceView::new(self.batch, &self.batch.resources[self.row.resource as usize])
    }
}

impl<'a> SpanView<'a> {
    /// The trace it belongs to.
    #[must_use]
    pub fn trace_id(self) -> TraceId {
        self.row.trace_id
    }

    /// Its id.
    #[must_use]
    pub fn span_id(self) -> SpanId {
        self.row.span_id
    }

    /// Its parent's id, zero for a root.
    #[must_use]
    pub fn parent_span_id(self) -> SpanId {
        self.row.parent_span_id
    }

    /// The operation's name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.batch.str(self.row.name)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(self) -> SpanKind {
        self.row.kind
    }

    /// How it ended.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row.status
    }

    /// Words to the status.
    #[must_use]
    pub fn status_message(self) -> &'a str {
        self.batch.str(self.row.status_message)
    }

    /// The W3C `tracestate`.
    #[must_use]
    pub fn trace_state(self) -> &'a str {
        self.batch.str(self.row.trace_state)
    }

    /// Flags as received; [`SpanRow::jaeger_flags`] and [`SpanRow::otlp_flags`] have them in somebody's words.
    #[must_use]
    pub fn flags(self) -> u32 {
        self.row.flags
    }

    /// When it began.
    #[must_use]
    pub fn start(self) -> UnixNanos {
        self.row.start
    }

    /// When it ended.
    #[must_use]
    pub fn end(self) -> UnixNanos {
        self.row.end
    }

    /// How long it took; zero when it ended before it began.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.row.end.since(self.row.start)
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(self) -> AttributesView<'a> {
        self.batch.attributes(self.row.attributes)
    }

    /// Its events.
    pub fn events(self) -> impl ExactSizeIterator<Item = EventView<'a>> + Clone {
        let rows = self.batch.events.get(self.row.events.range()).unwrap_or_default();
        rows.iter().map(move |row| EventView::new(self.batch, row))
    }

    /// Its links.
    pub fn links(self) -> impl ExactSizeIterator<Item = LinkView<'a>> + Clone {
        let rows = self.batch.links.get(self.row.links.range()).unwrap_or_default();
        rows.iter().map(move |row| LinkView::new(self.batch, row))
    }

    /// What made it.
    #[must_use]
    pub fn scope(self) -> ScopeView<'a> {
        ScopeView::new(self.batch, &self.batch.scopes[self.row.scope as usize])
    }

    /// Who produced it.
    #[must_use]
    pub fn resource(self) -> ResourceView<'a> {
        self.scope().resource()
    }

    /// The service's name.
    #[must_use]
    pub fn service(self) -> &'a str {
        self.resource().service()
    }

    /// Its OTLP `Span` message as received, while nothing has changed it.
    #[must_use]
    pub fn encoded(self) -> Option<&'a [u8]> {
        (!self.row.encoded.is_empty()).then(|| self.batch.bytes(self.row.encoded))
    }
}

impl<'a> EventView<'a> {
    /// When it happened.
    #[must_use]
    pub fn time(self) -> UnixNanos {
        self.row.time
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.batch.str(self.row.name)
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(self) -> AttributesView<'a> {
        self.batch.attributes(self.row.attributes)
    }
}

impl<'a> LinkView<'a> {
    /// The other span's trace.
    #[must_use]
    pub fn trace_id(self) -> TraceId {
        self.row.trace_id
    }

    /// The other span.
    #[must_use]
    pub fn span_id(self) -> SpanId {
        self.row.span_id
    }

    /// The other span's `tracestate`.
    #[must_use]
    pub fn trace_state(self) -> &'a str {
        self.batch.str(self.row.trace_state)
    }

    /// What the reference means to Jaeger.
    #[must_use]
    pub fn kind(self) -> ReferenceKind {
        self.row.kind
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(self) -> AttributesView<'a> {
        self.batch.attributes(self.row.attributes)
    }
}
