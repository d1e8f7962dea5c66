//! Settings of Prometheus: Jaeger v1's names. The doc comments are the help text and the manual.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use spoor_model::parse_go_duration;

use crate::ServerUrl;

/// Where Prometheus is and what its series are called.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct Config {
    /// The address of Prometheus, or of what speaks its API, with http:// or https://; it may have a path. Let it be one replica, or a
    /// store that knows of replicas: a server that has the series of several doubles every rate, see
    /// --prometheus.query.replica-label. The address may carry user:password@.
    #[arg(
        id = "prometheus.server-url",
        long = "prometheus.server-url",
        value_name = "URL",
        default_value = "http://localhost:9090"
    )]
    pub server_url: ServerUrl,

    /// How long to wait for a connection to Prometheus.
    #[arg(id = "prometheus.connect-timeout", long = "prometheus.connect-timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "30s")]
    pub connect_timeout: Duration,

    /// A file that holds a bearer token for Prometheus, read again for each question. Line ends after it do not belong to it.
    #[arg(
        id = "prometheus.token-file",
        long = "prometheus.token-file",
        value_name = "FILE",
        default_value = ""
    )]
    pub token_file: String,

    /// Whether the bearer token of the user who asks, if there is one, goes to Prometheus in place of that of
    /// --prometheus.token-file. Needs --query.bearer-token-propagation.
    #[arg(
        id = "prometheus.token-override-from-context",
        long = "prometheus.token-override-from-context",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub token_override_from_context: bool,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub query: QueryConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub tls: TlsConfig,
}

/// What the series are called, and what goes with each question.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct QueryConfig {
    /// What the names of the series begin with, an underscore behind it: the connector's `namespace`. May be empty.
    #[arg(
        id = "prometheus.query.namespace",
        long = "prometheus.query.namespace",
        value_name = "NAME",
        default_value = "traces_span_metrics"
    )]
    pub namespace: Name,

    /// The unit of the connector's histogram of durations. Answers are in milliseconds either way.
    #[arg(
        id = "prometheus.query.duration-unit",
        long = "prometheus.query.duration-unit",
        value_name = "UNIT",
        default_value = "ms"
    )]
    pub duration_unit: LatencyUnit,

    /// Whether the exporter names the count of calls `calls_total` instead of `calls`. Prometheus exporters of the collector do.
    #[arg(
        id = "prometheus.query.normalize-calls",
        long = "prometheus.query.normalize-calls",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub normalize_calls: bool,

    /// Whether the exporter puts the unit behind the name of the durations: `duration_milliseconds_bucket` instead of
    /// `duration_bucket`. Prometheus exporters of the collector do.
    #[arg(
        id = "prometheus.query.normalize-duration",
        long = "prometheus.query.normalize-duration",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub normalize_duration: bool,

    /// Whether the series are those of the span metrics connector. With false they are those of the span metrics processor that came
    /// before it: `latency_bucket`, `calls`, no namespace, and the label `operation` for a span's name.
    #[arg(
        id = "prometheus.query.support-spanmetrics-connector",
        long = "prometheus.query.support-spanmetrics-connector",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub support_connector: bool,

    /// Parameters for the address of each question, as in `param1=value1,param2=value2`.
    #[arg(
        id = "prometheus.query.extra-query-params",
        long = "prometheus.query.extra-query-params",
        value_name = "NAME=VALUE,…",
        default_value = ""
    )]
    pub extra_parameters: ExtraParameters,

    /// The label by which the series of Prometheus's replicas differ (`replica`, say), where a server has those of several: of equal
    /// series the largest rate counts, instead of their sum. Empty where a server has the series of one.
    #[arg(
        id = "prometheus.query.replica-label",
        long = "prometheus.query.replica-label",
        value_name = "LABEL",
        default_value = ""
    )]
    pub replica_label: Name,

    /// The label that names the tenant whose spans a series counts (`tenant`, say): every question asks for the series of the tenant who
    /// asks, and for no others. Without --multi-tenancy.enabled these are the series without the label. Empty where series are of no
    /// tenant, which does not go together with --multi-tenancy.enabled.
    #[arg(
        id = "prometheus.query.tenant-label",
        long = "prometheus.query.tenant-label",
        value_name = "LABEL",
        default_value = ""
    )]
    pub tenant_label: Name,
}

