//! Spans in any amount, the same ones each time, and a sender that knows what became of them.
//! [`Requests`] makes encoded requests from a [`GenerateConfig`]; [`run`] sends them by closed-loop streams as [`SendConfig`] says and
//! answers with a [`Report`]. Used by `spoor generate`, by the whole-process tests and by the benchmarks.

mod config;
mod generate;
mod send;

pub use config::{Compression, GenerateConfig, Protocol, SendConfig};
pub use generate::{Request, Requests, SpanKey, TraceRequests};
pub use send::{Latency, Outcome, Report, SendError, SentRequest, Share, run};
