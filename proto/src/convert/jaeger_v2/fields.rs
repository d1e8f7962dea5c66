//! The tags of api_v2's messages as they stand on the wire, for decoder and encoder alike.
//! Facts: `jaegertracing/jaeger-idl proto/api_v2/{model,collector}.proto`. `LAST` is a message's highest field number.

/// `PostSpansRequest`
pub(super) mod request {
    use crate::wire::Tag;
    pub(in super::super) const BATCH: Tag = Tag::length(1);
    pub(in super::super) const LAST: u32 = 1;
}

/// `Batch`
pub(super) mod batch {
    use crate::wire::Tag;
    pub(in super::super) const SPANS: Tag = Tag::length(1);
    pub(in super::super) const PROCESS: Tag = Tag::length(2);
    pub(in super::super) const LAST: u32 = 2;
}

/// `SpansResponseChunk`
pub(super) mod chunk {
    use crate::wire::Tag;
    pub(in super::super) const SPANS: Tag = Tag::length(1);
}

/// `Span`
pub(super) mod span {
    use crate::wire::Tag;
    pub(in super::super) const TRACE_ID: Tag = Tag::length(1);
    pub(in super::super) const SPAN_ID: Tag = Tag::length(2);
    pub(in super::super) const OPERATION_NAME: Tag = Tag::length(3);
    pub(in super::super) const REFERENCES: Tag = Tag::length(4);
    pub(in super::super) const FLAGS: Tag = Tag::varint(5);
    pub(in super::super) const START_TIME: Tag = Tag::length(6);
    pub(in super::super) const DURATION: Tag = Tag::length(7);
    pub(in super::super) const TAGS: Tag = Tag::length(8);
    pub(in super::super) const LOGS: Tag = Tag::length(9);
    pub(in super::super) const PROCESS: Tag = Tag::length(10);
    pub(in super::super) const PROCESS_ID: Tag = Tag::length(11);
    pub(in super::super) const WARNINGS: Tag = Tag::length(12);
    pub(in super::super) const LAST: u32 = 12;
}

/// `SpanRef`
pub(super) mod span_ref {
    use crate::wire::Tag;
    pub(in super::super) const TRACE_ID: Tag = Tag::length(1);
    pub(in super::super) const SPAN_ID: Tag = Tag::length(2);
    pub(in super::super) const REF_TYPE: Tag = Tag::varint(3);
    pub(in super::super) const LAST: u32 = 3;

    /// The other value of `ref_type`; `CHILD_OF` is 0.
    pub(in super::super) const FOLLOWS_FROM: u32 = 1;
}

/// `Process`
pub(super) mod process {
    use crate::wire::Tag;
    pub(in super::super) const SERVICE_NAME: Tag = Tag::length(1);
    pub(in super::super) const TAGS: Tag = Tag::length(2);
    pub(in super::super) const LAST: u32 = 2;
}

/// `Log`
pub(super) mod log {
    use crate::wire::Tag;
    pub(in super::super) const TIMESTAMP: Tag = Tag::length(1);
    pub(in super::super) const FIELDS: Tag = Tag::length(2);
    pub(in super::super) const LAST: u32 = 2;
}

/// `KeyValue`
pub(super) mod key_value {
    use crate::wire::Tag;
    pub(in super::super) const KEY: Tag = Tag::length(1);
    pub(in super::super) const V_TYPE: Tag = Tag::varint(2);
    pub(in super::super) const V_STR: Tag = Tag::length(3);
    pub(in super::super) const V_BOOL: Tag = Tag::varint(4);
    pub(in super::super) const V_INT64: Tag = Tag::varint(5);
    pub(in super::super) const V_FLOAT64: Tag = Tag::fixed64(6);
    pub(in super::super) const V_BINARY: Tag = Tag::length(7);
    pub(in super::super) const LAST: u32 = 7;

    /// Values of `v_type`.
    pub(in super::super) const STRING: u32 = 0;
    pub(in super::super) const BOOL: u32 = 1;
    pub(in super::super) const INT64: u32 = 2;
    pub(in super::super) const FLOAT64: u32 = 3;
    pub(in super::super) const BINARY: u32 = 4;
}

/// `google.protobuf.Timestamp` and `Duration`: one form
pub(super) mod moment {
    use crate::wire::Tag;
    pub(in super::super) const SECONDS: Tag = Tag::varint(1);
    pub(in super::super) const NANOS: Tag = Tag::varint(2);
    pub(in super::super) const LAST: u32 = 2;
}
