//! Asking the store for its nodes.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

/// Whether and how the store is asked which nodes it has.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(skip)]
pub struct SniffingConfig {
    /// Asks the store for its nodes (`GET /_nodes/http`) and spreads requests over them, but for those that are masters only. The
    /// addresses of --es.server-urls are then asked when none of these nodes is in good health. At most 200 nodes are taken.
    #[arg(
        id = "es.sniffer",
        long = "es.sniffer",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub enabled: bool,

    /// Whether the nodes that --es.sniffer finds speak https; they are then reached as --es.tls says.
    #[arg(
        id = "es.sniffer-tls-enabled",
        long = "es.sniffer-tls-enabled",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub tls: bool,

    /// How often --es.sniffer asks again, 1s or more. After a failure it asks sooner.
    #[arg(id = "es.sniffer-interval", long = "es.sniffer-interval", value_name = "DURATION", value_parser = at_least_one_second, default_value = "5m0s")]
    pub interval: Duration,
}

fn at_least_one_second(text: &str) -> Result<Duration, String> {
    match parse_go_duration(text) {
        Ok(duration) if duration < Duration::from_secs(1) => Err("give 1s or more".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

super::defaults_from_flags!(SniffingConfig);
