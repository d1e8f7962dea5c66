//! The fields that can be asked about: a closed list, level by level, each with the kind of value it holds.
//! Names: `jaegertracing/jaeger-idl query/expression/v1/fields.go`.

/// Whose attribute or field it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// The span itself.
    Span,
    /// The resource that it comes from.
    Resource,
    /// The library that made it.
    Scope,
    /// One of its events.
    Event,
    /// One of its links.
    Link,
}

impl Level {
    /// All.
    pub const ALL: [Self; 5] = [Self::Span, Self::Resource, Self::Scope, Self::Event, Self::Link];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Event => "event",
            Self::Link => "link",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What kind of value a reference or a constant is. Only values of one kind can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Nobody has said: an attribute, or a constant without a type.
    Unknown,
    /// Text.
    Text,
    /// Numbers.
    Number,
    /// True or false.
    Truth,
    /// A length of time.
    Duration,
    /// A moment.
    Time,
}

macro_rules! fields {
    ($($field:ident $level:ident $name:literal $domain:ident $about:literal;)*) => {
        /// A field that can be asked about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field {
            $(#[doc = $about] $field,)*
        }

        impl Field {
            /// All.
            pub const ALL: &[Self] = &[$(Self::$field),*];

            /// Whose field.
            #[must_use]
            pub fn level(self) -> Level {
                match self { $(Self::$field => Level::$level,)* }
            }

            /// The name within its level.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            /// The kind of its values.
            #[must_use]
            pub fn domain(self) -> Domain {
                match self { $(Self::$field => Domain::$domain,)* }
            }
        }
    };
}

fields! {
    TraceId Span "traceID" Text "The trace, in 32 hex digits.";
    SpanId Span "spanID" Text "The span, in 16 hex digits.";
    ParentSpanId Span "parentSpanID" Text "The parent, in 16 hex digits; not there on a root.";
    TraceState Span "traceState" Text "The W3C trace state; not there when empty.";
    Name Span "name" Text "The name.";
    Kind Span "kind" Text "The kind, one of six words.";
    StartTime Span "startTime" Time "When it started.";
    EndTime Span "endTime" Time "When it ended.";
    Duration Span "duration" Duration "How long it took.";
    Status Span "status" Text "The status: `unset`, `ok`, `error`.";
    StatusMessage Span "statusMessage" Text "What is said about the status; not there when empty.";
    Service Resource "service" Text "The service.";
    ResourceSchemaUrl Resource "schemaURL" Text "The schema of the resource; not there when empty.";
    ScopeName Scope "name" Text "The library; not there when empty.";
    ScopeVersion Scope "version" Text "The library's version; not there when empty.";
    ScopeSchemaUrl Scope "schemaURL" Text "The schema of the scope; not there when empty.";
    EventName Event "name" Text "The event's name.";
    EventTime Event "time" Time "When it was.";
    EventTimeSinceStart Event "timeSinceStart" Duration "How long after the span's start.";
    LinkTraceId Link "traceID" Text "The trace linked to, in 32 hex digits.";
    LinkSpanId Link "spanID" Text "The span linked to, in 16 hex digits.";
    LinkTraceState Link "traceState" Text "The trace state of the link; not there when empty.";
}

/// The words of [`Field::Kind`].
pub(super) const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
/// The words of [`Field::Status`].
pub(super) const STATUSES: [&str; 3] = ["unset", "ok", "error"];

impl Field {
    /// Finds a field.
    #[must_use]
    pub fn find(level: Level, name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.level() == level && field.name() == name)
    }

    /// The words it can be, where it is one of a few; such a field has no order.
    #[must_use]
    pub fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Kind => Some(&KINDS),
            Self::Status => Some(&STATUSES),
            _ => None,
        }
    }
}
