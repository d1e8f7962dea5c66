//! Jaeger's gRPC port.

use std::time::Duration;

use spoor_model::parse_go_duration;
use spoor_net::ListenAddress;
use spoor_net::tls::{TlsArgs, TlsPort};

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

/// The port of Jaeger's gRPC protocol, where its TLS is set (not under `collector.grpc-server`).
#[derive(Debug, Clone, Copy)]
pub enum JaegerGrpcPort {}

impl TlsPort for JaegerGrpcPort {
    const PREFIX: &'static str = "collector.grpc";
    const NAME: &'static str = "the port of Jaeger's gRPC protocol";
}
