//! The flat tables of a batch, one struct a row. Decoders fill them through the builder; readers use views.
//! A row's texts and ranges mean something only together with the batch that holds the row.

use crate::{Rows, SpanId, Text, TraceId, UnixNanos};

/// What a span's work was in relation to others. Numbers are OTLP's (`opentelemetry-proto trace/v1/trace.proto`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified,
    /// Inside one program.
    Internal,
    /// Answers a request.
    Server,
    /// Makes a request.
    Client,
    /// Puts a message.
    Producer,
    /// Takes a message.
    Consumer,
}

impl SpanKind {
    /// Reads OTLP's number; an unknown one is [`SpanKind::Unspecified`].
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// OTLP's number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Jaeger's value of the tag `span.kind`; empty when unspecified.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    /// Reads the tag's value, in any case; `None` for a word that is no kind.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// How a span ended. Numbers are OTLP's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// Not said.
    #[default]
    Unset,
    /// Said to be good.
    Ok,
    /// Failed.
    Error,
}

impl StatusCode {
    /// Reads OTLP's number; an unknown one is [`StatusCode::Unset`].
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// OTLP's number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// What a link means in Jaeger's terms. OTLP says it, if at all, in the link attribute `opentracing.ref_type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// A plain OTLP link; Jaeger shows it as `FOLLOWS_FROM`.
    #[default]
    Link,
    /// Jaeger's `CHILD_OF`.
    ChildOf,
    /// Jaeger's `FOLLOWS_FROM`, said so by the sender.
    FollowsFrom,
}

impl ReferenceKind {
    /// Reads the value of the link attribute `opentracing.ref_type`.
    #[must_use]
    pub fn from_attribute(value: &[u8]) -> Self {
        match value {
            b"child_of" => Self::ChildOf,
            b"follows_from" => Self::FollowsFrom,
            _ => Self::Link,
        }
    }
}

/// The link attribute that carries a [`ReferenceKind`].
pub const REFERENCE_KIND_ATTRIBUTE: &str = "opentracing.ref_type";

/// An attribute's value as it lies in the table: 16 bytes, no heap.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Value {
    /// A key with nothing behind it.
    #[default]
    Empty,
    /// Valid UTF-8.
    Str(Text),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A double, NaN and infinities included.
    Double(f64),
    /// Arbitrary bytes.
    Bytes(Text),
    /// A list, in the encoded form that [`crate::nested`] reads.
    List(Text),
    /// A map, in the encoded form that [`crate::nested`] reads.
    Map(Text),
}

/// One attribute of any owner.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AttributeRow {
    /// Its key, valid UTF-8; may be empty.
    pub key: Text,
    /// Its value.
    pub value: Value,
}

/// Who produced spans: an OTLP resource, Jaeger's process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ResourceRow {
    /// The service's name: `None` when nobody gave one, `Some(EMPTY)` when an empty one was given.
    /// A `service.name` that is no string stays among the attributes.
    pub service: Option<Text>,
    /// Attributes other than a textual `service.name`.
    pub attributes: Rows,
    /// Attributes the sender dropped.
    pub dropped_attributes: u32,
    /// OTLP's schema URL of the resource.
    pub schema_url: Text,
}

/// The instrumentation that made spans, within one resource.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScopeRow {
    /// Row of its resource.
    pub resource: u32,
    /// The library's name; empty when unknown.
    pub name: Text,
    /// The library's version; empty when unknown.
    pub version: Text,
    /// Its attributes.
    pub attributes: Rows,
    /// OTLP's schema URL of the scope.
    pub schema_url: Text,
    /// Attributes the sender dropped.
    pub dropped_attributes: u32,
}

/// Whose words a span's flags are. Both say "sampled" by 1; beyond that, the same bits mean different things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FlagsAre {
    /// The low 8 bits are W3C's trace flags (1 sampled, 2 random id); 0x100 says that 0x200 tells of a remote parent.
    #[default]
    Otlp,
    /// 1 sampled, 2 debug, 8 firehose.
    Jaeger,
}

/// One span.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SpanRow {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent's id, zero for a root.
    pub parent_span_id: SpanId,
    /// Row of its scope.
    pub scope: u32,
    /// The operation's name.
    pub name: Text,
    /// Its kind.
    pub kind: SpanKind,
    /// How it ended.
    pub status: StatusCode,
    /// Words to the status.
    pub status_message: Text,
    /// The W3C `tracestate` header.
    pub trace_state: Text,
    /// As received; what they mean, `flags_are` tells.
    pub flags: u32,
    /// Whose words the flags are.
    pub flags_are: FlagsAre,
    /// When it began.
    pub start: UnixNanos,
    /// When it ended; not before `start` once normalized.
    pub end: UnixNanos,
    /// Its attributes.
    pub attributes: Rows,
    /// Its events.
    pub events: Rows,
    /// Its links, the parent not among them unless its kind of reference differs.
    pub links: Rows,
    /// Attributes the sender dropped.
    pub dropped_attributes: u32,
    /// Events the sender dropped.
    pub dropped_events: u32,
    /// Links the sender dropped.
    pub dropped_links: u32,
    /// Its OTLP message in the source, for as long as nothing changed it; empty otherwise.
    pub encoded: Text,
}

/// Something that happened during a span; Jaeger's log.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EventRow {
    /// When.
    pub time: UnixNanos,
    /// Its name.
    pub name: Text,
    /// Its attributes.
    pub attributes: Rows,
    /// Attributes the sender dropped.
    pub dropped_attributes: u32,
}

/// A pointer to another span; Jaeger's reference other than the parent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinkRow {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// The other span's `tracestate`.
    pub trace_state: Text,
    /// Its attributes.
    pub attributes: Rows,
    /// OTLP's flags of the link.
    pub flags: u32,
    /// What the reference means to Jaeger.
    pub kind: ReferenceKind,
    /// Attributes the sender dropped.
    pub dropped_attributes: u32,
}
