//! Jaeger's HTTP port.

use spoor_net::OptionalAddress;
use spoor_net::tls::{TlsArgs, TlsPort};

/// Settings of Jaeger's protocol by HTTP.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct JaegerHttpConfig {
    /// Address for Jaeger's spans in Thrift by HTTP (`POST /api/traces`), as Jaeger's clients send them past an agent, and for their questions how
    /// to sample. Empty: none are received.
    #[arg(
        id = "collector.http-server.host-port",
        long = "collector.http-server.host-port",
        value_name = "HOST:PORT",
        default_value = ":14268"
    )]
    pub host_port: OptionalAddress,

    /// Largest body of a request with Jaeger's spans by HTTP, as received and decompressed, in bytes.
    #[arg(
        id = "collector.http-server.max-request-size",
        long = "collector.http-server.max-request-size",
        value_name = "BYTES",
        default_value_t = 20 << 20
    )]
    pub max_request_size: usize,

    /// TLS of that port.
    #[command(flatten)]
    pub tls: TlsArgs<JaegerHttpPort>,
}

/// The port of Jaeger's HTTP protocol, where its TLS is set (not under `collector.http-server`).
#[derive(Debug, Clone, Copy)]
pub enum JaegerHttpPort {}

impl TlsPort for JaegerHttpPort {
    const PREFIX: &'static str = "collector.http";
    const NAME: &'static str = "the port of Jaeger's HTTP protocol";
}
