//! Remote sampling: clients ask which share of their traces to record.
//!
//! A [`Strategy`] is the answer, a [`StrategyProvider`] is who knows it. [`http`] and [`grpc`] are the two ways to ask, the same for every
//! role that is asked.

mod adaptive;
mod config;
mod file;
pub mod grpc;
pub mod http;
mod json;
mod message;
mod metrics;
mod provider;
mod strategy;

pub use adaptive::{
    Adaptive, AdaptiveConfig, AdaptiveConfigError, AdaptiveMetrics, AdaptiveStores, CountingWriter,
    ThroughputCounter,
};
pub use config::{Config, ConfigError, FileConfig, SamplingKind};
pub use file::{DocumentError, FileError, FileMetrics, FileStrategies, SourceError};
pub use json::{LegacyError, write_json, write_legacy_json};
pub use metrics::HttpMetrics;
pub use provider::{StrategyError, StrategyProvider};
pub use strategy::{OperationStrategy, PerOperation, Sampler, Strategy};
