//! The settings of a UDP port: declared once, and given by each port under its own prefix.
//! Facts: names and defaults of `jaegertracing/jaeger cmd/agent/app/flags.go` (v1.60).

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use spoor_net::ListenAddress;

use super::ConfigError;
use crate::datagram::Protocol;

/// The largest payload of a datagram over IPv4.
const LARGEST_DATAGRAM: usize = 65_507;

/// A UDP port with settings.
pub trait Processor {
    /// Its name in the settings: `jaeger-compact` in `--processor.jaeger-compact.workers`.
    const NAME: &'static str;
    /// Where it listens unless told otherwise.
    const PORT: &'static str;
    /// What it speaks.
    const PROTOCOL: Protocol;
    /// The model that Jaeger's metrics name it by; both are taken on every port.
    const MODEL: &'static str;
}

/// Port 5775.
#[derive(Debug, Clone, Copy)]
pub enum ZipkinCompact {}
/// Port 6831.
#[derive(Debug, Clone, Copy)]
pub enum JaegerCompact {}
/// Port 6832.
#[derive(Debug, Clone, Copy)]
pub enum JaegerBinary {}

impl Processor for ZipkinCompact {
    const NAME: &'static str = "zipkin-compact";
    const PORT: &'static str = ":5775";
    const PROTOCOL: Protocol = Protocol::Compact;
    const MODEL: &'static str = "zipkin";
}

impl Processor for JaegerCompact {
    const NAME: &'static str = "jaeger-compact";
    const PORT: &'static str = ":6831";
    const PROTOCOL: Protocol = Protocol::Compact;
    const MODEL: &'static str = "jaeger";
}

impl Processor for JaegerBinary {
    const NAME: &'static str = "jaeger-binary";
    const PORT: &'static str = ":6832";
    const PROTOCOL: Protocol = Protocol::Binary;
    const MODEL: &'static str = "jaeger";
}

/// What is set for one port.
#[derive(Debug, Clone)]
pub struct ProcessorConfig {
    /// Its name in the settings and as a listener.
    pub name: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
    /// The model that metrics name it by.
    pub model: &'static str,
    /// Where it listens; `None` when it is off.
    pub host_port: Option<ListenAddress>,
    /// Tasks that decode.
    pub workers: usize,
    /// Datagrams that wait for one.
    pub queue: usize,
    /// The largest datagram, in bytes.
    pub max_packet: usize,
    /// The kernel's buffer, in bytes; 0 leaves it as it is.
    pub socket_buffer: usize,
}

/// The settings of one port, as part of the agent's.
pub struct ProcessorArgs<P> {
    config: ProcessorConfig,
    port: PhantomData<fn() -> P>,
}

impl<P> Clone for ProcessorArgs<P> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), port: PhantomData }
    }
}

impl<P> fmt::Debug for ProcessorArgs<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl<P> Deref for ProcessorArgs<P> {
    type Target = ProcessorConfig;

    fn deref(&self) -> &ProcessorConfig {
        &self.config
    }
}

impl ProcessorConfig {
    /// The full name of one of its settings, without dashes.
    #[must_use]
    pub fn setting(&self, name: &str) -> String {
        setting(self.name, name)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let nothing = [
            ("workers", self.workers),
            ("server-queue-size", self.queue),
            ("server-max-packet-size", self.max_packet),
        ];
        let error =
            |name, problem: String| Err(ConfigError::Setting { setting: self.setting(name), problem });
        if let Some((name, _)) = nothing.iter().find(|(_, value)| *value == 0) {
            return error(name, "with 0 nothing could be received; choose more".to_owned());
        }
        if self.max_packet > LARGEST_DATAGRAM {
            return error(
                "server-max-packet-size",
                format!("no datagram is larger than {LARGEST_DATAGRAM} bytes; lower it"),
            );
        }
        Ok(())
    }
}

fn setting(port: &str, name: &str) -> String {
    format!("processor.{port}.{name}")
}

