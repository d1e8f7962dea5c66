//! `list`: letters, one a line.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::printable::{Printable, shortened};
use super::{DeadLettersError, FilterArgs, Letters, Stray};
use crate::quarantine::{Letter, Reason, rfc3339};

/// Characters of a detail in a line of text.
const DETAIL_CHARS: usize = 120;

/// What to list, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct ListArgs {
    /// Which letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// As lines of text with totals below, or as one JSON object a line
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub output: Output,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

pub(super) async fn list(
    args: &ListArgs,
    letters: &mut dyn Letters,
    out: &mut dyn Write,
) -> Result<(), DeadLettersError> {
    let filter = args.filter.at(SystemTime::now());
    let mut totals = Totals::default();
    'pages: while let Some(page) = letters.next_page().await? {
        for stray in &page.strays {
            totals.strays += 1;
            write_stray(args.output, stray, out)?;
        }
        for letter in page.letters.iter().filter(|letter| filter.takes(letter)) {
            if totals.letters() == filter.limit() {
                totals.cut = true;
                break 'pages;
            }
            write_letter(args.output, letter, out)?;
            totals.count(letter);
        }
    }
    if args.output == Output::Text {
        totals.write(&args.filter, &letters.place(), out)?;
    }
    Ok(out.flush()?)
}

fn write_letter(output: Output, letter: &Letter, out: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Text => writeln!(out, "{}", text_line(letter)),
        Output::Json => {
            serde_json::to_writer(&mut *out, &JsonLine::from(letter))?;
            writeln!(out)
        }
    }
}

/// The id is the origin.
pub(super) fn text_line(letter: &Letter) -> String {
    format!(
        "{}  {}  {}  {} B  {}",
        Printable(&letter.id().to_string()),
        short_time(letter.set_aside),
        letter.reason.name(),
        payload_bytes(letter),
        shortened(&letter.detail, DETAIL_CHARS),
    )
}

/// To the millisecond.
fn short_time(moment: SystemTime) -> String {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = Duration::new(since.as_secs(), since.subsec_millis() * 1_000_000);
    SystemTime::UNIX_EPOCH.checked_add(whole).and_then(rfc3339).unwrap_or_default()
}

fn payload_bytes(letter: &Letter) -> usize {
    letter.payload.as_ref().map_or(0, |payload| payload.len())
}

/// What lies there and is no letter is told as well, so that nothing is passed over in silence.
fn write_stray(output: Output, stray: &Stray, out: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Text => {
            writeln!(
                out,
                "no letter: {}: {}",
                Printable(&stray.place),
                shortened(&stray.problem, DETAIL_CHARS)
            )
        }
        Output::Json => {
            serde_json::to_writer(
                &mut *out,
                &JsonStray { no_letter: &stray.place, problem: &stray.problem },
            )?;
            writeln!(out)
        }
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    id: String,
    time: Option<String>,
    reason: &'static str,
    topic: &'a str,
    partition: i32,
    offset: i64,
    written: Option<String>,
    bytes: usize,
    detail: &'a str,
}

impl<'a> From<&'a Letter> for JsonLine<'a> {
    fn from(letter: &'a Letter) -> Self {
        Self {
            id: letter.id().to_string(),
            time: rfc3339(letter.set_aside),
            reason: letter.reason.name(),
            topic: &letter.topic,
            partition: letter.place.partition,
            offset: letter.place.offset,
            written: letter.written.and_then(rfc3339),
            bytes: payload_bytes(letter),
            detail: &letter.detail,
        }
    }
}

#[derive(Serialize)]
struct JsonStray<'a> {
    no_letter: &'a str,
    problem: &'a str,
}

/// What was listed.
#[derive(Default)]
struct Totals {
    by_reason: BTreeMap<Reason, usize>,
    strays: usize,
    /// The limit was reached before the end.
    cut: bool,
}

impl Totals {
    fn count(&mut self, letter: &Letter) {
        *self.by_reason.entry(letter.reason).or_default() += 1;
    }

    fn letters(&self) -> usize {
        self.by_reason.values().sum()
    }

    fn write(&self, filter: &FilterArgs, place: &str, out: &mut dyn Write) -> io::Result<()> {
        let which = if filter.is_set() { " that the flags ask for" } else { "" };
        write!(out, "{} letters{which} in {}", self.letters(), Printable(place))?;
        for (number, (reason, count)) in self.by_reason.iter().enumerate() {
            write!(out, "{} {count} {}", if number == 0 { ":" } else { "," }, reason.name())?;
        }
        if self.strays > 0 {
            write!(out, "; {} records or files there are no letters", self.strays)?;
        }
        if self.cut {
            write!(out, "; there are more, beyond --limit")?;
        }
        writeln!(out)
    }
}
