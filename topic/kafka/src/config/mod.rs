//! The settings. Flags are Jaeger v1's (`--kafka.producer.*`, `--kafka.consumer.*`), with our own where Jaeger has none; the doc
//! comments are the manual.

mod connection;
mod consumer;
mod producer;
mod twin;

pub use connection::{Authentication, ConnectionConfig, SaslMechanism};
pub use consumer::{Assignor, ConsumerConfig, InitialOffset};
pub(crate) use producer::Levels;
pub use producer::{Acks, Compression, ProducerConfig};
pub use twin::{ConsumerConnection, ProducerConnection};

/// `Default` for settings: what the flags say when none is given.
macro_rules! defaults_from_flags {
    ($settings:ty) => {
        impl Default for $settings {
            /// What the flags say when none is given.
            fn default() -> Self {
                use clap::{Args, FromArgMatches};
                let command = Self::augment_args(clap::Command::new("defaults").no_binary_name(true));
                let matches = command.get_matches_from(std::iter::empty::<&str>());
                Self::from_arg_matches(&matches).expect("every setting has a default")
            }
        }
    };
}
use defaults_from_flags;

#[cfg(test)]
mod tests;
