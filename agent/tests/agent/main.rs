//! Claims about a whole agent between real sockets: datagrams in, gRPC out, questions for sampling strategies.
#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

mod fixture;
mod flags;
mod sampling;
mod udp;
