//! The role's ports by the names of their TLS settings.

use spoor_net::tls::TlsPort;

/// The HTTP port, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum HttpPort {}

impl TlsPort for HttpPort {
    const PREFIX: &'static str = "query.http";
    const NAME: &'static str = "the query's HTTP port";
}

/// The gRPC port, where its TLS is set.
#[derive(Debug, Clone, Copy)]
pub enum GrpcPort {}

impl TlsPort for GrpcPort {
    const PREFIX: &'static str = "query.grpc";
    const NAME: &'static str = "the query's gRPC port";
}
