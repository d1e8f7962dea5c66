//! The collector's settings: Jaeger v1's flags where there are such, and our own bounds.

use std::time::Duration;

use clap::ArgAction;
use spoor_model::parse_go_duration;
use spoor_net::ListenAddress;
use spoor_net::tls::{TlsArgs, TlsError, TlsPort};

use crate::Tags;

/// Settings of the collector.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Receive OpenTelemetry's protocol (OTLP) by gRPC and HTTP.
    #[arg(
        id = "collector.otlp.enabled",
        long = "collector.otlp.enabled",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true"
    )]
    pub otlp_enabled: bool,

    /// OTLP by gRPC.
    #[command(flatten)]
    pub otlp_grpc: OtlpGrpcConfig,

    /// OTLP by HTTP.
    #[command(flatten)]
    pub otlp_http: OtlpHttpConfig,

    /// Jaeger's own protocol by gRPC.
    #[command(flatten)]
    pub jaeger_grpc: JaegerGrpcConfig,

    /// Bounds over all receivers together.
    #[command(flatten)]
    pub limits: LimitsConfig,

    /// Tags to append to every resource that does not have the same key and value yet: `key=value,key2=${VARIABLE:default}`.
    /// They become part of the span: a span that is sent again to a collector with other tags is stored twice.
    #[arg(id = "collector.tags", long = "collector.tags", value_name = "TAGS", default_value = "")]
    pub tags: Tags,
}

/// Settings of OTLP by gRPC.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct OtlpGrpcConfig {
    /// Address for OTLP by gRPC.
    #[arg(
        id = "collector.otlp.grpc.host-port",
        long = "collector.otlp.grpc.host-port",
        value_name = "HOST:PORT",
        default_value = ":4317"
    )]
    pub host_port: ListenAddress,

    /// Largest OTLP message by gRPC, as received and decompressed, in bytes.
    #[arg(
        id = "collector.otlp.grpc.max-message-size",
        long = "collector.otlp.grpc.max-message-size",
        value_name = "BYTES",
        default_value_t = 4 << 20
    )]
    pub max_message_size: usize,

    /// Age at which an OTLP gRPC connection is asked to close, so that senders spread over new collectors; 0 lets it live.
    #[arg(
        id = "collector.otlp.grpc.max-connection-age",
        long = "collector.otlp.grpc.max-connection-age",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "0s"
    )]
    pub max_connection_age: Duration,

    /// How long requests in flight may still take on an OTLP gRPC connection of that age; 0 lets them finish.
    #[arg(
        id = "collector.otlp.grpc.max-connection-age-grace",
        long = "collector.otlp.grpc.max-connection-age-grace",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "0s"
    )]
    pub max_connection_age_grace: Duration,

    /// TLS of OTLP by gRPC.
    #[command(flatten)]
    pub tls: TlsArgs<OtlpGrpcPort>,
}

/// Settings of OTLP by HTTP.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct OtlpHttpConfig {
    /// Address for OTLP by HTTP (`POST /v1/traces`).
    #[arg(
        id = "collector.otlp.http.host-port",
        long = "collector.otlp.http.host-port",
        value_name = "HOST:PORT",
        default_value = ":4318"
    )]
    pub host_port: ListenAddress,

    /// Largest body of an OTLP HTTP request, as received and decompressed, in bytes.
    #[arg(
        id = "collector.otlp.http.max-request-size",
        long = "collector.otlp.http.max-request-size",
        value_name = "BYTES",
        default_value_t = 20 << 20
    )]
    pub max_request_size: usize,

    /// Origins from which browsers may send spans by OTLP HTTP, comma separated; `*` within one stands for any text. None by
    /// default.
    #[arg(
        id = "collector.otlp.http.cors.allowed-origins",
        long = "collector.otlp.http.cors.allowed-origins",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub cors_allowed_origins: Vec<String>,

    /// Request headers that browsers may send besides Accept, Content-Type and X-Requested-With, comma separated; `*` allows
    /// all.
    #[arg(
        id = "collector.otlp.http.cors.allowed-headers",
        long = "collector.otlp.http.cors.allowed-headers",
        value_name = "HEADERS",
        value_delimiter = ','
    )]
    pub cors_allowed_headers: Vec<String>,

    /// TLS of OTLP by HTTP.
    #[command(flatten)]
    pub tls: TlsArgs<OtlpHttpPort>,
}

