//! What to generate and how to send it, as flags of `spoor generate` and as plain values for tests and benchmarks.
//! `Default` and the flags' defaults are the same; a test holds them together.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// What the generated spans look like. The same values, with the same base time, give the same bytes.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct GenerateConfig {
    /// Start value of the random numbers; the same seed gives the same spans
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of services
    #[arg(long, default_value = "100", value_name = "N")]
    pub services: NonZeroU32,
    /// Number of instances (resources) of each service
    #[arg(long, default_value = "3", value_name = "N")]
    pub instances: NonZeroU32,
    /// Number of span names of each service, at least 5
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(5..))]
    pub operations: u32,
    /// Number of traces to make; 1000 when neither this nor --spans is given
    #[arg(long, value_name = "N", conflicts_with = "spans")]
    pub traces: Option<u64>,
    /// Number of spans to make; the last trace is cut short so that the number is exact
    #[arg(long, value_name = "N")]
    pub spans: Option<u64>,
    /// Fewest spans of a trace
    #[arg(long, default_value = "8", value_name = "N")]
    pub trace_spans_min: NonZeroU32,
    /// Most spans of a trace; at least --trace-spans-min counts
    #[arg(long, default_value = "30", value_name = "N")]
    pub trace_spans_max: NonZeroU32,
    /// Spans in one request
    #[arg(long, default_value = "512", value_name = "N")]
    pub spans_per_request: NonZeroU32,
    /// Share of spans that end in an error, 0 to 1
    #[arg(long, default_value_t = 0.02, value_name = "SHARE", value_parser = parse_share)]
    pub error_rate: f64,
    /// Traces end within this time before the base time
    #[arg(long, default_value = "1m", value_name = "DURATION", value_parser = spoor_model::parse_go_duration)]
    pub spread: Duration,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            services: at_least_one(100),
            instances: at_least_one(3),
            operations: 50,
            traces: None,
            spans: None,
            trace_spans_min: at_least_one(8),
            trace_spans_max: at_least_one(30),
            spans_per_request: at_least_one(512),
            error_rate: 0.02,
            spread: Duration::from_secs(60),
        }
    }
}

impl GenerateConfig {
    /// Traces made when neither a number of traces nor of spans is given.
    pub const DEFAULT_TRACES: u64 = 1_000;

    /// This configuration, for exactly `spans` spans.
    #[must_use]
    pub fn with_spans(self, spans: u64) -> Self {
        Self { traces: None, spans: Some(spans), ..self }
    }
}

/// How to send.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct SendConfig {
    /// Where to send: http://HOST:PORT or HOST:PORT [default: the protocol's own port on 127.0.0.1]
    ///
    /// For the HTTP protocols a path may follow; without one, it is /v1/traces, or /api/traces for Jaeger's.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Protocol to send by
    #[arg(long, value_enum, default_value_t = Protocol::OtlpGrpc)]
    pub protocol: Protocol,
    /// Number of streams; each has one connection and one request at a time
    #[arg(long, default_value = "1", value_name = "N")]
    pub streams: NonZeroU32,
    /// Compression of the requests
    #[arg(long, value_enum, default_value_t = Compression::None)]
    pub compression: Compression,
    /// Upper limit for all streams together, in spans per second [default: as fast as answers come]
    #[arg(long, value_name = "SPANS_PER_SECOND")]
    pub rate: Option<NonZeroU64>,
    /// How long to wait for the answer to one request
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = spoor_model::parse_go_duration)]
    pub deadline: Duration,
    /// How long to repeat a request that got no success, honoring the server's wish for delay; 0s never repeats
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = spoor_model::parse_go_duration)]
    pub retry_for: Duration,
    /// Keep the ids and the outcome of every request in the report (for tests; about 32 bytes a span).
    #[arg(skip)]
    pub record: bool,
}

impl Default for SendConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: Protocol::OtlpGrpc,
            streams: at_least_one(1),
            compression: Compression::None,
            rate: None,
            deadline: Duration::from_secs(10),
            retry_for: Duration::ZERO,
            record: false,
        }
    }
}

/// The wire to send by; it also decides how the spans are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// OTLP by gRPC, usually port 4317
    OtlpGrpc,
    /// OTLP by HTTP with protobuf bodies, usually port 4318
    OtlpHttp,
    /// OTLP by HTTP with JSON bodies, usually port 4318
    OtlpHttpJson,
    /// Jaeger's PostSpans by gRPC, usually port 14250
    JaegerGrpc,
    /// Jaeger's Thrift by HTTP, usually port 14268
    JaegerHttp,
    /// Jaeger's compact Thrift by UDP to an agent, usually port 6831; nothing comes back, so no span counts as acknowledged
    JaegerCompact,
    /// Jaeger's binary Thrift by UDP to an agent, usually port 6832; the same
    JaegerBinary,
}

impl Protocol {
    /// Where servers of this protocol listen when nobody says otherwise.
    #[must_use]
    pub fn default_endpoint(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "http://127.0.0.1:4317",
            Self::OtlpHttp | Self::OtlpHttpJson => "http://127.0.0.1:4318",
            Self::JaegerGrpc => "http://127.0.0.1:14250",
            Self::JaegerHttp => "http://127.0.0.1:14268",
            Self::JaegerCompact => "http://127.0.0.1:6831",
            Self::JaegerBinary => "http://127.0.0.1:6832",
        }
    }

    /// Whether the receiver says what became of a request. By UDP it does not.
    #[must_use]
    pub fn has_answers(self) -> bool {
        !matches!(self, Self::JaegerCompact | Self::JaegerBinary)
    }
}

/// Compression of request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// As they are
    None,
    /// gzip
    Gzip,
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1, such as 0.02".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Parser, ValueEnum};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        generate: GenerateConfig,
        #[command(flatten)]
        send: SendConfig,
    }

    #[test]
    fn flags_and_default_values_agree() {
        let cli = Cli::parse_from(["generate"]);
        assert_eq!(cli.generate, GenerateConfig::default());
        assert_eq!(cli.send, SendConfig::default());
    }

    #[test]
    fn reads_every_flag_in_its_unit() {
        let line = "generate --spans 7 --error-rate 0.5 --spread 2h --protocol otlp-http-json --compression gzip \
                    --rate 100 --deadline 250ms --retry-for 1m --endpoint localhost:1 --streams 4";
        let cli = Cli::parse_from(line.split_whitespace());
        assert_eq!((cli.generate.spans, cli.generate.spread), (Some(7), Duration::from_secs(7_200)));
        assert_eq!((cli.send.protocol, cli.send.compression), (Protocol::OtlpHttpJson, Compression::Gzip));
        assert_eq!(
            (cli.send.deadline, cli.send.retry_for),
            (Duration::from_millis(250), Duration::from_secs(60))
        );
        assert_eq!(cli.send.rate, NonZeroU64::new(100));
    }

    #[test]
    fn only_datagrams_have_no_answers() {
        let without: Vec<_> =
            Protocol::value_variants().iter().filter(|protocol| !protocol.has_answers()).collect();
        assert_eq!(without, [&Protocol::JaegerCompact, &Protocol::JaegerBinary]);
    }

    #[test]
    fn refuses_values_without_sense() {
        for line in ["g --error-rate 2", "g --operations 2", "g --streams 0", "g --traces 1 --spans 1"] {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }
}
