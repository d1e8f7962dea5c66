//! Settings of the query role. The doc comments are the help text and the manual.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use spoor_model::{ByteSize, parse_go_duration};
use spoor_net::ListenAddress;
use spoor_net::tls::{TlsArgs, TlsError};

use crate::api::CorsConfig;
use crate::ports::{GrpcPort, HttpPort};
use crate::ui::{Ui, UiConfig, UiError};

/// Settings of the query role: Jaeger v1's names where Jaeger has the setting, and bounds of our own.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Address of the HTTP port: API and page.
    #[arg(
        id = "query.http-server.host-port",
        long = "query.http-server.host-port",
        value_name = "HOST:PORT",
        default_value = ":16686"
    )]
    pub http: ListenAddress,

    /// Address of the gRPC port: `jaeger.api_v2.QueryService`, `jaeger.api_v3.QueryService`, health and reflection.
    #[arg(
        id = "query.grpc-server.host-port",
        long = "query.grpc-server.host-port",
        value_name = "HOST:PORT",
        default_value = ":16685"
    )]
    pub grpc: ListenAddress,

    /// Path under which everything is served by HTTP, for a proxy in front that forwards a part of its site: begins with a slash and does
    /// not end with one.
    #[arg(id = "query.base-path", long = "query.base-path", value_name = "PATH", default_value = "/")]
    pub base_path: BasePath,

    /// Largest difference of two hosts' clocks that is corrected when a trace is shown, as in 50ms. 0s corrects none, and tells on
    /// each span by how much it would have been moved.
    #[arg(
        id = "query.max-clock-skew-adjustment",
        long = "query.max-clock-skew-adjustment",
        value_name = "DURATION",
        default_value = "0s",
        value_parser = parse_go_duration
    )]
    pub max_clock_skew: Duration,

    /// A header for every answer, as in "Access-Control-Allow-Origin: *". May be given several times.
    #[arg(id = "query.additional-headers", long = "query.additional-headers", value_name = "NAME: VALUE")]
    pub additional_headers: Vec<Header>,

    /// The pages.
    #[command(flatten)]
    pub ui: UiConfig,

    /// Pages of other origins.
    #[command(flatten)]
    pub cors: CorsConfig,

    /// Passes the token of the user who asks on to the store: that of `Authorization: Bearer …`, else of X-Forwarded-Access-Token.
    /// The store takes it with --es.bearer-token-propagation.
    #[arg(
        id = "query.bearer-token-propagation",
        long = "query.bearer-token-propagation",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub bearer_token_propagation: bool,

    /// TLS of the HTTP port.
    #[command(flatten)]
    pub http_tls: TlsArgs<HttpPort>,

    /// TLS of the gRPC port.
    #[command(flatten)]
    pub grpc_tls: TlsArgs<GrpcPort>,

    /// Records traces of the query itself: the questions that it is asked, and those that it asks the store for them. Which of them, and where the traces go, is said by
    /// the --otel settings.
    #[arg(
        id = "query.enable-tracing",
        long = "query.enable-tracing",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub enable_tracing: bool,

    /// Logs each request of both ports at its end: method, path, the names of its parameters, status, bytes and time.
    #[arg(
        id = "query.access-log",
        long = "query.access-log",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub access_log: bool,

    /// A question that takes this long is logged: which conditions it had (none of their values), the time of the store, how much was
    /// found. 0s logs none.
    #[arg(
        id = "query.slow-query-threshold",
        long = "query.slow-query-threshold",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = parse_go_duration
    )]
    pub slow_query_threshold: Duration,

    /// How long a question may take until its answer begins; then its work stops and the answer is 504. The file of /api/transform has as
    /// long to come, else the answer is 408.
    #[arg(
        id = "query.request-timeout",
        long = "query.request-timeout",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = positive_duration
    )]
    pub request_timeout: Duration,

    /// Most questions for traces worked on at a time, and as many for lists of names beside them: as long as the store is read. One more
    /// waits a second for its turn, then the answer is 429. A trace asked for raw has a turn while a part of it is read, and none while
    /// its client is waited for. Answers that are being sent are bounded by their bytes.
    #[arg(
        id = "query.max-concurrent-searches",
        long = "query.max-concurrent-searches",
        value_name = "COUNT",
        default_value = "64"
    )]
    pub max_concurrent_searches: NonZeroUsize,

    /// Most traces that a search may ask for (`limit`), and most ids in one question. More is answered with 400.
    #[arg(id = "query.max-limit", long = "query.max-limit", value_name = "COUNT", default_value = "10000")]
    pub max_limit: NonZeroUsize,

    /// Most spans of one trace in a search's answer. A larger trace is cut there, with a warning on its first span; asked for by
    /// its id it is whole.
    #[arg(
        id = "query.max-search-trace-spans",
        long = "query.max-search-trace-spans",
        value_name = "COUNT",
        default_value = "10000"
    )]
    pub max_search_trace_spans: NonZeroUsize,

    /// Most memory for the spans of one trace in a search's answer. A larger trace is cut there, with a warning on its first span; asked
    /// for by its id it is whole.
    #[arg(
        id = "query.max-search-trace-bytes",
        long = "query.max-search-trace-bytes",
        value_name = "SIZE",
        default_value_t = ByteSize(256 << 20),
        value_parser = ByteSize::parse_at_least_one_mebibyte
    )]
    pub max_search_trace_bytes: ByteSize,

    /// Most spans of all traces in a search's answer. The trace that goes beyond is cut, with a warning on its first span, and further
    /// ones are left out, which the answer says among its errors.
    #[arg(
        id = "query.max-search-spans",
        long = "query.max-search-spans",
        value_name = "COUNT",
        default_value = "1000000"
    )]
    pub max_search_spans: NonZeroUsize,

    /// Most spans of a trace that is asked for by its id. A larger one is cut there, with a warning on its first span, unless it is
    /// asked for raw. 0 cuts none.
    #[arg(
        id = "query.max-trace-spans",
        long = "query.max-trace-spans",
        value_name = "COUNT",
        default_value = "0"
    )]
    pub max_trace_spans: usize,

    /// Most memory for the spans of one answer. A trace that needs more is cut, with a warning on its first span; a search leaves
    /// out further traces, and says so among the answer's errors. A trace asked for raw by its id is sent as it is read, and never cut.
    #[arg(
        id = "query.max-answer-bytes",
        long = "query.max-answer-bytes",
        value_name = "SIZE",
        default_value_t = ByteSize(256 << 20),
        value_parser = ByteSize::parse_at_least_one_mebibyte
    )]
    pub max_answer_bytes: ByteSize,

    /// How often the dependencies of today (who calls whom, what the UI shows under System Architecture) are counted from the spans
    /// and stored, and yesterday's once more when it is over. Of the processes that have the setting one at a time does it, with at
    /// most a twentieth of its time. Where the store keeps tenants apart (`--multi-tenancy.enabled`), as in memory, each tenant's calls
    /// are counted by themselves; Elasticsearch keeps all together. 0s never does; then spark-dependencies may, or `spoor query dependencies` from cron. When not set:
    /// 15s in an all-in-one that stores in memory, else never.
    #[arg(
        id = "query.dependencies.interval",
        long = "query.dependencies.interval",
        value_name = "DURATION",
        value_parser = parse_go_duration
    )]
    pub dependencies_interval: Option<Duration>,

    /// Most memory for the spans of all answers together, and for lists of names. A question that finds no room is answered with 429.
    #[arg(
        id = "query.max-bytes-in-flight",
        long = "query.max-bytes-in-flight",
        value_name = "SIZE",
        default_value_t = ByteSize(1 << 30),
        value_parser = ByteSize::parse_at_least_one_mebibyte
    )]
    pub max_bytes_in_flight: ByteSize,
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ConfigError {
    /// Those of TLS.
    Tls(#[from] TlsError),
    /// Those of the UI.
    Ui(#[from] UiError),
}

impl Config {
    /// Checks what no single setting can tell: the files of TLS and of the UI.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting, the file and the remedy.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.http_tls.validate()?;
        self.grpc_tls.validate()?;
        Ui::open(&self.ui, &self.base_path, "{}")?;
        Ok(())
    }
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match parse_go_duration(text) {
        Ok(Duration::ZERO) => Err("no question is answered in no time; give 1s or more".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// The path before every route: empty for the root, else like `/jaeger`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// What comes before the slash of each route; empty for the root.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }
}

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "" | "/") {
            return Ok(Self::default());
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if !text.starts_with('/') || text.ends_with('/') {
            return Err(format!(
                "the base path {text:?} has to begin with a slash and must not end with one, like /jaeger"
            ));
        }
        if !text.bytes().all(plain) || text[1..].split('/').any(|segment| matches!(segment, "" | "." | ".."))
        {
            return Err(format!(
                "the base path {text:?} has to be made of letters, digits and -._~ between single slashes"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// A header that every answer carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| format!("the header {text:?} has no colon; write it like \"Name: value\""))?;
        let name = name.trim().parse().map_err(|_| format!("{:?} cannot be a header's name", name.trim()))?;
        let value = value.trim().parse().map_err(|_| {
            format!("the value of the header {name} has characters that headers cannot carry")
        })?;
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        query: Config,
    }

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Program::try_parse_from(std::iter::once(&"spoor").chain(args)).map(|program| program.query)
    }

    #[test]
    fn listens_where_jaeger_does_by_default() {
        let config = parse(&[]).unwrap();
        assert_eq!((config.http.to_string(), config.base_path.to_string()), (":16686".into(), "/".into()));
        assert_eq!(config.grpc.to_string(), ":16685");
        assert_eq!(config.max_clock_skew, Duration::ZERO);
    }

    #[test]
    fn reads_jaegers_flags() {
        let config = parse(&[
            "--query.http-server.host-port=127.0.0.1:0",
            "--query.grpc-server.host-port=127.0.0.1:1",
            "--query.base-path=/jaeger",
            "--query.max-clock-skew-adjustment=1m30s",
            "--query.additional-headers=X-One: a: b",
            "--query.additional-headers=x-two:",
        ])
        .unwrap();
        assert_eq!(config.grpc.to_string(), "127.0.0.1:1");
        assert_eq!(config.base_path.prefix(), "/jaeger");
        assert_eq!(config.max_clock_skew, Duration::from_secs(90));
        let headers: Vec<_> = config
            .additional_headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.to_str().unwrap()))
            .collect();
        assert_eq!(headers, [("x-one", "a: b"), ("x-two", "")]);
    }

    #[test]
    fn refuses_what_cannot_work_and_says_how_to_write_it() {
        for (argument, hint) in [
            ("--query.base-path=jaeger", "begin with a slash"),
            ("--query.base-path=/jaeger/", "must not end"),
            ("--query.base-path=/a//b", "single slashes"),
            ("--query.base-path=/../b", "single slashes"),
            ("--query.base-path=/{a}", "letters"),
            ("--query.additional-headers=X", "colon"),
            ("--query.additional-headers=a b: c", "name"),
            ("--query.request-timeout=0", "1s or more"),
            ("--query.max-limit=0", "zero"),
            ("--query.max-answer-bytes=5", "1MiB or more"),
            ("--query.max-concurrent-searches=0", "zero"),
        ] {
            let error = parse(&[argument]).unwrap_err().to_string();
            assert!(error.contains(hint), "{argument}: {error}");
        }
    }
}