/// Settings of Jaeger's `PostSpans`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct JaegerGrpcConfig {
    /// Address for Jaeger's gRPC protocol (`jaeger.api_v2.CollectorService`), as jaeger-agent speaks it.
    #[arg(
        id = "collector.grpc-server.host-port",
        long = "collector.grpc-server.host-port",
        value_name = "HOST:PORT",
        default_value = ":14250"
    )]
    pub host_port: ListenAddress,

    /// Largest message in Jaeger's gRPC protocol, as received and decompressed, in bytes.
    #[arg(
        id = "collector.grpc-server.max-message-size",
        long = "collector.grpc-server.max-message-size",
        value_name = "BYTES",
        default_value_t = 4 << 20
    )]
    pub max_message_size: usize,

    /// Age at which a connection in Jaeger's gRPC protocol is asked to close, so that agents spread over new collectors; 0
    /// lets it live.
    #[arg(
        id = "collector.grpc-server.max-connection-age",
        long = "collector.grpc-server.max-connection-age",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "0s"
    )]
    pub max_connection_age: Duration,

    /// How long requests in flight may still take on such a connection of that age; 0 lets them finish.
    #[arg(
        id = "collector.grpc-server.max-connection-age-grace",
        long = "collector.grpc-server.max-connection-age-grace",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "0s"
    )]
    pub max_connection_age_grace: Duration,

    /// TLS of Jaeger's protocol.
    #[command(flatten)]
    pub tls: TlsArgs<JaegerGrpcPort>,
}

/// OTLP's gRPC port, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum OtlpGrpcPort {}

impl TlsPort for OtlpGrpcPort {
    const PREFIX: &'static str = "collector.otlp.grpc";
    const NAME: &'static str = "the port of OTLP by gRPC";
}

/// OTLP's HTTP port, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum OtlpHttpPort {}

impl TlsPort for OtlpHttpPort {
    const PREFIX: &'static str = "collector.otlp.http";
    const NAME: &'static str = "the port of OTLP by HTTP";
}

/// The port of Jaeger's gRPC protocol, where its TLS is set (not under `collector.grpc-server`).
#[derive(Debug, Clone, Copy)]
pub enum JaegerGrpcPort {}

impl TlsPort for JaegerGrpcPort {
    const PREFIX: &'static str = "collector.grpc";
    const NAME: &'static str = "the port of Jaeger's gRPC protocol";
}

/// Bounds over all receivers together.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct LimitsConfig {
    /// Requests at a time, over all receivers, from their first byte until their spans are settled. More are refused at once
    /// with RESOURCE_EXHAUSTED or 429, to be sent again.
    #[arg(
        id = "collector.max-concurrent-requests",
        long = "collector.max-concurrent-requests",
        value_name = "COUNT",
        default_value_t = 256
    )]
    pub max_concurrent_requests: usize,

    /// Bytes of requests (as received, decompressed, and decoded) held at a time, over all receivers. A request that does not
    /// fit is refused at once with RESOURCE_EXHAUSTED or 429, to be sent again. One that is alone may be decoded beyond it.
    #[arg(
        id = "collector.max-bytes-in-flight",
        long = "collector.max-bytes-in-flight",
        value_name = "BYTES",
        default_value_t = 64 << 20
    )]
    pub max_bytes_in_flight: usize,

    /// Connections at a time, on each port; more wait until one ends.
    #[arg(
        id = "collector.max-connections",
        long = "collector.max-connections",
        value_name = "COUNT",
        default_value_t = 10_000
    )]
    pub max_connections: usize,

    /// Time for a request from its arrival to the store's answer, unless the sender's own deadline is shorter. Then the
    /// sender is told to send again. OpenTelemetry's SDKs wait for 10s by default.
    #[arg(
        id = "collector.write-timeout",
        long = "collector.write-timeout",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "8s"
    )]
    pub write_timeout: Duration,
}

