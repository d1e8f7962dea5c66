//! From the records of a topic to the store. `Ingester::build` → `Ingester::run`.
//! The way of a record: `ingester` (the loop) → `gathering` (batches) → `delivery` (reading, normalizing, the store, again and again) → the
//! reader is told; or `setting_aside` → the quarantine → the reader is told.

mod config;
pub mod dead_letters;
mod delivery;
mod gathering;
mod health;
mod ingester;
mod leaving;
mod metrics;
pub mod quarantine;
mod receipt;
mod setting_aside;
mod shipment;
mod trouble;

pub use config::{Config, ConfigError, Destination, EncodingChoice, QuarantineConfig};
pub use health::{Health, StoreAway};
pub use ingester::{Ingester, Parts};
