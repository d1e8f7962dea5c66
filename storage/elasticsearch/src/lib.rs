//! Spans in Elasticsearch and OpenSearch, in Jaeger's schema: what a real Jaeger wrote is read, what is written here a real
//! Jaeger reads. [`ElasticsearchStore`] is the way in.
//!
//! In: `writer` → `encode` (documents) → `bulk` (shared requests, verdicts) → `client`. Out: `reader` → `client`.

mod access;
mod admin;
mod bulk;
mod client;
mod config;
mod dependencies;
mod document;
mod encode;
mod erasing;
mod filing;
mod hex;
mod index;
mod lifecycle;
mod long_values;
mod reader;
mod sampling;
mod scroll;
mod series;
mod service;
mod setup;
mod snapshots;
mod span_metrics;
mod store;
mod template;
mod turns;
mod wholeness;
mod writer;

pub use admin::ElasticsearchIndices;
pub use client::{ConnectionError, NodeUrl, ParseNodeUrlError, Server};
pub use config::{
    ArchiveConfig, ArchiveNames, AuthConfig, BulkConfig, Compression, Config, ConnectionConfig, CustomHeader,
    DocumentConfig, IndexConfig, Layout, LayoutConfig, QuestionMethod, ReadConfig, RequestLog,
    SamplingConfig, SniffingConfig, TagValues, TemplateConfig, TlsConfig,
};
pub use dependencies::ElasticsearchDependencies;
pub use document::parse_dot_replacement;
pub use encode::BulkEncoder;
pub use index::Frequency;
pub use reader::ElasticsearchReader;
pub use sampling::ElasticsearchSampling;
pub use setup::{Away, Readiness, StoreWatch};
pub use span_metrics::ElasticsearchSpanMetrics;
pub use spoor_model::Secret;
pub use store::{ElasticsearchStore, OpenError};
pub use writer::ElasticsearchWriter;

/// Reads a truth as Go's `strconv.ParseBool`, and so Jaeger, does.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