/// How an https:// address is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(skip)]
pub struct TlsConfig {
    /// Whether the other --prometheus.tls settings hold for an https:// address. Without it such an address is spoken to as well, with
    /// the system's trusted authorities and no client certificate.
    #[arg(
        id = "prometheus.tls.enabled",
        long = "prometheus.tls.enabled",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub enabled: bool,

    /// A PEM file of the certificate authorities that Prometheus's certificate is checked against, in place of the system's. It and
    /// the other files are read at start.
    #[arg(id = "prometheus.tls.ca", long = "prometheus.tls.ca", value_name = "FILE", default_value = "")]
    pub ca: String,

    /// A PEM file of the certificate that we show to Prometheus. Goes with --prometheus.tls.key.
    #[arg(id = "prometheus.tls.cert", long = "prometheus.tls.cert", value_name = "FILE", default_value = "")]
    pub cert: String,

    /// A PEM file of the private key of --prometheus.tls.cert: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[arg(id = "prometheus.tls.key", long = "prometheus.tls.key", value_name = "FILE", default_value = "")]
    pub key: String,

    /// The name that Prometheus's certificate has to bear, instead of the host in its address.
    #[arg(
        id = "prometheus.tls.server-name",
        long = "prometheus.tls.server-name",
        value_name = "NAME",
        default_value = ""
    )]
    pub server_name: String,

    /// Takes any certificate for Prometheus's, whoever signed it and whatever name it bears: anyone in between can then read and
    /// change all, tokens included.
    #[arg(
        id = "prometheus.tls.skip-host-verify",
        long = "prometheus.tls.skip-host-verify",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub skip_host_verify: bool,
}

impl Default for Config {
    /// What the flags say when none is given.
    fn default() -> Self {
        use clap::FromArgMatches;
        let command = Self::augment_args(clap::Command::new("defaults").no_binary_name(true));
        let matches = command.get_matches_from(std::iter::empty::<&str>());
        Self::from_arg_matches(&matches).expect("every setting has a default")
    }
}

/// The unit of a histogram of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LatencyUnit {
    /// Milliseconds
    Ms,
    /// Seconds
    S,
}

/// A part of a series' name, or a label's; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Its text; letters, digits, underscores.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.bytes().all(fits) && !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} has to be made of letters, digits and underscores, no digit first; dots become underscores in Prometheus"
        ))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parameters for each question's address, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraParameters(pub Vec<(String, String)>);

impl FromStr for ExtraParameters {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let parse = |pair: &str| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(format!("{pair:?} is no parameter; write name=value,name=value")),
        };
        pairs.map(parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    fn parse(argument: &str) -> Result<Config, String> {
        let parsed = Program::try_parse_from(["spoor", argument]);
        parsed.map(|program| program.config).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_jaegers() {
        let config = Config::default();
        assert_eq!(config.server_url.to_string(), "http://localhost:9090");
        assert_eq!(config.connect_timeout, Duration::from_secs(30));
        assert!(config.token_override_from_context && config.query.support_connector);
        assert!(!config.query.normalize_calls && !config.query.normalize_duration);
        assert_eq!(config.query.namespace.as_str(), "traces_span_metrics");
        assert_eq!(config.query.duration_unit, LatencyUnit::Ms);
    }

    #[test]
    fn parameters_are_pairs_in_their_order() {
        let config = parse("--prometheus.query.extra-query-params=b=1, a=x=y,").unwrap();
        let pairs: Vec<_> = config
            .query
            .extra_parameters
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("b", "1"), ("a", "x=y")]);
    }

    #[test]
    fn what_cannot_be_asked_with_is_refused_with_the_way_to_write_it() {
        for (argument, hint) in [
            ("--prometheus.query.duration-unit=us", "ms, s"),
            ("--prometheus.query.namespace=traces.span", "underscores"),
            ("--prometheus.query.replica-label=9", "no digit first"),
            ("--prometheus.query.extra-query-params=a", "name=value"),
            ("--prometheus.server-url=localhost:9090", "http://"),
        ] {
            let error = parse(argument).unwrap_err();
            assert!(error.contains(hint), "{argument}: {error}");
        }
    }
}
