//! The JSON that Jaeger's APIs speak: of v1, traces as its UI reads them and the envelope around every answer (shape:
//! `jaegertracing/jaeger internal/uimodel/model.go`); of v3, traces in OTLP JSON, and summaries. Everything is written straight from
//! views, in pieces.

mod answer;
mod live;
mod metrics;
mod otlp;
mod pretty;
mod process;
mod span;
mod summary;
mod tag;
mod trace;

pub(crate) use answer::{
    AnswerError, TracesAnswer, archived_answer, fixed_answer, list_answer, null_answer, number_answer,
    untotaled_answer,
};
pub(crate) use live::{Growing, LiveOtlpAnswer, LiveTraceAnswer};
pub(crate) use otlp::OtlpAnswer;
pub(crate) use summary::SummariesAnswer;

/// A piece of an answer is sent when it has so many bytes.
pub(crate) const PIECE_BYTES: usize = 64 << 10;
pub(crate) use metrics::{Family, MetricsAnswer};
