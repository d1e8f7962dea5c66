//! The HTTP port that clients ask for their sampling strategies.

use std::time::Duration;

use spoor_model::parse_go_duration;

use super::processor::{Address, parse_address};
use spoor_net::ListenAddress;

/// Settings of port 5778.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct HttpConfig {
    /// Address of the HTTP port where clients ask for sampling strategies: `/sampling` and, in the old form, `/`. Empty: it is off.
    #[arg(
        id = "http-server.host-port",
        long = "http-server.host-port",
        value_name = "HOST:PORT",
        default_value = ":5778",
        value_parser = parse_address
    )]
    host_port: Address,

    /// How long a collector's sampling strategy of a service is answered from memory. Older, it is answered only while no collector is
    /// reachable, however old.
    #[arg(
        id = "agent.sampling-cache-ttl",
        long = "agent.sampling-cache-ttl",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "5s"
    )]
    pub cache_ttl: Duration,
}

impl HttpConfig {
    /// Where it listens; `None` when it is off.
    #[must_use]
    pub fn host_port(&self) -> Option<&ListenAddress> {
        self.host_port.0.as_ref()
    }
}
