//! What is to be kept, as users say it.

use std::time::Duration;

use clap::ArgAction;
use spoor_model::ByteSize;

use crate::{AgeFrom, Naming, Policy};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// More days than anybody keeps.
const MOST_DAYS: u32 = 36_525;

/// Settings of `spoor retention clean`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct CleanConfig {
    /// Days, of 24 hours before now, that are kept; older indices go.
    #[arg(id = "retention.days", long = "retention.days", value_name = "DAYS")]
    pub days: Option<u32>,

    /// Most bytes of a family's indices, over all copies, with a unit as in 500GiB; beyond it the oldest go.
    #[arg(id = "retention.max-bytes", long = "retention.max-bytes", value_name = "SIZE")]
    pub max_bytes: Option<ByteSize>,

    /// Most indices of a family; beyond it the oldest go.
    #[arg(id = "retention.max-indices", long = "retention.max-indices", value_name = "COUNT")]
    pub max_indices: Option<usize>,

    /// The indices that are looked at: those with a day or hour in their names, those that are rolled over, or those of the archive that are.
    #[arg(
        id = "retention.naming",
        long = "retention.naming",
        value_name = "NAMING",
        default_value = "dated"
    )]
    pub naming: Naming,

    /// What the age of a dated index is counted from. A copy (`-reindexed`) counts from its name in any case.
    #[arg(
        id = "retention.age-from",
        long = "retention.age-from",
        value_name = "WHAT",
        default_value = "name"
    )]
    pub age_from: AgeFrom,

    /// Days, back from the newest index of each family, that stay whatever the clock says.
    #[arg(
        id = "retention.floor-days",
        long = "retention.floor-days",
        value_name = "DAYS",
        default_value_t = 1
    )]
    pub floor_days: u32,

    /// Aliases with names of their own under which is written, comma separated. What they write to stays, as it does for each alias that ends in
    /// -write.
    #[arg(
        id = "retention.write-aliases",
        long = "retention.write-aliases",
        value_name = "ALIASES",
        value_delimiter = ','
    )]
    pub write_aliases: Vec<String>,

    /// A repository of the store's in which a snapshot is made of all indices that go, before any goes. Where that fails, or is not whole, none goes.
    #[arg(
        id = "retention.snapshot-repository",
        long = "retention.snapshot-repository",
        visible_alias = "snapshot-repository",
        value_name = "NAME"
    )]
    pub snapshot_repository: Option<String>,

    /// The longest that the snapshot may take. One that takes longer goes on in the store, and nothing goes.
    #[arg(
        id = "retention.snapshot-timeout",
        long = "retention.snapshot-timeout",
        value_name = "DURATION",
        value_parser = spoor_model::parse_go_duration,
        default_value = "1h",
        requires = "retention.snapshot-repository"
    )]
    pub snapshot_timeout: Duration,

    /// Only say what would be done.
    #[arg(
        id = "retention.dry-run",
        long = "retention.dry-run",
        visible_alias = "dry-run",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true"
    )]
    pub dry_run: bool,
}

/// Settings that make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nothing would ever go.
    #[error(
        "nothing says what is to go: set --retention.days, --retention.max-bytes or --retention.max-indices"
    )]
    NothingToDo,
    /// More days than there are.
    #[error("--{0}={1} is more than a hundred years; choose less")]
    TooManyDays(&'static str, u32),
}

impl CleanConfig {
    /// The policy, for indices whose names have this prefix and separator.
    ///
    /// # Errors
    /// [`SettingsError`] says what makes no sense.
    pub fn policy(&self, prefix: &str, separator: &str) -> Result<Policy, SettingsError> {
        if self.days.is_none() && self.max_bytes.is_none() && self.max_indices.is_none() {
            return Err(SettingsError::NothingToDo);
        }
        for (setting, days) in
            [("retention.days", self.days.unwrap_or(0)), ("retention.floor-days", self.floor_days)]
        {
            if days > MOST_DAYS {
                return Err(SettingsError::TooManyDays(setting, days));
            }
        }
        Ok(Policy {
            prefix: prefix.to_owned(),
            separator: separator.to_owned(),
            naming: self.naming,
            age_from: self.age_from,
            max_age: self.days.map(|days| i64::from(days) * DAY),
            max_bytes: self.max_bytes.map(|bytes| bytes.0),
            max_count: self.max_indices,
            keep_at_least: i64::from(self.floor_days) * DAY,
            write_aliases: self.write_aliases.clone(),
        })
    }
}

/// What `jaeger-es-index-cleaner` goes by: so many days since creation, nothing else.
#[must_use]
pub fn policy_of_jaegers_cleaner(prefix: &str, separator: &str, days: u32, naming: Naming) -> Policy {
    Policy {
        prefix: prefix.to_owned(),
        separator: separator.to_owned(),
        naming,
        age_from: AgeFrom::Creation,
        max_age: Some(i64::from(days) * DAY),
        max_bytes: None,
        max_count: None,
        keep_at_least: 0,
        write_aliases: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        clean: CleanConfig,
    }

    fn policy(args: &[&str]) -> Result<Policy, SettingsError> {
        let program = Program::try_parse_from([&["clean"], args].concat());
        program.expect("the flags are known").clean.policy("prod", "-")
    }

    #[test]
    fn who_says_nothing_is_told_what_can_be_said() {
        assert_eq!(policy(&[]), Err(SettingsError::NothingToDo));
        let error = policy(&["--retention.days=40000"]).unwrap_err().to_string();
        assert!(error.contains("--retention.days=40000"), "{error}");
    }

    #[test]
    fn units_become_seconds_and_bytes() {
        let policy = policy(&["--retention.days=7", "--retention.max-bytes=2GiB"]).expect("it makes sense");
        assert_eq!((policy.max_age, policy.max_bytes), (Some(604_800), Some(2 << 30)));
        assert_eq!((policy.keep_at_least, policy.age_from), (86_400, AgeFrom::Name));
    }
}
