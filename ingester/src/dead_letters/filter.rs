//! Which letters are meant, as flags.

use std::time::{Duration, SystemTime};

use spoor_model::parse_go_duration;

use crate::quarantine::{Letter, Reason, parse_rfc3339};

/// Which letters. Without a flag: all.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct FilterArgs {
    /// Only letters that were set aside for this reason: empty, unrecognized, malformed, no-span, no-ids or refused; several with commas
    #[arg(long = "reason", value_name = "REASON", value_delimiter = ',', value_parser = parse_reason)]
    pub reasons: Vec<Reason>,
    /// Only letters that were read from this partition; several with commas
    #[arg(long = "partition", value_name = "N", value_delimiter = ',')]
    pub partitions: Vec<i32>,
    /// Only letters that were set aside then or later: a time (2006-01-02T15:04:05Z) or how long ago (1h30m)
    #[arg(long, value_name = "TIME|DURATION", value_parser = parse_moment)]
    pub since: Option<Moment>,
    /// Only letters that were set aside before: a time or how long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = parse_moment)]
    pub until: Option<Moment>,
    /// No more letters than that
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// A moment as flags give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// That moment.
    At(SystemTime),
    /// So long before the command runs.
    Ago(Duration),
}

impl Moment {
    fn given(self, now: SystemTime) -> SystemTime {
        match self {
            Self::At(moment) => moment,
            Self::Ago(age) => now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

impl FilterArgs {
    /// True when some letters are not meant.
    pub(super) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// # Errors
    /// No letter can be meant.
    pub(super) fn validate(&self) -> Result<(), String> {
        let now = SystemTime::now();
        match (self.since, self.until) {
            (Some(since), Some(until)) if since.given(now) >= until.given(now) => {
                Err("--since is not before --until: no letter lies between; swap them".to_owned())
            }
            _ if self.limit == Some(0) => Err("--limit 0 means no letter; leave it out for all".to_owned()),
            _ => Ok(()),
        }
    }

    /// The filter for a command that runs now.
    pub(super) fn at(&self, now: SystemTime) -> Filter<'_> {
        let given = |moment: Option<Moment>| moment.map(|moment| moment.given(now));
        Filter { args: self, since: given(self.since), until: given(self.until) }
    }
}

/// A filter whose moments are fixed.
pub(super) struct Filter<'a> {
    args: &'a FilterArgs,
    since: Option<SystemTime>,
    until: Option<SystemTime>,
}

impl Filter<'_> {
    pub(super) fn takes(&self, letter: &Letter) -> bool {
        let Self { args, since, until } = self;
        (args.reasons.is_empty() || args.reasons.contains(&letter.reason))
            && (args.partitions.is_empty() || args.partitions.contains(&letter.place.partition))
            && since.is_none_or(|since| letter.set_aside >= since)
            && until.is_none_or(|until| letter.set_aside < until)
    }

    pub(super) fn limit(&self) -> usize {
        self.args.limit.unwrap_or(usize::MAX)
    }
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::named(text).ok_or_else(|| {
        let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        format!("there is no such reason; there are {}", names.join(", "))
    })
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    if let Some(moment) = parse_rfc3339(text) {
        return Ok(Moment::At(moment));
    }
    parse_go_duration(text)
        .map(Moment::Ago)
        .map_err(|_| "neither a time like 2006-01-02T15:04:05Z nor a duration like 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_or_durations_ago() {
        let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(parse_moment("1970-01-01T00:00:01Z"), Ok(Moment::At(second)));
        assert_eq!(parse_moment("1h30m"), Ok(Moment::Ago(Duration::from_secs(5_400))));
        assert!(parse_moment("yesterday").is_err());
    }

    #[test]
    fn a_filter_that_takes_nothing_is_refused() {
        let hours = |hours: u64| Some(Moment::Ago(Duration::from_secs(hours * 3_600)));
        let turned = FilterArgs { since: hours(1), until: hours(2), ..FilterArgs::default() };
        assert!(turned.validate().is_err());
        assert_eq!(FilterArgs { since: hours(2), until: hours(1), ..turned }.validate(), Ok(()));
        assert!(FilterArgs { limit: Some(0), ..FilterArgs::default() }.validate().is_err());
    }
}
