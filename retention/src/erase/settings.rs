//! Which spans are to go, as users say it.

use clap::ArgAction;
use spoor_model::TraceId;
use spoor_storage::{Doomed, Pace};

use super::Plan;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// More days than anybody keeps.
const MOST_DAYS: u32 = 36_525;

/// Why spans go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They have had their time.
    Age,
    /// Somebody asks for it.
    Request,
}

/// Settings of `spoor retention delete-by-query` and `spoor retention erase`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct EraseConfig {
    /// Of delete-by-query: days, of 24 hours before now, that are kept; older spans that the other settings mean go.
    #[arg(id = "retention.days", long = "retention.days", value_name = "DAYS")]
    pub days: Option<u32>,

    /// Only spans of this service.
    #[arg(
        id = "retention.service",
        long = "retention.service",
        visible_alias = "service",
        value_name = "NAME"
    )]
    pub service: Option<String>,

    /// Only spans of this operation.
    #[arg(
        id = "retention.operation",
        long = "retention.operation",
        visible_alias = "operation",
        value_name = "NAME"
    )]
    pub operation: Option<String>,

    /// Only spans that a search for this tag finds: on the span, its process or its logs. The value stands for itself. More than one, separated by
    /// commas or given again: spans that have all of them.
    #[arg(
        id = "retention.tags",
        long = "retention.tags",
        visible_alias = "tag",
        value_name = "KEY=VALUE,…",
        value_delimiter = ',',
        value_parser = parse_tag
    )]
    pub tags: Vec<(String, String)>,

    /// Of erase: the spans of these traces.
    #[arg(
        id = "retention.trace-ids",
        long = "retention.trace-ids",
        visible_alias = "trace-id",
        value_name = "ID,…",
        value_delimiter = ','
    )]
    pub trace_ids: Vec<TraceId>,

    /// Of delete-by-query: spans go from the archive, too. With erase they do in any case.
    #[arg(id = "retention.archive", long = "retention.archive", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub archive: bool,

    /// Spans that are removed in a second, at most and in the mean; 0 is as fast as the store can.
    #[arg(
        id = "retention.requests-per-second",
        long = "retention.requests-per-second",
        value_name = "COUNT",
        default_value_t = 5_000
    )]
    pub per_second: u32,

    /// Parts of an index that the store works on at a time; 0 leaves it to the store.
    #[arg(id = "retention.slices", long = "retention.slices", value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_024))]
    pub slices: u32,

    /// Have the store give back the disk space at once (a merge of segments with many removed spans), which is work for it; otherwise it comes
    /// with the merges that are made anyway.
    #[arg(id = "retention.expunge", long = "retention.expunge", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub expunge: bool,

    /// Only count.
    #[arg(id = "retention.dry-run", long = "retention.dry-run", visible_alias = "dry-run", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub dry_run: bool,
}

/// Settings that make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EraseSettingsError {
    /// All spans would go, or nothing says which.
    #[error(
        "nothing says whose spans are to go: set --retention.service, --retention.operation or --retention.tags; whole indices go by `spoor retention clean`"
    )]
    Everybody,
    /// No age.
    #[error("nothing says from which age on spans are to go: set --retention.days, 0 for all ages")]
    NoAge,
    /// More days than there are.
    #[error("--retention.days={0} is more than a hundred years; choose less")]
    TooManyDays(u32),
    /// Nothing to erase, or two things.
    #[error("erase takes either --trace-id or --tag: set one of them")]
    TracesOrTags,
    /// A setting of the other action.
    #[error("--{0} is no setting of {1}: remove it")]
    NotHere(&'static str, &'static str),
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

impl EraseConfig {
    /// What is to go from the indices whose names have this prefix.
    ///
    /// # Errors
    /// [`EraseSettingsError`] says what makes no sense.
    pub fn plan(&self, purpose: Purpose, prefix: &str) -> Result<Plan, EraseSettingsError> {
        match purpose {
            Purpose::Age => self.check_of_age()?,
            Purpose::Request => self.check_of_request()?,
        }
        Ok(Plan {
            prefix: prefix.to_owned(),
            doomed: Doomed {
                service: self.service.clone(),
                operation: self.operation.clone(),
                tags: self.tags.clone(),
                trace_ids: self.trace_ids.clone(),
                before: None,
            },
            keeps: self.days.map(|days| i64::from(days) * DAY),
            with_archive: self.archive || purpose == Purpose::Request,
            pace: Pace {
                per_second: Some(self.per_second).filter(|&count| count > 0),
                slices: Some(self.slices).filter(|&count| count > 0),
            },
            expunges: self.expunge,
        })
    }

    fn check_of_age(&self) -> Result<(), EraseSettingsError> {
        if !self.trace_ids.is_empty() {
            return Err(EraseSettingsError::NotHere("retention.trace-ids", "delete-by-query"));
        }
        if self.service.is_none() && self.operation.is_none() && self.tags.is_empty() {
            return Err(EraseSettingsError::Everybody);
        }
        match self.days {
            None => Err(EraseSettingsError::NoAge),
            Some(days) if days > MOST_DAYS => Err(EraseSettingsError::TooManyDays(days)),
            Some(_) => Ok(()),
        }
    }

    fn check_of_request(&self) -> Result<(), EraseSettingsError> {
        if self.days.is_some() {
            return Err(EraseSettingsError::NotHere("retention.days", "erase"));
        }
        if self.archive {
            return Err(EraseSettingsError::NotHere("retention.archive", "erase, which always does so"));
        }
        if self.trace_ids.is_empty() == self.tags.is_empty() {
            return Err(EraseSettingsError::TracesOrTags);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        erase: EraseConfig,
    }

    fn plan(purpose: Purpose, args: &[&str]) -> Result<Plan, EraseSettingsError> {
        let program = Program::try_parse_from([&["erase"], args].concat());
        program.expect("the flags are known").erase.plan(purpose, "prod")
    }

    #[test]
    fn nothing_goes_unless_it_is_said_whose_and_how_old() {
        use EraseSettingsError::{Everybody, NoAge, NotHere, TracesOrTags};
        assert_eq!(plan(Purpose::Age, &["--retention.days=7"]), Err(Everybody));
        assert_eq!(plan(Purpose::Age, &["--service=shop"]), Err(NoAge));
        let traces = plan(Purpose::Age, &["--service=shop", "--retention.days=7", "--trace-id=ab"]);
        assert!(matches!(traces, Err(NotHere("retention.trace-ids", _))), "{traces:?}");
        assert_eq!(plan(Purpose::Request, &["--service=shop"]), Err(TracesOrTags));
        assert_eq!(plan(Purpose::Request, &["--tag=a=b", "--trace-id=ab"]), Err(TracesOrTags));
        let aged = plan(Purpose::Request, &["--tag=a=b", "--retention.days=7"]);
        assert!(matches!(aged, Err(NotHere("retention.days", _))), "{aged:?}");
    }

    #[test]
    fn who_asks_for_erasure_means_the_archive_too() {
        let erased = plan(Purpose::Request, &["--tag=user.id=a=b", "--tag=tenant=x"]).unwrap();
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(erased.doomed.tags, [tag("user.id", "a=b"), tag("tenant", "x")]);
        assert!(erased.with_archive && erased.keeps.is_none());
        let aged = plan(Purpose::Age, &["--service=shop", "--retention.days=7"]).unwrap();
        assert!(!aged.with_archive && aged.keeps == Some(604_800));
        assert_eq!(aged.pace, Pace { per_second: Some(5_000), slices: None });
    }
}
