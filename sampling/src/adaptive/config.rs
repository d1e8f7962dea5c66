//! Jaeger v1's flags of adaptive sampling (`jaegertracing/jaeger plugin/sampling/strategyprovider/adaptive/options.go`).

use std::time::Duration;

use spoor_model::parse_go_duration;

use super::calculate::Goal;
use super::election::Pace;
use crate::config::parse_probability;

/// Settings of adaptive sampling.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct AdaptiveConfig {
    /// Adaptive sampling: how many traces a second are to be recorded of each operation, over all its processes.
    #[arg(id = "sampling.target-samples-per-second", long = "sampling.target-samples-per-second", value_name = "RATE", value_parser = parse_rate, default_value = "1")]
    pub target: f64,

    /// Adaptive sampling: a rate that is not further than this part from the target changes nothing; 0.3 is 30 %.
    #[arg(id = "sampling.delta-tolerance", long = "sampling.delta-tolerance", value_name = "PART", value_parser = parse_rate, default_value = "0.3")]
    pub tolerance: f64,

    /// Adaptive sampling: over how many of the latest intervals an operation's rate is taken; the newest weighs most.
    #[arg(id = "sampling.buckets-for-calculation", long = "sampling.buckets-for-calculation", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000), default_value_t = 1)]
    pub calculation_buckets: u32,

    /// Adaptive sampling: how often traffic is stored and probabilities are calculated. Longer than clients wait between two questions.
    #[arg(id = "sampling.calculation-interval", long = "sampling.calculation-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "1m")]
    pub interval: Duration,

    /// Adaptive sampling: how many intervals are kept in memory. An operation without traffic for as long is forgotten, and begins
    /// anew when it comes back.
    #[arg(id = "sampling.aggregation-buckets", long = "sampling.aggregation-buckets", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000), default_value_t = 10)]
    pub aggregation_buckets: u32,

    /// Adaptive sampling: how old traffic must be to count, so that clients have heard of the probabilities before and all collectors have
    /// stored what they saw.
    #[arg(id = "sampling.delay", long = "sampling.delay", value_name = "DURATION", value_parser = parse_go_duration, default_value = "2m")]
    pub delay: Duration,

    /// Adaptive sampling: the probability of operations that are not known yet.
    #[arg(id = "sampling.initial-sampling-probability", long = "sampling.initial-sampling-probability", value_name = "PROBABILITY", value_parser = parse_probability, default_value = "0.001")]
    pub initial: f64,

    /// Adaptive sampling: no operation gets a lower probability.
    #[arg(id = "sampling.min-sampling-probability", long = "sampling.min-sampling-probability", value_name = "PROBABILITY", value_parser = parse_probability, default_value = "0.00001")]
    pub lowest: f64,

    /// Adaptive sampling: so many traces of an operation a second are recorded in each process whatever its probability; by default
    /// one a minute.
    #[arg(id = "sampling.min-samples-per-second", long = "sampling.min-samples-per-second", value_name = "RATE", value_parser = parse_rate, default_value = "0.016666666666666666")]
    pub lower_bound: f64,

    /// Adaptive sampling: how often the collector that calculates renews its right to.
    #[arg(id = "sampling.leader-lease-refresh-interval", long = "sampling.leader-lease-refresh-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "5s")]
    pub leader_interval: Duration,

    /// Adaptive sampling: for how long the right to calculate is given, at least twice the leader's interval. The other collectors ask for it
    /// three times meanwhile; when its holder dies, one of them has it after this time and two thirds at the latest.
    #[arg(id = "sampling.follower-lease-refresh-interval", long = "sampling.follower-lease-refresh-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "60s")]
    pub follower_interval: Duration,
}

impl Default for AdaptiveConfig {
    /// What the flags say when none is given.
    fn default() -> Self {
        use clap::{Args, FromArgMatches};
        let command = Self::augment_args(clap::Command::new("defaults").no_binary_name(true));
        let matches = command.get_matches_from(std::iter::empty::<&str>());
        Self::from_arg_matches(&matches).expect("every setting has a default")
    }
}

/// Settings of adaptive sampling that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("--sampling.{setting}: {problem}")]
pub struct AdaptiveConfigError {
    setting: &'static str,
    problem: &'static str,
}

impl AdaptiveConfig {
    /// Checks what a single flag cannot tell.
    ///
    /// # Errors
    /// [`AdaptiveConfigError`] names the setting and the remedy.
    pub fn validate(&self) -> Result<(), AdaptiveConfigError> {
        let checks = [
            (self.target > 0.0, "target-samples-per-second", "nothing would be sampled; choose more than 0"),
            (self.lowest > 0.0, "min-sampling-probability", "0 could never grow again; choose more"),
            (!self.interval.is_zero(), "calculation-interval", "choose more than 0, such as 1m"),
            (
                self.calculation_buckets <= self.aggregation_buckets,
                "buckets-for-calculation",
                "no more intervals than are kept can be looked at; raise --sampling.aggregation-buckets",
            ),
            (
                !self.leader_interval.is_zero(),
                "leader-lease-refresh-interval",
                "choose more than 0, such as 5s",
            ),
            (
                self.leader_interval.saturating_mul(2) <= self.follower_interval,
                "leader-lease-refresh-interval",
                "the lead would be lost between two renewals; choose at most half of --sampling.follower-lease-refresh-interval",
            ),
        ];
        match checks.into_iter().find(|(holds, ..)| !holds) {
            Some((_, setting, problem)) => Err(AdaptiveConfigError { setting, problem }),
            None => Ok(()),
        }
    }

    /// The first setting that is not at its default, without dashes.
    pub(crate) fn first_changed(&self) -> Option<&'static str> {
        let default = Self::default();
        let same = |left: f64, right: f64| left.total_cmp(&right).is_eq();
        let kept = [
            ("sampling.target-samples-per-second", same(self.target, default.target)),
            ("sampling.delta-tolerance", same(self.tolerance, default.tolerance)),
            ("sampling.buckets-for-calculation", self.calculation_buckets == default.calculation_buckets),
            ("sampling.calculation-interval", self.interval == default.interval),
            ("sampling.aggregation-buckets", self.aggregation_buckets == default.aggregation_buckets),
            ("sampling.delay", self.delay == default.delay),
            ("sampling.initial-sampling-probability", same(self.initial, default.initial)),
            ("sampling.min-sampling-probability", same(self.lowest, default.lowest)),
            ("sampling.min-samples-per-second", same(self.lower_bound, default.lower_bound)),
            ("sampling.leader-lease-refresh-interval", self.leader_interval == default.leader_interval),
            ("sampling.follower-lease-refresh-interval", self.follower_interval == default.follower_interval),
        ];
        kept.into_iter().find(|(_, kept)| !kept).map(|(setting, _)| setting)
    }

    pub(super) fn goal(&self) -> Goal {
        Goal {
            target: self.target,
            tolerance: self.tolerance,
            buckets: self.calculation_buckets as usize,
            initial: self.initial,
            lowest: self.lowest,
            // One for clients to ask, one for collectors to store; and rounds come a little early or late.
            settling: self.interval.mul_f64(1.9),
        }
    }

    pub(super) fn pace(&self) -> Pace {
        let (lease, renew) = (self.follower_interval, self.leader_interval);
        Pace { lease, renew, ask: lease / 3 }
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "write a number, 0 or more".to_owned())
}
