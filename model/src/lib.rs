//! The core of Spoor: [`SpanBatch`], the one model that spans have between the wire and a store, with its builder and views.
//! Pure: no I/O, no async, no wire format (but for the encoded form of nested values, see [`nested`]).

mod batch;
mod builder;
mod byte_size;
mod checkpoint;
mod copy;
mod dependency;
mod edit;
pub mod filter;
mod flags;
mod go_duration;
mod go_duration_text;
mod ids;
pub mod jaeger;
pub mod json;
pub mod nested;
mod query;
mod row;
mod sampling;
mod secret;
mod span_metrics;
mod summary;
mod text;
mod time;
mod value;
mod view;

pub use batch::{SpanBatch, TraceGroup};
pub use builder::{SpanBatchBuilder, TooLarge};
pub use byte_size::{ByteSize, ParseByteSizeError};
pub use checkpoint::Checkpoint;
pub use dependency::{DependencyLink, DependencyReport, ServiceCalls};
pub use go_duration::{ParseDurationError, parse_go_duration};
pub use go_duration_text::go_duration_text;
pub use ids::{ParseIdError, SpanId, TraceId};
pub use query::{FoundTrace, Operation, OperationQuery, TimeRange, TraceLookup, TraceQuery};
pub use row::{
    AttributeRow, EventRow, FlagsAre, LinkRow, REFERENCE_KIND_ATTRIBUTE, ReferenceKind, ResourceRow,
    ScopeRow, SpanKind, SpanRow, StatusCode, Value,
};
pub use sampling::{ByOperation, SamplingProbabilities, Throughput};
pub use secret::Secret;
pub use span_metrics::{MetricPoint, MetricSeries, SpanMetricsQuery};
pub use summary::{RootSpan, ServiceSummary, TraceSummary, TraceSummaryBuilder};
pub use text::{Rows, Text};
pub use time::UnixNanos;
pub use value::{ValueView, write_base64};
pub use view::{AttributeView, AttributesView, EventView, LinkView, ResourceView, ScopeView, SpanView};
