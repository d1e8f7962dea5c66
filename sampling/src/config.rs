//! Where strategies come from: Jaeger v1's flags (`jaegertracing/jaeger plugin/sampling/strategyprovider/{static,adaptive}/options.go`).

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ValueEnum};
use spoor_model::parse_go_duration;

use crate::adaptive::{AdaptiveConfig, AdaptiveConfigError};

/// Settings of remote sampling.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Where the strategies come from that clients are told. Jaeger's variable SAMPLING_CONFIG_TYPE sets it too.
    #[arg(
        id = "sampling.config-type",
        long = "sampling.config-type",
        value_name = "SOURCE",
        default_value = "file",
        ignore_case = true
    )]
    pub kind: SamplingKind,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub file: FileConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub adaptive: AdaptiveConfig,
}

/// Settings of sampling that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting of the kind that is not chosen.
    #[error(
        "--{setting} would have no effect with --sampling.config-type={kind}; remove it, or choose the other"
    )]
    NoEffect {
        /// Without dashes.
        setting: &'static str,
        /// What is chosen.
        kind: &'static str,
    },
    /// The probability of what no strategy tells of is another setting's.
    #[error(
        "--sampling.default-sampling-probability would have no effect with --sampling.config-type=adaptive; set --sampling.initial-sampling-probability instead"
    )]
    NotTheInitialOne,
    /// A setting about a file that is not there.
    #[error("--{0} would have no effect without --sampling.strategies-file; remove it, or name the file")]
    NoFile(&'static str),
    /// Adaptive sampling.
    #[error(transparent)]
    Adaptive(#[from] AdaptiveConfigError),
}

impl Config {
    /// Checks what a single flag cannot tell.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the remedy.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let no_effect = |setting, kind| Err(ConfigError::NoEffect { setting, kind });
        match self.kind {
            SamplingKind::File => match (self.adaptive.first_changed(), self.file.first_without_file()) {
                (Some(setting), _) => no_effect(setting, "file"),
                (None, Some(setting)) => Err(ConfigError::NoFile(setting)),
                (None, None) => Ok(()),
            },
            SamplingKind::Adaptive if self.file.strategies.is_some() => {
                no_effect("sampling.strategies-file", "adaptive")
            }
            SamplingKind::Adaptive if !self.file.reload_interval.is_zero() => {
                no_effect("sampling.strategies-reload-interval", "adaptive")
            }
            SamplingKind::Adaptive if !self.file.limiting_services_inherit => {
                no_effect("sampling.strategies.bugfix-5270", "adaptive")
            }
            SamplingKind::Adaptive if self.file.default_probability.is_some() => {
                Err(ConfigError::NotTheInitialOne)
            }
            SamplingKind::Adaptive => Ok(self.adaptive.validate()?),
        }
    }
}

/// Where strategies come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SamplingKind {
    /// A file, or one probability for all without one
    #[value(alias = "static")]
    File,
    /// Calculation from the traffic that collectors see
    Adaptive,
}

/// Strategies out of a file.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct FileConfig {
    /// A JSON file with strategies, or the address (http://, https://) under which one is served. It must be readable and right at the
    /// start; an address under which nobody answers yet is tried until somebody does.
    #[arg(id = "sampling.strategies-file", long = "sampling.strategies-file", value_name = "PLACE")]
    pub strategies: Option<PathBuf>,

    /// How often the file is read again; 0: never. What cannot be read, or is wrong, changes nothing: the strategies stay as they are and
    /// the reason is in the log.
    #[arg(id = "sampling.strategies-reload-interval", long = "sampling.strategies-reload-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "0s")]
    pub reload_interval: Duration,

    /// Services that limit their rate get the operations of the default strategy, too, as all others do. Jaeger before 1.66 left them
    /// out unless this was set, until the file was first read again.
    #[arg(
        id = "sampling.strategies.bugfix-5270",
        long = "sampling.strategies.bugfix-5270",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true"
    )]
    pub limiting_services_inherit: bool,

    /// The probability, 0 to 1, where no strategy says anything else; by default 0.001 from a collector and 1 from the all-in-one. With
    /// adaptive sampling, --sampling.initial-sampling-probability stands in its place.
    #[arg(
        id = "sampling.default-sampling-probability",
        long = "sampling.default-sampling-probability",
        value_name = "PROBABILITY",
        value_parser = parse_probability
    )]
    // Without a default of the flag's, so that one out of a configuration file is seen to be set.
    pub default_probability: Option<f64>,
}

/// As Jaeger's collector has it.
const DEFAULT_PROBABILITY: f64 = 0.001;

impl FileConfig {
    /// With this probability where none is set.
    #[must_use]
    pub fn with_default_probability(mut self, otherwise: f64) -> Self {
        self.default_probability.get_or_insert(otherwise);
        self
    }

    pub(crate) fn probability(&self) -> f64 {
        self.default_probability.unwrap_or(DEFAULT_PROBABILITY)
    }

    /// A setting that only a file gives an effect, where there is none.
    fn first_without_file(&self) -> Option<&'static str> {
        if self.strategies.is_some() {
            return None;
        }
        let reloads = (!self.reload_interval.is_zero()).then_some("sampling.strategies-reload-interval");
        let leaves_out = (!self.limiting_services_inherit).then_some("sampling.strategies.bugfix-5270");
        reloads.or(leaves_out)
    }
}

/// A number from 0 to 1.
pub(crate) fn parse_probability(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "write a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("write a number from 0 to 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        sampling: Config,
    }

    fn refused(args: &[&str]) -> Option<String> {
        let program = Program::try_parse_from([&["sampling"], args].concat()).expect("the flags are known");
        program.sampling.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn what_only_a_file_gives_an_effect_is_refused_without_one() {
        for flag in ["--sampling.strategies-reload-interval=1m", "--sampling.strategies.bugfix-5270=false"] {
            let error = refused(&[flag]).expect("it is refused");
            let (name, _) = flag.split_once('=').expect("a flag has a value");
            assert!(error.starts_with(name) && error.contains("--sampling.strategies-file"), "{error}");
            assert_eq!(refused(&[flag, "--sampling.strategies-file=s.json"]), None);
        }
        assert_eq!(refused(&[]), None);
    }
}
