//! Wrappers around a [`crate::SpanWriter`]: what every store's door in has in common, written once.

mod metrics;
mod policy;
mod progress;
mod retry;

pub use metrics::RetryMetrics;
pub use policy::{LONGEST_WISH, RetryPolicy};
pub use progress::{Failure, Progress};
pub use retry::RetryingWriter;
