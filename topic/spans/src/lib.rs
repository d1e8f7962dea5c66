//! Spans written as the records of a topic: what a collector does with them when a buffer stands between it and the store.

mod metrics;
mod writer;

pub use metrics::TopicMetrics;
pub use writer::SpanTopicWriter;
