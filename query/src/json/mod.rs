//! The JSON that Jaeger's API v1 speaks: traces as its UI reads them, and the envelope around every answer.
//! Shape: `jaegertracing/jaeger internal/uimodel/model.go`. Everything is written straight from views, in pieces.

mod answer;
mod pretty;
mod process;
mod span;
mod tag;
mod trace;

pub(crate) use answer::{
    AnswerError, TracesAnswer, archived_answer, list_answer, null_answer, untotaled_answer,
};
