//! Receivers, normalizing and delivery of spans.
//! `Sockets::bind` → `Collector::build` → `Collector::run`: ports first, then the pieces, then work until the signal to stop.
//! The way of a request: `receiver` (limits, decoding) → `dispatch` (normalizing, the store, the accounts) → the answer.

mod collector;
mod config;
mod dispatch;
mod metrics;
mod receiver;

pub use collector::{Collector, Sockets};
pub use config::{Config, ConfigError};
pub use spoor_pipeline::{ParseTagsError, Tags};
