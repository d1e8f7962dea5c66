//! The ports on which clients ask how to sample, and nothing else, as newer Jaegers have them.

use spoor_net::OptionalAddress;
use spoor_net::tls::{TlsArgs, TlsPort};

/// Settings of that port.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct SamplingGrpcConfig {
    /// Address on which clients ask by gRPC how to sample (`jaeger.api_v2.SamplingManager`), where newer Jaegers have it (:5779); empty: none.
    /// They can ask on the port of Jaeger's gRPC protocol, too.
    #[arg(
        id = "collector.sampling.grpc.host-port",
        long = "collector.sampling.grpc.host-port",
        value_name = "HOST:PORT",
        default_value = ""
    )]
    pub host_port: OptionalAddress,

    /// TLS of that port.
    #[command(flatten)]
    pub tls: TlsArgs<SamplingGrpcPort>,
}

/// The port for questions about sampling by gRPC, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum SamplingGrpcPort {}

impl TlsPort for SamplingGrpcPort {
    const PREFIX: &'static str = "collector.sampling.grpc";
    const NAME: &'static str = "the port on which clients ask by gRPC how to sample";
}

/// Settings of the port for questions by HTTP.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct SamplingHttpConfig {
    /// Address on which clients ask by HTTP how to sample (`/sampling`, `/api/sampling`), where newer Jaegers have it (:5778), and agents; empty:
    /// none.
    #[arg(
        id = "collector.sampling.http.host-port",
        long = "collector.sampling.http.host-port",
        value_name = "HOST:PORT",
        default_value = ""
    )]
    pub host_port: OptionalAddress,

    /// TLS of that port.
    #[command(flatten)]
    pub tls: TlsArgs<SamplingHttpPort>,
}

/// The port for questions about sampling by HTTP, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum SamplingHttpPort {}

impl TlsPort for SamplingHttpPort {
    const PREFIX: &'static str = "collector.sampling.http";
    const NAME: &'static str = "the port on which clients ask by HTTP how to sample";
}
