//! The ports that OTLP comes in by, from applications beside the agent.

use std::str::FromStr;

use spoor_model::ByteSize;
use spoor_net::ListenAddress;
use spoor_net::limits::MAX_REQUEST_BYTES;

use super::ConfigError;
use super::processor::{Address, parse_address};

/// Of these bytes of the buffer a request takes at most one part: encoded again it may be larger than it came.
const PARTS: u64 = 4;

/// Settings of the ports for OTLP.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct OtlpConfig {
    /// Address of a port for OTLP by gRPC, without TLS: an application beside the agent sends to 127.0.0.1:4317. Spans are acknowledged when
    /// they lie in the agent's buffer (with --agent.spool.directory: on the disk); without room for them the sender is asked to come again.
    /// Empty: it is off.
    #[arg(
        id = "agent.otlp.grpc.host-port",
        long = "agent.otlp.grpc.host-port",
        value_name = "HOST:PORT",
        default_value = "",
        value_parser = parse_address
    )]
    grpc: Address,

    /// Address of a port for OTLP by HTTP, in protobuf or JSON, otherwise as --agent.otlp.grpc.host-port: 127.0.0.1:4318. Empty: it is off.
    #[arg(
        id = "agent.otlp.http.host-port",
        long = "agent.otlp.http.host-port",
        value_name = "HOST:PORT",
        default_value = "",
        value_parser = parse_address
    )]
    http: Address,

    /// The largest request by OTLP, as received and decompressed; at most a quarter of what the buffer or the spool holds.
    #[arg(
        id = "agent.otlp.max-request-bytes",
        long = "agent.otlp.max-request-bytes",
        value_name = "SIZE",
        default_value_t = ByteSize(4 << 20),
        value_parser = ByteSize::from_str
    )]
    pub max_request: ByteSize,

    /// Memory of the requests by OTLP that are being read and decoded; what finds none is asked to come again.
    #[arg(
        id = "agent.otlp.max-bytes-in-flight",
        long = "agent.otlp.max-bytes-in-flight",
        value_name = "SIZE",
        default_value_t = ByteSize(16 << 20),
        value_parser = ByteSize::from_str
    )]
    pub max_in_flight: ByteSize,
}

impl OtlpConfig {
    /// Where it listens by gRPC; `None` when it is off.
    #[must_use]
    pub fn grpc(&self) -> Option<&ListenAddress> {
        self.grpc.0.as_ref()
    }

    /// Where it listens by HTTP; `None` when it is off.
    #[must_use]
    pub fn http(&self) -> Option<&ListenAddress> {
        self.http.0.as_ref()
    }

    /// `room`: bytes that the buffer holds.
    pub(super) fn validate(&self, room: ByteSize) -> Result<(), ConfigError> {
        if self.grpc().is_none() && self.http().is_none() {
            return Ok(());
        }
        let error = |setting: &str, problem: String| {
            Err(ConfigError::Setting { setting: setting.to_owned(), problem })
        };
        let most = (room.0 / PARTS).min(MAX_REQUEST_BYTES as u64);
        if !(1..=most).contains(&self.max_request.0) {
            let problem = format!(
                "a request has to fit the buffer of {} bytes with others; give between 1 and {most} bytes",
                room.0
            );
            return error("agent.otlp.max-request-bytes", problem);
        }
        if self.max_in_flight.0 < self.max_request.0 {
            let problem =
                "no request of --agent.otlp.max-request-bytes would find memory; give as much or more";
            return error("agent.otlp.max-bytes-in-flight", problem.to_owned());
        }
        Ok(())
    }
}
