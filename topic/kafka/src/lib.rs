//! Records in Kafka, by librdkafka: the doors of `spoor-topic`.

mod client_config;
pub mod config;
mod error;
mod health;
mod reader;
mod reason;
mod writer;

pub use error::SettingsError;
pub use reader::KafkaReader;
pub use writer::KafkaWriter;
