//! The way to the collectors.
//! Facts: names and defaults of `jaegertracing/jaeger cmd/agent/app/reporter/{flags.go,grpc/flags.go}` (v1.60).

use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use http::{HeaderName, HeaderValue};
use spoor_model::{ByteSize, parse_go_duration};

use super::{ConfigError, parse_targets};
use crate::reporter::check_tls;

pub(super) const HOST_PORT: &str = "reporter.grpc.host-port";

/// Protocols to the collectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReporterKind {
    /// Jaeger's gRPC.
    Grpc,
}

/// Settings of the reporter.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct ReporterConfig {
    /// How spans go to the collectors; there is one way.
    #[arg(
        id = "reporter.type",
        long = "reporter.type",
        value_name = "PROTOCOL",
        default_value = "grpc",
        ignore_case = true
    )]
    pub kind: ReporterKind,

    /// The collectors: one HOST:PORT, several with commas between, or dns:///NAME:PORT for all addresses of a name. Batches go
    /// round to those that are well.
    #[arg(
        id = "reporter.grpc.host-port",
        long = "reporter.grpc.host-port",
        value_name = "COLLECTORS",
        default_value = ""
    )]
    pub host_port: String,

    /// How often a batch is tried that collectors answer with INTERNAL or UNKNOWN, which may be its own fault; then it is dropped and
    /// counted, with UNKNOWN not before a minute is over. A batch that finds collectors away, busy or unwilling waits, however long.
    #[arg(id = "reporter.grpc.retry.max", long = "reporter.grpc.retry.max", value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub retry_max: u32,

    /// Of the addresses of a dns:/// name, to how many that are well an agent keeps connections; which ones differs from agent to
    /// agent. Collectors named one by one are all used.
    #[arg(id = "reporter.grpc.discovery.min-peers", long = "reporter.grpc.discovery.min-peers", value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub min_peers: u32,

    /// How often the addresses of dns:/// names are looked up again.
    #[arg(id = "reporter.grpc.resolve-interval", long = "reporter.grpc.resolve-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "30s")]
    pub resolve_interval: Duration,

    /// How long a collector may take to answer a batch; then another is asked.
    #[arg(id = "reporter.grpc.timeout", long = "reporter.grpc.timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "10s")]
    pub timeout: Duration,

    /// Batches under way at a time, to all collectors together.
    #[arg(id = "reporter.grpc.max-requests", long = "reporter.grpc.max-requests", value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_requests: u32,

    /// Spans of one process are gathered into a batch of at most so many bytes, and of one datagram beyond that.
    #[arg(id = "reporter.grpc.batch-max-bytes", long = "reporter.grpc.batch-max-bytes", value_name = "SIZE", default_value_t = ByteSize(256 << 10), value_parser = ByteSize::from_str)]
    pub batch_max_bytes: ByteSize,

    /// How long spans wait for others of their process.
    #[arg(id = "reporter.grpc.batch-linger", long = "reporter.grpc.batch-linger", value_name = "DURATION", value_parser = parse_go_duration, default_value = "100ms")]
    pub linger: Duration,

    /// The tenant that all spans belong to, for collectors with --multi-tenancy.enabled.
    #[arg(id = "reporter.grpc.tenant", long = "reporter.grpc.tenant", value_name = "TENANT", value_parser = HeaderValue::from_str)]
    pub tenant: Option<HeaderValue>,

    /// The header that names the tenant.
    #[arg(id = "reporter.grpc.tenant-header", long = "reporter.grpc.tenant-header", value_name = "NAME", default_value = "x-tenant", value_parser = HeaderName::from_str)]
    pub tenant_header: HeaderName,

    /// TLS to the collectors.
    #[command(flatten)]
    pub tls: TlsConfig,
}

/// TLS to the collectors.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct TlsConfig {
    /// Whether collectors are spoken to by TLS.
    #[arg(id = "reporter.grpc.tls.enabled", long = "reporter.grpc.tls.enabled", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub enabled: bool,

    /// A PEM file of the certificate authorities that collectors' certificates are checked against, in place of the system's. It and
    /// the other files are read at each connection.
    #[arg(
        id = "reporter.grpc.tls.ca",
        long = "reporter.grpc.tls.ca",
        value_name = "FILE",
        default_value = ""
    )]
    pub ca: String,

    /// A PEM file of the certificate that we show to collectors. Goes with --reporter.grpc.tls.key.
    #[arg(
        id = "reporter.grpc.tls.cert",
        long = "reporter.grpc.tls.cert",
        value_name = "FILE",
        default_value = ""
    )]
    pub cert: String,

    /// A PEM file of the private key of --reporter.grpc.tls.cert: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[arg(
        id = "reporter.grpc.tls.key",
        long = "reporter.grpc.tls.key",
        value_name = "FILE",
        default_value = ""
    )]
    pub key: String,

    /// The name that collectors' certificates have to bear, instead of the host in their address.
    #[arg(
        id = "reporter.grpc.tls.server-name",
        long = "reporter.grpc.tls.server-name",
        value_name = "NAME",
        default_value = ""
    )]
    pub server_name: String,

    /// Takes any certificate for a collector's, whoever signed it and whatever name it bears: anyone in between can then read and
    /// change all.
    #[arg(id = "reporter.grpc.tls.skip-host-verify", long = "reporter.grpc.tls.skip-host-verify", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub skip_host_verify: bool,
}

impl ReporterConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        parse_targets(&self.host_port)?;
        self.validate_bounds()
    }

    /// All but the collectors.
    pub(super) fn validate_bounds(&self) -> Result<(), ConfigError> {
        let error = |setting: &str, problem: &str| {
            Err(ConfigError::Setting { setting: setting.to_owned(), problem: problem.to_owned() })
        };
        if self.timeout.is_zero() {
            return error("reporter.grpc.timeout", "no collector could answer in no time; give more than 0");
        }
        if self.resolve_interval < Duration::from_secs(1) {
            return error(
                "reporter.grpc.resolve-interval",
                "names would be looked up all the time; give 1s or more",
            );
        }
        if !(1..=2 << 20).contains(&self.batch_max_bytes.0) {
            return error(
                "reporter.grpc.batch-max-bytes",
                "collectors take messages of 4 MiB, and one datagram may come on top; give between 1 and 2 MiB",
            );
        }
        check_tls(&self.tls)?;
        Ok(())
    }
}
