//! Records in Kafka, by librdkafka: the doors of `spoor-topic`.

mod browser;
mod client_config;
pub mod config;
mod contents;
mod error;
mod health;
mod reader;
mod reason;
mod stalls;
mod writer;

pub use browser::KafkaBrowser;
pub use error::SettingsError;
pub use reader::KafkaReader;
pub use writer::KafkaWriter;
