//! The query role: Jaeger's HTTP and gRPC APIs over any [`spoor_storage::SpanReader`].
//! The way of an answer: `api` (HTTP) or `rpc` (gRPC) reads the question, `service` asks the store within bounds and puts traces
//! together, `adjust` makes them fit to look at, `json` (or `rpc`) writes them out piece by piece.

mod adjust;
mod api;
mod causes;
mod config;
pub mod dependencies;
#[cfg(test)]
mod fixture;
mod json;
mod metrics;
mod pieces;
mod ports;
mod rpc;
mod server;
mod service;
mod stores;
mod ui;

use bytes::Bytes;
use spoor_model::SpanBatch;

pub use api::CorsConfig;
pub use config::{BasePath, Config, ConfigError, Header};
pub use ports::{GrpcPort, HttpPort};
pub use server::{Query, Sockets};
pub use stores::{Archive, Stores};
pub use ui::{UiConfig, UiError};

/// Whole traces as API v1 answers a search with them, in pieces of about 64 KiB. A batch holds the spans of one trace; they are written as
/// they stand, without adjusting.
pub fn traces_json(traces: Vec<SpanBatch>) -> impl Iterator<Item = Bytes> {
    json::TracesAnswer::new(traces, Vec::new(), false)
}
