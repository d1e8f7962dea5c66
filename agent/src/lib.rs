//! The agent: beside the applications. Jaeger's clients send it datagrams and ask it for their sampling strategies; it keeps spans while
//! collectors are away and sends them to those that are well. `Sockets::bind` → `Agent::build` → `Agent::run`.
//! OTLP from beside the agent goes by `otlp` straight into the buffer.
//! The way of a span: `udp` (readers, queue, workers) → `intake` (decoding, tags, encoding) → `gathering` (batches of one process) → `buffer`
//! (memory or spool) → `reporter` (collectors in turn).

mod agent;
mod buffer;
mod clients;
mod config;
mod datagram;
mod gathering;
mod intake;
mod metrics;
mod otlp;
mod package;
mod reporter;
mod sampling;
#[cfg(test)]
mod testing;
mod thrift;
mod udp;

pub use agent::{Agent, BindError, BuildError, Sockets};
pub use buffer::SpoolError;
pub use config::{
    BufferConfig, Config, ConfigError, HttpConfig, JaegerBinary, JaegerCompact, OtlpConfig, PortsConfig,
    Processor, ProcessorArgs, ProcessorConfig, ReporterConfig, SpoolConfig, TlsConfig, ZipkinCompact,
};
pub use datagram::{ClientStats, Datagram, Decode, Format, Protocol};
pub use reporter::{ParseTargetError, Target, TlsError};
pub use spoor_pipeline::Tags;
pub use thrift::decode_thrift;
