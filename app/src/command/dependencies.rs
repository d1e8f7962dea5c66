//! `spoor query dependencies`: who called whom on a day, counted from its spans and stored, for cron.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use spoor_model::UnixNanos;
use spoor_query::dependencies::{Day, recount};
use spoor_storage::Tenant;

use crate::backend::{self, StorageConfig};

/// Settings of the command: those of the store.
#[derive(Debug, clap::Args)]
pub(crate) struct DependenciesArgs {
    /// A file with settings: YAML, JSON or TOML, the flags' names dotted or nested. Flags and environment win over it.
    #[arg(id = "config-file", long = "config-file", value_name = "PATH")]
    config_file: Option<PathBuf>,

    #[command(flatten)]
    storage: StorageConfig,

    /// The day (UTC) whose traces are counted: YYYY-MM-DD, today or yesterday. What was stored for that day before is replaced, so that
    /// the command may run as often as one likes.
    #[arg(long = "day", value_name = "DAY", default_value = "today")]
    day: WantedDay,
}

/// A day as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WantedDay {
    Today,
    Yesterday,
    Named(Day),
}

impl FromStr for WantedDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            date => date.parse().map(Self::Named),
        }
    }
}

/// Counts the day, and says what it found.
pub(crate) async fn run(args: &DependenciesArgs) -> Result<()> {
    args.storage.validate_shared()?;
    let stores = backend::open_unwatched(&args.storage)?;
    let dependencies = stores.dependencies.context("this store keeps no dependencies")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock shows a time before 1970")?;
    let now = UnixNanos::ZERO.saturating_add(now);
    let day = match args.day {
        WantedDay::Today => Day::of(now),
        WantedDay::Yesterday => Day::of(now).before(),
        WantedDay::Named(day) => day,
    };
    let counted = recount(stores.reader.as_ref(), dependencies.as_ref(), &Tenant::default(), day, now).await;
    let counted = counted.with_context(|| format!("count the dependencies of {day}"))?;
    let (traces, spans, links) = (counted.traces, counted.spans, counted.calls.len());
    if traces == 0 {
        println!("{day}: no traces; what was stored for the day stays");
    } else {
        println!("{day}: {links} links from {spans} spans in {traces} traces");
    }
    if counted.cut > 0 {
        println!("of {} traces only the first 1000000 spans counted", counted.cut);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_or_a_word() {
        assert_eq!("yesterday".parse(), Ok(WantedDay::Yesterday));
        assert_eq!("2026-03-01".parse(), Ok(WantedDay::Named("2026-03-01".parse().unwrap())));
        assert!("tomorrow".parse::<WantedDay>().unwrap_err().contains("2026-08-20"));
    }
}
