//! Adaptive sampling: how far back it is read.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

/// What adaptive sampling remembers in the store.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct SamplingConfig {
    /// How far back from now the latest probabilities of adaptive sampling are looked for
    /// (--sampling.config-type=adaptive).
    #[arg(id = "es.adaptive-sampling.lookback", long = "es.adaptive-sampling.lookback", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub lookback: Duration,
}

super::defaults_from_flags!(SamplingConfig);
