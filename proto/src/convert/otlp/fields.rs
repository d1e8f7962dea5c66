//! The field tags of OTLP's trace messages, one module a message (`opentelemetry-proto` trace, resource and common v1).
//! `LAST` is the highest number that the message's walk knows.

/// `ExportTraceServiceRequest` and `TracesData`, which are the same on the wire.
pub(super) mod traces {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const RESOURCE_SPANS: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const LAST: u32 = 1;
}

/// `ResourceSpans`.
pub(super) mod resource_spans {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const RESOURCE: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const SCOPE_SPANS: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const SCHEMA_URL: Tag = Tag::length(3);
    pub(in crate::convert::otlp) const LAST: u32 = 3;
}

/// `Resource`; field 3 (`entity_refs`) is skipped as unknown.
pub(super) mod resource {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const ATTRIBUTES: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const DROPPED_ATTRIBUTES: Tag = Tag::varint(2);
    pub(in crate::convert::otlp) const LAST: u32 = 2;
}

/// `ScopeSpans`.
pub(super) mod scope_spans {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const SCOPE: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const SPANS: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const SCHEMA_URL: Tag = Tag::length(3);
    pub(in crate::convert::otlp) const LAST: u32 = 3;
}

/// `InstrumentationScope`.
pub(super) mod scope {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const NAME: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const VERSION: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const ATTRIBUTES: Tag = Tag::length(3);
    pub(in crate::convert::otlp) const DROPPED_ATTRIBUTES: Tag = Tag::varint(4);
    pub(in crate::convert::otlp) const LAST: u32 = 4;
}

/// `Span`.
pub(super) mod span {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const TRACE_ID: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const SPAN_ID: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const TRACE_STATE: Tag = Tag::length(3);
    pub(in crate::convert::otlp) const PARENT_SPAN_ID: Tag = Tag::length(4);
    pub(in crate::convert::otlp) const NAME: Tag = Tag::length(5);
    pub(in crate::convert::otlp) const KIND: Tag = Tag::varint(6);
    pub(in crate::convert::otlp) const START: Tag = Tag::fixed64(7);
    pub(in crate::convert::otlp) const END: Tag = Tag::fixed64(8);
    pub(in crate::convert::otlp) const ATTRIBUTES: Tag = Tag::length(9);
    pub(in crate::convert::otlp) const DROPPED_ATTRIBUTES: Tag = Tag::varint(10);
    pub(in crate::convert::otlp) const EVENTS: Tag = Tag::length(11);
    pub(in crate::convert::otlp) const DROPPED_EVENTS: Tag = Tag::varint(12);
    pub(in crate::convert::otlp) const LINKS: Tag = Tag::length(13);
    pub(in crate::convert::otlp) const DROPPED_LINKS: Tag = Tag::varint(14);
    pub(in crate::convert::otlp) const STATUS: Tag = Tag::length(15);
    pub(in crate::convert::otlp) const FLAGS: Tag = Tag::fixed32(16);
    pub(in crate::convert::otlp) const LAST: u32 = 16;
}

/// `Status`; field 1 is reserved (once `deprecated_code`, a varint).
pub(super) mod status {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const RESERVED: u32 = 1;
    pub(in crate::convert::otlp) const MESSAGE: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const CODE: Tag = Tag::varint(3);
    pub(in crate::convert::otlp) const LAST: u32 = 3;
}

/// `Span.Event`.
pub(super) mod event {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const TIME: Tag = Tag::fixed64(1);
    pub(in crate::convert::otlp) const NAME: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const ATTRIBUTES: Tag = Tag::length(3);
    pub(in crate::convert::otlp) const DROPPED_ATTRIBUTES: Tag = Tag::varint(4);
    pub(in crate::convert::otlp) const LAST: u32 = 4;
}

/// `Span.Link`.
pub(super) mod link {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const TRACE_ID: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const SPAN_ID: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const TRACE_STATE: Tag = Tag::length(3);
    pub(in crate::convert::otlp) const ATTRIBUTES: Tag = Tag::length(4);
    pub(in crate::convert::otlp) const DROPPED_ATTRIBUTES: Tag = Tag::varint(5);
    pub(in crate::convert::otlp) const FLAGS: Tag = Tag::fixed32(6);
    pub(in crate::convert::otlp) const LAST: u32 = 6;
}

/// `KeyValue`.
pub(super) mod key_value {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const KEY: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const VALUE: Tag = Tag::length(2);
    pub(in crate::convert::otlp) const LAST: u32 = 2;
}

/// `AnyValue`, a `oneof`: the last variant set wins.
pub(super) mod any_value {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const STRING: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const BOOL: Tag = Tag::varint(2);
    pub(in crate::convert::otlp) const INT: Tag = Tag::varint(3);
    pub(in crate::convert::otlp) const DOUBLE: Tag = Tag::fixed64(4);
    pub(in crate::convert::otlp) const LIST: Tag = Tag::length(5);
    pub(in crate::convert::otlp) const MAP: Tag = Tag::length(6);
    pub(in crate::convert::otlp) const BYTES: Tag = Tag::length(7);
    pub(in crate::convert::otlp) const LAST: u32 = 7;
}

/// `ArrayValue` (of `AnyValue`) and `KeyValueList` (of `KeyValue`): both have but this field.
pub(super) mod collection {
    use crate::wire::Tag;

    pub(in crate::convert::otlp) const VALUES: Tag = Tag::length(1);
    pub(in crate::convert::otlp) const LAST: u32 = 1;
}
