//! [`FileQuarantine`]: letters as files of a directory.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::{Letter, Quarantine, QuarantineError};

/// Threads that write at a time: a disk that does not answer holds no more of them.
const THREADS: usize = 4;

/// Writes each letter as a file of JSON, `<topic>-<partition>-<offset>.json`. The same letter again is the same file.
///
/// A file is there whole or not at all: it is written under another name (`.tmp`), synced, renamed, and the directory is
/// synced. A crash may leave a `.tmp`, which nobody reads.
///
/// Nothing takes the files away, and nothing bounds their number but the disk: a person must look after them
/// (`spoor ingester dead-letters`). The directory belongs on a disk that outlives the process.
#[derive(Debug, Clone)]
pub struct FileQuarantine {
    dir: PathBuf,
    threads: Arc<Semaphore>,
}

impl FileQuarantine {
    /// In that directory, which is made if it is missing.
    ///
    /// # Errors
    /// It cannot be made, or no file can be written there.
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self, QuarantineError> {
        let quarantine = Self { dir: dir.into(), threads: Arc::new(Semaphore::new(THREADS)) };
        let dir = quarantine.dir.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&dir)).await;
        match prepared.unwrap_or_else(|_| Err(Failure::of(&quarantine.dir, &io::Error::other("a panic")))) {
            Ok(()) => Ok(quarantine),
            Err(failure) => Err(quarantine.error(&failure)),
        }
    }

    fn error(&self, failure: &Failure) -> QuarantineError {
        QuarantineError {
            destination: self.destination(),
            problem: failure.problem.clone(),
            may_heal: failure.may_heal,
        }
    }
}

#[async_trait]
impl Quarantine for FileQuarantine {
    async fn set_aside(&self, letters: &[Letter], deadline: Instant) -> Vec<Result<(), QuarantineError>> {
        if letters.is_empty() {
            return Vec::new();
        }
        let (dir, mine) = (self.dir.clone(), letters.to_vec());
        let threads = Arc::clone(&self.threads);
        let writing = async {
            let turn = threads.acquire_owned().await;
            let write = move || {
                let answers = write_all(&dir, &mine, deadline);
                drop(turn);
                answers
            };
            tokio::task::spawn_blocking(write).await
        };
        let answers = match tokio::time::timeout_at(deadline.into(), writing).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(_panic)) => {
                vec![
                    Err(Failure::of(&self.dir, &io::Error::other("writing ended in a panic")));
                    letters.len()
                ]
            }
            Err(_elapsed) => vec![Err(Failure::late(&self.dir)); letters.len()],
        };
        answers.into_iter().map(|answer| answer.map_err(|failure| self.error(&failure))).collect()
    }

    fn destination(&self) -> String {
        format!("directory {}", self.dir.display())
    }
}

/// Why a file is not there.
#[derive(Debug, Clone)]
struct Failure {
    problem: String,
    may_heal: bool,
}

impl Failure {
    fn of(path: &Path, error: &io::Error) -> Self {
        let (advice, may_heal) = match error.kind() {
            ErrorKind::PermissionDenied => (": let the user of this process write there", false),
            ErrorKind::ReadOnlyFilesystem => (": mount it for writing", false),
            ErrorKind::NotFound => (": make the directory again", false),
            ErrorKind::NotADirectory => (": let it be a directory", false),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                (": make room, or put back and remove letters", true)
            }
            _ => ("", true),
        };
        Self { problem: format!("{}: {error}{advice}", path.display()), may_heal }
    }

    fn late(dir: &Path) -> Self {
        let problem =
            format!("{}: the disk did not confirm it in time; see whether it is slow", dir.display());
        Self { problem, may_heal: true }
    }
}

/// Makes the directory and sees whether it can be written.
fn prepare(dir: &Path) -> Result<(), Failure> {
    if !dir.is_dir() {
        fs::create_dir_all(dir).map_err(|error| Failure::of(dir, &error))?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or(Ok(()), sync_dir).map_err(|error| Failure::of(dir, &error))?;
    }
    let trial = temporary(dir, "trial");
    File::create_new(&trial).map_err(|error| Failure::of(&trial, &error))?;
    fs::remove_file(&trial).map_err(|error| Failure::of(&trial, &error))
}

fn write_all(dir: &Path, letters: &[Letter], deadline: Instant) -> Vec<Result<(), Failure>> {
    let mut answers = Vec::with_capacity(letters.len());
    for letter in letters {
        answers.push(if Instant::now() < deadline { write(dir, letter) } else { Err(Failure::late(dir)) });
    }
    if answers.iter().any(Result::is_ok)
        && let Err(error) = sync_dir(dir)
    {
        let failure = Failure::of(dir, &error);
        answers.iter_mut().filter(|answer| answer.is_ok()).for_each(|answer| *answer = Err(failure.clone()));
    }
    answers
}

/// The letter under its name, its content durable. The name is only when the directory is synced.
fn write(dir: &Path, letter: &Letter) -> Result<(), Failure> {
    let name = letter.id().file_name();
    let json = letter.to_file().map_err(|error| Failure::of(&dir.join(&name), &io::Error::other(error)))?;
    let temporary = temporary(dir, &name);
    let written = fill(&temporary, &json)
        .map_err(|error| Failure::of(&temporary, &error))
        .and_then(|()| rename(&temporary, &dir.join(&name)));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| Failure::of(to, &error))
}

/// A name of its own: several processes may write the same letter at once.
fn temporary(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!(".{name}.{:016x}.tmp", fastrand::u64(..)))
}

/// Makes names durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
