//! TLS settings of a port: declared once here, and given by each port that has them under a prefix of its own.
//! Facts: names and rules of `jaegertracing/jaeger internal/config/tlscfg/flags.go` (v1.76).

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use rustls::{ProtocolVersion, SupportedCipherSuite};

use super::{Tls, TlsError, ciphers};

/// How often files are looked at unless told otherwise.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// A port with TLS settings.
pub trait TlsPort {
    /// What its settings begin with: `query.http` for `--query.http.tls.enabled`.
    const PREFIX: &'static str;
    /// What the help calls it, as in "the query's HTTP port".
    const NAME: &'static str;
}

/// The settings of one port, as part of its role's settings: `#[command(flatten)] tls: TlsArgs<MyPort>`.
pub struct TlsArgs<P> {
    config: TlsConfig,
    port: PhantomData<fn() -> P>,
}

/// TLS settings of a port.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// What the settings begin with.
    pub(super) prefix: &'static str,
    pub(super) enabled: bool,
    /// PEM files.
    pub(super) cert: String,
    pub(super) key: String,
    pub(super) client_ca: String,
    /// All that are known, when empty.
    pub(super) cipher_suites: Vec<SupportedCipherSuite>,
    pub(super) min_version: Option<ProtocolVersion>,
    pub(super) max_version: Option<ProtocolVersion>,
    reload_interval: Option<Duration>,
}

impl TlsConfig {
    /// Whether the port speaks TLS.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Checks what a single flag cannot tell, by reading the files.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn validate(&self) -> Result<(), TlsError> {
        Tls::open(self).map(drop)
    }

    /// How often the files are looked at; `None` for never.
    pub(super) fn reload_interval(&self) -> Option<Duration> {
        Some(self.reload_interval.unwrap_or(RELOAD_INTERVAL)).filter(|interval| !interval.is_zero())
    }

    /// The flag of a setting, with its dashes.
    pub(super) fn flag(&self, name: &str) -> String {
        format!("--{}.tls.{name}", self.prefix)
    }

    /// Refuses what would have no effect, or cannot work alone.
    pub(super) fn check(&self) -> Result<(), TlsError> {
        let set = [
            (!self.cert.is_empty(), "cert"),
            (!self.key.is_empty(), "key"),
            (!self.client_ca.is_empty(), "client-ca"),
            (!self.cipher_suites.is_empty(), "cipher-suites"),
            (self.min_version.is_some(), "min-version"),
            (self.max_version.is_some(), "max-version"),
            (self.reload_interval.is_some(), "reload-interval"),
        ];
        let alone = |name: &str, problem: String| TlsError::Alone { flag: self.flag(name), problem };
        if !self.enabled {
            return match set.into_iter().find(|(set, _)| *set) {
                Some((_, name)) => {
                    Err(alone(name, format!("it has no effect without {}", self.flag("enabled"))))
                }
                None => Ok(()),
            };
        }
        for (file, name) in [(&self.cert, "cert"), (&self.key, "key")] {
            if file.is_empty() {
                let problem = format!(
                    "a server that speaks TLS needs a certificate and its key: give {}=FILE",
                    self.flag(name)
                );
                return Err(alone("enabled", problem));
            }
        }
        match (self.min_version, self.max_version) {
            (Some(ProtocolVersion::TLSv1_3), Some(ProtocolVersion::TLSv1_2)) => Err(alone(
                "min-version",
                format!("it is above {}, so that nobody could connect", self.flag("max-version")),
            )),
            _ => Ok(()),
        }
    }
}

impl<P> Deref for TlsArgs<P> {
    type Target = TlsConfig;

    fn deref(&self) -> &TlsConfig {
        &self.config
    }
}

impl<P> Clone for TlsArgs<P> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), port: PhantomData }
    }
}

impl<P> fmt::Debug for TlsArgs<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl<P: TlsPort> Args for TlsArgs<P> {
    fn augment_args(command: Command) -> Command {
        command.args(settings(P::PREFIX, P::NAME))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<P: TlsPort> FromArgMatches for TlsArgs<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let id = |name: &str| format!("{}.tls.{name}", P::PREFIX);
        let text = |name: &str| matches.get_one::<String>(&id(name)).cloned().unwrap_or_default();
        let version = |name: &str| matches.get_one::<ProtocolVersion>(&id(name)).copied();
        let suites = matches.get_many::<SupportedCipherSuite>(&id("cipher-suites"));
        let config = TlsConfig {
            prefix: P::PREFIX,
            enabled: matches.get_one(&id("enabled")).copied().unwrap_or_default(),
            cert: text("cert"),
            key: text("key"),
            client_ca: text("client-ca"),
            cipher_suites: suites.into_iter().flatten().copied().collect(),
            min_version: version("min-version"),
            max_version: version("max-version"),
            reload_interval: matches.get_one(&id("reload-interval")).copied(),
        };
        Ok(Self { config, port: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The settings under a prefix.
fn settings(prefix: &'static str, port: &'static str) -> [Arg; 8] {
    let flag = |name: &str| format!("--{prefix}.tls.{name}");
    let setting = |name: &str, value_name: &'static str, help: String| {
        let id = format!("{prefix}.tls.{name}");
        Arg::new(id.clone()).long(id).value_name(value_name).help(help.clone()).long_help(help)
    };
    let (cert, key) = (flag("cert"), flag("key"));
    [
        setting("enabled", "BOOL", format!("Whether {port} speaks TLS, and nothing else then. Goes with {cert} and {key}"))
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_parser(value_parser!(bool)),
        setting("cert", "FILE", format!("A PEM file of the certificate that {port} shows, and those in between, if any"))
            .default_value(""),
        setting("key", "FILE", format!("A PEM file of the private key of {cert}: PKCS#8, PKCS#1 or SEC1, not encrypted"))
            .default_value(""),
        setting("client-ca", "FILE", format!("A PEM file of the authorities of clients: who connects to {port} has to show a certificate of one of them. Without it everybody may connect"))
            .default_value(""),
        setting("cipher-suites", "SUITES", format!("Cipher suites that {port} takes, comma separated, by the names that Go gives them. Unless some of TLS 1.3 are named, all of TLS 1.3 are taken; by default all that are known"))
            .value_delimiter(',')
            .action(ArgAction::Append)
            .value_parser(ciphers::parse),
        setting("min-version", "VERSION", format!("Lowest version of TLS that {port} speaks: 1.2 or 1.3; by default 1.2"))
            .value_parser(parse_version),
        setting("max-version", "VERSION", format!("Highest version of TLS that {port} speaks: 1.2 or 1.3; by default 1.3"))
            .value_parser(parse_version),
        setting("reload-interval", "DURATION", "How often the files are looked at; changed ones are used for connections from then on. By default 1m; 0 reads them at the start only".to_owned())
            .value_parser(spoor_model::parse_go_duration),
    ]
}

fn parse_version(text: &str) -> Result<ProtocolVersion, String> {
    match text {
        "1.2" => Ok(ProtocolVersion::TLSv1_2),
        "1.3" => Ok(ProtocolVersion::TLSv1_3),
        "1.0" | "1.1" => Err(format!("TLS {text} is broken and not spoken here; write 1.2 or 1.3")),
        _ => Err("write 1.2 or 1.3".to_owned()),
    }
}
