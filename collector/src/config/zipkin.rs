//! Zipkin's port.

use clap::ArgAction;
use spoor_net::OptionalAddress;
use spoor_net::tls::{TlsArgs, TlsPort};

/// Settings of Zipkin's receiver.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct ZipkinConfig {
    /// Address for Zipkin's spans by HTTP (`POST /api/v2/spans`, `POST /api/v1/spans`), usually `:9411`. Empty: none are received.
    #[arg(
        id = "collector.zipkin.host-port",
        long = "collector.zipkin.host-port",
        value_name = "HOST:PORT",
        default_value = ""
    )]
    pub host_port: OptionalAddress,

    /// Largest body of a request with Zipkin's spans, as received and decompressed, in bytes.
    #[arg(
        id = "collector.zipkin.max-request-size",
        long = "collector.zipkin.max-request-size",
        value_name = "BYTES",
        default_value_t = 20 << 20
    )]
    pub max_request_size: usize,

    /// Whether a connection to Zipkin's port takes further requests after its first.
    #[arg(
        id = "collector.zipkin.keep-alive",
        long = "collector.zipkin.keep-alive",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true"
    )]
    pub keep_alive: bool,

    /// Origins from which browsers may send Zipkin's spans, comma separated; `*` within one stands for any text. None by default.
    #[arg(
        id = "collector.zipkin.cors.allowed-origins",
        long = "collector.zipkin.cors.allowed-origins",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub cors_allowed_origins: Vec<String>,

    /// Request headers that browsers may send to Zipkin's port besides Accept, Content-Type and X-Requested-With, comma separated;
    /// `*` allows all.
    #[arg(
        id = "collector.zipkin.cors.allowed-headers",
        long = "collector.zipkin.cors.allowed-headers",
        value_name = "HEADERS",
        value_delimiter = ','
    )]
    pub cors_allowed_headers: Vec<String>,

    /// The older name of --collector.zipkin.cors.allowed-origins; what both list is allowed.
    #[arg(
        id = "collector.zipkin.allowed-origins",
        long = "collector.zipkin.allowed-origins",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<String>,

    /// The older name of --collector.zipkin.cors.allowed-headers; what both list is allowed.
    #[arg(
        id = "collector.zipkin.allowed-headers",
        long = "collector.zipkin.allowed-headers",
        value_name = "HEADERS",
        value_delimiter = ','
    )]
    pub allowed_headers: Vec<String>,

    /// TLS of Zipkin's port.
    #[command(flatten)]
    pub tls: TlsArgs<ZipkinPort>,
}

impl ZipkinConfig {
    /// Origins under both names.
    pub(crate) fn origins(&self) -> Vec<String> {
        [&self.cors_allowed_origins[..], &self.allowed_origins[..]].concat()
    }

    /// Headers under both names.
    pub(crate) fn headers(&self) -> Vec<String> {
        [&self.cors_allowed_headers[..], &self.allowed_headers[..]].concat()
    }
}

/// Zipkin's port, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum ZipkinPort {}

impl TlsPort for ZipkinPort {
    const PREFIX: &'static str = "collector.zipkin";
    const NAME: &'static str = "the port of Zipkin's spans";
}