impl<P: Processor> Args for ProcessorArgs<P> {
    fn augment_args(command: Command) -> Command {
        command.args(settings(P::NAME, P::PORT))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<P: Processor> FromArgMatches for ProcessorArgs<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let number = |name: &str| {
            let value = matches.get_one::<u32>(&setting(P::NAME, name)).copied().unwrap_or_default();
            value as usize
        };
        let host_port = matches.get_one::<Address>(&setting(P::NAME, "server-host-port")).cloned();
        let config = ProcessorConfig {
            name: P::NAME,
            protocol: P::PROTOCOL,
            model: P::MODEL,
            host_port: host_port.and_then(|address| address.0),
            workers: number("workers"),
            queue: number("server-queue-size"),
            max_packet: number("server-max-packet-size"),
            socket_buffer: number("server-socket-buffer-size"),
        };
        Ok(Self { config, port: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// An address, or nothing.
#[derive(Debug, Clone)]
pub(super) struct Address(pub(super) Option<ListenAddress>);

pub(super) fn parse_address(text: &str) -> Result<Address, String> {
    if text.is_empty() {
        return Ok(Address(None));
    }
    text.parse().map(|address| Address(Some(address))).map_err(|error| format!("{error}"))
}

/// The settings under a port's name.
fn settings(port: &'static str, address: &'static str) -> [Arg; 5] {
    let one = |name: &str, value: &'static str, default: &'static str, help: String| {
        let id = setting(port, name);
        Arg::new(id.clone())
            .long(id)
            .value_name(value)
            .default_value(default)
            .help(help.clone())
            .long_help(help)
    };
    let number = |arg: Arg| arg.value_parser(value_parser!(u32));
    [
        one(
            "server-host-port",
            "HOST:PORT",
            address,
            format!("Address of the UDP port {port}. Empty: it is off"),
        )
        .value_parser(parse_address),
        number(one(
            "workers",
            "COUNT",
            "10",
            format!(
                "Tasks that decode datagrams of the UDP port {port}. As many sockets share the port, up to the number of processors"
            ),
        )),
        number(one(
            "server-queue-size",
            "COUNT",
            "1000",
            format!(
                "Datagrams of the UDP port {port} that may wait to be decoded, and at most 8 MiB of them; more are dropped and counted"
            ),
        )),
        number(one(
            "server-max-packet-size",
            "BYTES",
            "65000",
            format!("Largest datagram that the UDP port {port} takes; a larger one is refused and counted"),
        )),
        number(one(
            "server-socket-buffer-size",
            "BYTES",
            "0",
            format!(
                "The kernel's buffer of each socket of the UDP port {port}; 0 leaves it to the system. The kernel caps it at net.core.rmem_max"
            ),
        )),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PortsConfig;

    #[test]
    fn every_udp_port_has_settings_of_its_own() {
        let command = || PortsConfig::augment_args(Command::new("test").no_binary_name(true));
        let of =
            |flags: &[String]| PortsConfig::from_arg_matches(&command().get_matches_from(flags)).unwrap();
        for (at, port) in ["zipkin-compact", "jaeger-compact", "jaeger-binary"].into_iter().enumerate() {
            let flags = [
                ("server-host-port", "localhost:7"),
                ("workers", "3"),
                ("server-queue-size", "4"),
                ("server-max-packet-size", "5"),
                ("server-socket-buffer-size", "6"),
            ]
            .map(|(name, value)| format!("--processor.{port}.{name}={value}"));
            let ports = of(&flags);
            for (other, config) in ports.processors().into_iter().enumerate() {
                let told = (config.workers, config.queue, config.max_packet, config.socket_buffer);
                assert_eq!(told, if other == at { (3, 4, 5, 6) } else { (10, 1000, 65_000, 0) }, "{port}");
                let address = config.host_port.as_ref().unwrap().to_string();
                assert_eq!(address == "localhost:7", other == at, "{port}");
            }
        }
        let ports = of(&["--processor.jaeger-binary.server-host-port=".to_owned()]);
        assert!(ports.jaeger_binary.host_port.is_none() && ports.jaeger_compact.host_port.is_some());
    }
}
