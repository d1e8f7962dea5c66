//! `replay`: letters as records of their topics again.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use spoor_topic::{OutgoingRecord, RecordError, TopicWriter};

use super::printable::Printable;
use super::{DeadLettersError, FilterArgs, Letters, LettersError, OpenWriterError, UsageError};
use crate::quarantine::{Letter, LetterId};
use crate::receipt;

/// The most letters named by id that are held at a time.
const GROUP_IDS: usize = 16;
/// The least time before a record is written again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// Opens the writer of a topic.
pub type OpenWriter<'a> = dyn Fn(&str) -> Result<Arc<dyn TopicWriter>, OpenWriterError> + Sync + 'a;

/// Which letters, and how.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ReplayArgs {
    /// Their ids, <topic>/<partition>/<offset>, as `list` shows them
    #[arg(value_name = "ID")]
    pub ids: Vec<LetterId>,
    /// All letters; those that the other flags ask for, if there are such
    #[arg(long)]
    pub all: bool,
    /// Which letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Only say what would be put back
    #[arg(long)]
    pub dry_run: bool,
    /// How long a group of letters may take to be written, with repetitions
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = spoor_model::parse_go_duration)]
    pub write_timeout: Duration,
}

impl ReplayArgs {
    pub(super) fn validate(&self) -> Result<(), UsageError> {
        let wrong = |problem: &str| Err(UsageError(problem.to_owned()));
        match (self.ids.is_empty(), self.all) {
            (true, false) => wrong(
                "which letters? Name them by their ids, or say --all (and narrow it by the other flags)",
            ),
            (false, true) => wrong("name letters or say --all, not both"),
            (false, false) if self.filter.is_set() => wrong(
                "letters that are named are put back whatever they are: leave --reason, --partition, --since, --until and --limit to --all",
            ),
            _ if self.write_timeout.is_zero() => {
                wrong("--write-timeout: with 0 nothing could be written; choose more")
            }
            _ => self.filter.validate().map_err(UsageError),
        }
    }
}

pub(super) async fn replay(
    args: &ReplayArgs,
    letters: &mut dyn Letters,
    open_writer: &OpenWriter<'_>,
    out: &mut dyn Write,
) -> Result<(), DeadLettersError> {
    let writers = Writers { open: open_writer, writers: HashMap::new() };
    let mut replay = Replay { args, letters, writers, out, tally: Tally::default() };
    let done = if args.all { replay.all().await } else { replay.named().await };
    match done {
        Ok(()) => replay.finish(),
        Err(error @ DeadLettersError::Stopped { .. }) => replay.tell().and(Err(error)),
        Err(error) => Err(error),
    }
}

struct Replay<'a> {
    args: &'a ReplayArgs,
    letters: &'a mut dyn Letters,
    writers: Writers<'a>,
    out: &'a mut dyn Write,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    put_back: usize,
    failed: usize,
}

impl Replay<'_> {
    async fn all(&mut self) -> Result<(), DeadLettersError> {
        let filter = self.args.filter.at(SystemTime::now());
        let mut left = filter.limit();
        while left > 0 {
            let Some(page) = self.letters.next_page().await? else { break };
            let meant = page.letters.into_iter().filter(|letter| filter.takes(letter));
            let group: Vec<_> = meant.take(left).collect();
            left -= group.len();
            self.group(group).await?;
        }
        Ok(())
    }

    async fn named(&mut self) -> Result<(), DeadLettersError> {
        let args = self.args;
        let mut ids: Vec<_> = args.ids.iter().collect();
        ids.sort();
        ids.dedup();
        for chunk in ids.chunks(GROUP_IDS) {
            let mut group = Vec::with_capacity(chunk.len());
            for id in chunk {
                match self.letters.find(id).await {
                    Ok(Some(letter)) => group.push(letter),
                    Ok(None) => {
                        self.failed(id, &format!("there is no such letter in {}", self.letters.place()))?
                    }
                    Err(error) => self.failed(id, &error.to_string())?,
                }
            }
            self.group(group).await?;
        }
        Ok(())
    }

    /// Puts back what is held at a time, topic by topic.
    async fn group(&mut self, group: Vec<Letter>) -> Result<(), DeadLettersError> {
        let mut topics: BTreeMap<Arc<str>, Vec<Letter>> = BTreeMap::new();
        for letter in group {
            topics.entry(Arc::clone(&letter.topic)).or_default().push(letter);
        }
        for (topic, letters) in topics {
            if self.args.dry_run {
                for letter in &letters {
                    writeln!(self.out, "would put back {}", super::list::text_line(letter))?;
                }
                self.tally.put_back += letters.len();
            } else {
                self.put_back(&topic, letters).await?;
            }
        }
        Ok(())
    }

    async fn put_back(&mut self, topic: &str, letters: Vec<Letter>) -> Result<(), DeadLettersError> {
        let ids: Vec<_> = letters.iter().map(Letter::id).collect();
        let answers = match self.writers.of(topic) {
            Ok(writer) => write(&*writer, letters, self.args.write_timeout).await,
            Err(problem) => vec![Err(Failure { problem, is_final: false }); letters.len()],
        };
        let (mut written, mut last) = (Vec::with_capacity(ids.len()), None);
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Ok(()) => written.push(id.clone()),
                Err(failure) => {
                    self.failed(id, &failure.problem)?;
                    last = Some(failure);
                }
            }
        }
        match last.filter(|last| written.is_empty() && !last.is_final) {
            Some(last) => Err(DeadLettersError::Stopped { failed: ids.len(), problem: last.problem }),
            None => self.take_note(&written).await,
        }
    }

    async fn take_note(&mut self, written: &[LetterId]) -> Result<(), DeadLettersError> {
        let noted = self.letters.was_put_back(written).await;
        for (id, noted) in written.iter().zip(noted) {
            match noted {
                Ok(()) => self.tally.put_back += 1,
                Err(error) => self.failed(id, &only_not_noted(&error))?,
            }
        }
        Ok(())
    }

    fn failed(&mut self, id: &LetterId, problem: &str) -> Result<(), DeadLettersError> {
        self.tally.failed += 1;
        Ok(writeln!(self.out, "{}: {}", Printable(&id.to_string()), Printable(problem))?)
    }

    fn finish(mut self) -> Result<(), DeadLettersError> {
        self.tell()?;
        let Tally { put_back, failed } = self.tally;
        let tried = put_back + failed;
        if failed > 0 { Err(DeadLettersError::NotPutBack { failed, tried }) } else { Ok(()) }
    }

    /// What became of all.
    fn tell(&mut self) -> Result<(), DeadLettersError> {
        let Tally { put_back, failed } = self.tally;
        if self.args.dry_run {
            writeln!(self.out, "{put_back} letters would be put back; nothing was written")?;
        } else {
            let (tried, then) = (put_back + failed, self.letters.afterwards());
            writeln!(self.out, "{put_back} of {tried} letters are put back; {}", Printable(&then))?;
            writeln!(self.out, "a store keeps a span once: putting a letter back again does no harm")?;
        }
        Ok(self.out.flush()?)
    }
}