/// Settings that make no sense together.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A bound that cannot hold.
    #[error("--{setting}: {problem}")]
    Bound {
        /// Without dashes.
        setting: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// TLS of a port.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Config {
    /// Checks what a single flag cannot tell.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the remedy.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let error = |setting, problem| Err(ConfigError::Bound { setting, problem });
        let limits = &self.limits;
        let not_zero = [
            ("collector.max-concurrent-requests", limits.max_concurrent_requests == 0),
            ("collector.max-connections", limits.max_connections == 0),
            ("collector.write-timeout", limits.write_timeout.is_zero()),
        ];
        for (setting, is_zero) in not_zero {
            if is_zero {
                return error(setting, "with 0 nothing could be received; choose more".to_owned());
            }
        }
        let sizes = [
            ("collector.otlp.grpc.max-message-size", self.otlp_grpc.max_message_size),
            ("collector.otlp.http.max-request-size", self.otlp_http.max_request_size),
            ("collector.grpc-server.max-message-size", self.jaeger_grpc.max_message_size),
        ];
        for (setting, size) in sizes {
            if size > limits.max_bytes_in_flight {
                let room = limits.max_bytes_in_flight;
                let problem = format!(
                    "a request of {size} bytes would never fit in --collector.max-bytes-in-flight={room}; raise that or lower this"
                );
                return error(setting, problem);
            }
            if size > spoor_net::limits::MAX_REQUEST_BYTES {
                let most = spoor_net::limits::MAX_REQUEST_BYTES;
                return error(
                    setting,
                    format!("{size} bytes are more than the {most} that a request can have"),
                );
            }
        }
        self.otlp_grpc.tls.validate()?;
        self.otlp_http.tls.validate()?;
        Ok(self.jaeger_grpc.tls.validate()?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Program::try_parse_from([&["collector"], args].concat()).map(|program| program.config)
    }

    #[test]
    fn defaults_are_jaegers_ports_and_bounds_that_go_together() {
        let config = parse(&[]).unwrap();
        config.validate().unwrap();
        assert!(
            config.otlp_enabled && config.tags.is_empty() && config.otlp_http.cors_allowed_origins.is_empty()
        );
        assert_eq!(config.otlp_grpc.host_port.to_string(), ":4317");
        assert_eq!(config.otlp_http.host_port.to_string(), ":4318");
        assert_eq!(config.jaeger_grpc.host_port.to_string(), ":14250");
        assert_eq!(config.otlp_grpc.max_message_size, 4_194_304);
        assert_eq!(config.otlp_http.max_request_size, 20_971_520);
        assert_eq!(config.jaeger_grpc.max_connection_age, Duration::ZERO);
        assert_eq!(config.limits.write_timeout, Duration::from_secs(8));
    }

    #[test]
    fn jaegers_flags_are_read_as_go_reads_them() {
        let config = parse(&[
            "--collector.otlp.enabled=false",
            "--collector.grpc-server.host-port=127.0.0.1:0",
            "--collector.grpc-server.max-connection-age=1h30m",
            "--collector.otlp.http.cors.allowed-origins=https://a.example,https://*.b.example",
            "--collector.tags=zone=eu,rack=7",
        ])
        .unwrap();
        assert!(!config.otlp_enabled);
        assert_eq!(config.jaeger_grpc.max_connection_age, Duration::from_secs(5400));
        assert_eq!(config.otlp_http.cors_allowed_origins.len(), 2);
        assert!(!config.tags.is_empty());
        assert!(parse(&["--collector.otlp.enabled"]).unwrap().otlp_enabled);
    }

    #[test]
    fn nonsense_is_refused_with_the_setting_named() {
        for args in [
            "--collector.otlp.grpc.host-port=nowhere:high",
            "--collector.grpc-server.max-connection-age=soon",
            "--collector.tags=loner",
        ] {
            let (setting, _) = args.split_once('=').unwrap();
            assert!(parse(&[args]).unwrap_err().to_string().contains(setting), "{args}");
        }
        for args in [
            "--collector.write-timeout=0",
            "--collector.max-concurrent-requests=0",
            "--collector.otlp.http.max-request-size=70000000",
        ] {
            let (setting, _) = args.split_once('=').unwrap();
            let error = parse(&[args]).unwrap().validate().unwrap_err().to_string();
            assert!(error.starts_with(setting), "{error}");
        }
    }
}
