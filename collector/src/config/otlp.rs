//! OTLP's two ports.

use std::time::Duration;

use spoor_model::parse_go_duration;
use spoor_net::ListenAddress;
use spoor_net::tls::{TlsArgs, TlsPort};

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
