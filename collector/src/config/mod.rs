//! The collector's settings: Jaeger v1's flags where there are such, and our own bounds.

mod jaeger_grpc;
mod jaeger_http;
mod limits;
mod otlp;
mod sampling;
mod zipkin;

use clap::ArgAction;
use spoor_net::OptionalAddress;
use spoor_net::tls::TlsError;

use crate::Tags;

use jaeger_grpc::JaegerGrpcConfig;
pub(crate) use jaeger_http::JaegerHttpConfig;
use limits::LimitsConfig;
use otlp::OtlpGrpcConfig;
pub(crate) use otlp::OtlpHttpConfig;
use sampling::{SamplingGrpcConfig, SamplingHttpConfig};
pub(crate) use zipkin::ZipkinConfig;

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

    /// Records traces of the collector itself: its requests, and those that it makes of the store or Kafka for them. Which of them, and where the traces go, is said by the --otel
    /// settings. Spans that a Spoor records of itself beget no further ones when they come in here.
    #[arg(
        id = "collector.enable-tracing",
        long = "collector.enable-tracing",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true"
    )]
    pub enable_tracing: bool,

    /// OTLP by gRPC.
    #[command(flatten)]
    pub otlp_grpc: OtlpGrpcConfig,

    /// OTLP by HTTP.
    #[command(flatten)]
    pub otlp_http: OtlpHttpConfig,

    /// Jaeger's own protocol by gRPC.
    #[command(flatten)]
    pub jaeger_grpc: JaegerGrpcConfig,

    /// Jaeger's spans in Thrift by HTTP.
    #[command(flatten)]
    pub jaeger_http: JaegerHttpConfig,

    /// Questions about sampling by gRPC.
    #[command(flatten)]
    pub sampling_grpc: SamplingGrpcConfig,
    /// Zipkin's spans by HTTP.
    #[command(flatten)]
    pub zipkin: ZipkinConfig,

    /// Questions about sampling by HTTP.
    #[command(flatten)]
    pub sampling_http: SamplingHttpConfig,

    /// Bounds over all receivers together.
    #[command(flatten)]
    pub limits: LimitsConfig,

    /// Tags to append to every resource that does not have the same key and value yet: `key=value,key2=${VARIABLE:default}`.
    /// They become part of the span: a span that is sent again to a collector with other tags is stored twice.
    #[arg(id = "collector.tags", long = "collector.tags", value_name = "TAGS", default_value = "")]
    pub tags: Tags,
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
        // A port that is not there takes nothing.
        let open = |address: &OptionalAddress, size| if address.0.is_some() { size } else { 0 };
        let (jaeger_http, zipkin) = (&self.jaeger_http, &self.zipkin);
        let sizes = [
            ("collector.otlp.grpc.max-message-size", self.otlp_grpc.max_message_size),
            ("collector.otlp.http.max-request-size", self.otlp_http.max_request_size),
            ("collector.grpc-server.max-message-size", self.jaeger_grpc.max_message_size),
            (
                "collector.http-server.max-request-size",
                open(&jaeger_http.host_port, jaeger_http.max_request_size),
            ),
            ("collector.zipkin.max-request-size", open(&zipkin.host_port, zipkin.max_request_size)),
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
        self.sampling_grpc.tls.validate()?;
        self.sampling_http.tls.validate()?;
        self.otlp_grpc.tls.validate()?;
        self.otlp_http.tls.validate()?;
        self.zipkin.tls.validate()?;
        self.jaeger_http.tls.validate()?;
        Ok(self.jaeger_grpc.tls.validate()?)
    }
}

#[cfg(test)]
mod tests;
