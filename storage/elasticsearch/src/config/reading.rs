//! Reading: how much at a time.

use clap::Args;

/// What searches may take.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct ReadConfig {
    /// The most searches that are sent to the store at a time. Further ones wait for their turn, and are refused as busy when
    /// it does not come before their deadline. Each may have an answer of 16 MiB, and takes further turns where a single
    /// span needs more, so that all answers together are bounded, too.
    #[arg(id = "es.max-concurrent-searches", long = "es.max-concurrent-searches", value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_concurrent_searches: u32,
}

super::defaults_from_flags!(ReadConfig);
