//! The agent's settings: Jaeger v1's flags where there are such, and our own bounds.

mod buffer;
mod http;
mod otlp;
mod processor;
mod reporter;

pub use buffer::{BufferConfig, SpoolConfig};
pub use http::HttpConfig;
pub use otlp::OtlpConfig;
pub use processor::{JaegerBinary, JaegerCompact, Processor, ProcessorArgs, ProcessorConfig, ZipkinCompact};
pub use reporter::{ReporterConfig, TlsConfig};

use std::net::{Ipv4Addr, SocketAddr};

use crate::Tags;
use crate::reporter::{Target, TlsError};

/// Settings of the agent.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub reporter: ReporterConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub ports: PortsConfig,

    /// Tags to append to every process that does not have the same key and value yet: `key=value,key2=${VARIABLE:default}`.
    /// --jaeger.tags is its old name, and JAEGER_TAGS that of its environment variable.
    #[arg(
        id = "agent.tags",
        long = "agent.tags",
        alias = "jaeger.tags",
        value_name = "TAGS",
        default_value = ""
    )]
    pub tags: Tags,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub buffer: BufferConfig,
}

/// The ports that applications send to.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct PortsConfig {
    /// Zipkin's model in the compact protocol.
    #[command(flatten)]
    pub zipkin_compact: ProcessorArgs<ZipkinCompact>,

    /// Jaeger's model in the compact protocol.
    #[command(flatten)]
    pub jaeger_compact: ProcessorArgs<JaegerCompact>,

    /// Jaeger's model in the binary protocol.
    #[command(flatten)]
    pub jaeger_binary: ProcessorArgs<JaegerBinary>,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub http: HttpConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub otlp: OtlpConfig,
}

impl PortsConfig {
    /// The UDP ports.
    #[must_use]
    pub fn processors(&self) -> [&ProcessorConfig; 3] {
        [&self.zipkin_compact, &self.jaeger_compact, &self.jaeger_binary]
    }
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting that is missing or makes no sense.
    #[error("--{setting}: {problem}")]
    Setting {
        /// Without dashes.
        setting: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// TLS to the collectors.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Config {
    /// Checks what a single flag cannot tell.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the remedy.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.reporter.validate()?;
        self.validate_bounds()
    }

    /// The same for an agent in one process with its collector, which it sends to unless told otherwise. `tls`: whether the collector's port
    /// speaks TLS.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the remedy.
    pub fn validate_beside_collector(&self, tls: bool) -> Result<(), ConfigError> {
        if !self.reporter.host_port.is_empty() {
            return self.validate();
        }
        if tls != self.reporter.tls.enabled {
            let problem = "the collector's port --collector.grpc-server.host-port speaks TLS exactly when this says so; give both the same, with --reporter.grpc.tls.ca and, where clients need one, a certificate";
            let setting = "reporter.grpc.tls.enabled".to_owned();
            return Err(ConfigError::Setting { setting, problem: problem.to_owned() });
        }
        self.reporter.validate_bounds()?;
        self.validate_bounds()
    }

    /// The same settings with this collector, unless they name others.
    #[must_use]
    pub fn with_collector(mut self, mut address: SocketAddr) -> Self {
        if self.reporter.host_port.is_empty() {
            if address.ip().is_unspecified() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            self.reporter.host_port = address.to_string();
        }
        self
    }

    fn validate_bounds(&self) -> Result<(), ConfigError> {
        self.ports.processors().into_iter().try_for_each(ProcessorConfig::validate)?;
        self.buffer.validate(self.reporter.batch_max_bytes)?;
        self.ports.otlp.validate(self.buffer.room())
    }
}

/// A comma separated list of collectors.
pub(crate) fn parse_targets(text: &str) -> Result<Vec<Target>, ConfigError> {
    let error = |problem: String| ConfigError::Setting { setting: reporter::HOST_PORT.to_owned(), problem };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let targets: Result<Vec<Target>, _> = parts.map(str::parse).collect();
    let targets = targets.map_err(|problem| error(format!("{problem}")))?;
    if targets.is_empty() {
        let problem =
            "no collector is named; write its HOST:PORT, several with commas between, or dns:///NAME:PORT";
        return Err(error(problem.to_owned()));
    }
    Ok(targets)
}
