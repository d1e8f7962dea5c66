//! Spans in Elasticsearch and OpenSearch, in Jaeger's schema: what a real Jaeger wrote is read, what is written here a real
//! Jaeger reads. [`ElasticsearchStore`] is the way in.
//!
//! In: `writer` → `encode` (documents) → `bulk` (shared requests, verdicts) → `client`. Out: `reader` → `client`.

mod bulk;
mod client;
mod config;
mod document;
mod encode;
mod filing;
mod index;
mod reader;
mod secret;
mod service;
mod setup;
mod store;
mod template;
mod writer;

pub use client::{NodeUrl, ParseNodeUrlError, Server};
pub use config::{BulkConfig, Config, ConnectionConfig, DocumentConfig, IndexConfig};
pub use encode::BulkEncoder;
pub use reader::ElasticsearchReader;
pub use secret::Secret;
pub use setup::Readiness;
pub use store::{ElasticsearchStore, OpenError};
pub use writer::ElasticsearchWriter;