fn only_not_noted(error: &LettersError) -> String {
    format!("it is in its topic again, but is listed still: {error}")
}

/// Each topic's writer, opened when it is needed first.
struct Writers<'a> {
    open: &'a OpenWriter<'a>,
    writers: HashMap<String, Arc<dyn TopicWriter>>,
}

impl Writers<'_> {
    fn of(&mut self, topic: &str) -> Result<Arc<dyn TopicWriter>, String> {
        if let Some(writer) = self.writers.get(topic) {
            return Ok(Arc::clone(writer));
        }
        let writer =
            (self.open)(topic).map_err(|error| format!("open a writer for topic {topic}: {error}"))?;
        self.writers.insert(topic.to_owned(), Arc::clone(&writer));
        Ok(writer)
    }
}

/// Why a letter is not in its topic again.
#[derive(Debug, Clone)]
struct Failure {
    problem: String,
    /// Only for this letter, and for good.
    is_final: bool,
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let advice = match error {
            RecordError::TooLarge { .. } => ": raise the topic's own max.message.bytes",
            _ => "",
        };
        Self { problem: format!("{error}{advice}"), is_final: error.is_final() }
    }
}

/// Writes the records as they were, and again what was not taken, as long as there is time; one answer each.
async fn write(
    writer: &dyn TopicWriter,
    letters: Vec<Letter>,
    timeout: Duration,
) -> Vec<Result<(), Failure>> {
    let deadline = Instant::now() + timeout;
    let mut records: Vec<_> = letters.into_iter().map(original).collect();
    let mut open: Vec<usize> = (0..records.len()).collect();
    let mut answers = vec![Err(Failure::from(RecordError::DeadlineExceeded)); records.len()];
    while !records.is_empty() {
        let written = writer.write(&records, deadline).await;
        let mut pause = SHORTEST_PAUSE;
        let (mut again, mut still_open) = (Vec::new(), Vec::new());
        for ((record, index), answer) in mem::take(&mut records).into_iter().zip(open).zip(written) {
            if let Err(
                RecordError::Busy { retry_after, .. }
                | RecordError::Unavailable { retry_after, .. }
                | RecordError::NoTopic { retry_after, .. },
            ) = &answer
            {
                pause = pause.max(*retry_after);
                again.push(record);
                still_open.push(index);
            }
            if let Some(slot) = answers.get_mut(index) {
                *slot = answer.map(drop).map_err(Failure::from);
            }
        }
        if Instant::now() + pause >= deadline {
            break;
        }
        (records, open) = (again, still_open);
        if !records.is_empty() {
            tokio::time::sleep(pause).await;
        }
    }
    answers
}

/// The record as it was read, and when that was written: it is not newer for having been set aside.
fn original(letter: Letter) -> OutgoingRecord {
    let mut headers = letter.headers;
    receipt::note(&mut headers, letter.written);
    OutgoingRecord { key: letter.key, payload: letter.payload, headers }
}
