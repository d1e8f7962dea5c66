//! [`FileLetters`]: the letters of a directory.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::letters::{Letters, LettersError, LettersPage, Stray};
use crate::quarantine::{Letter, LetterId, SUFFIX, sync_dir};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);
const PAGE_FILES: usize = 1_000;
const PAGE_BYTES: usize = 4 << 20;
/// No letter is larger: Kafka's records end at 2 GiB in theory and far below in practice.
const FILE_BYTES: u64 = 256 << 20;
/// Where letters go that were put back.
const REPLAYED: &str = "replayed";

/// What lies in the directory of a [`crate::quarantine::FileQuarantine`] at the time of opening.
///
/// Letters that were put back are moved to `replayed/` below it, which a person may empty at any time.
pub struct FileLetters {
    dir: PathBuf,
    /// Names that were not read yet, in the order of their letters.
    names: VecDeque<String>,
}

impl FileLetters {
    /// Of that directory.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self, LettersError> {
        let dir = dir.into();
        let names =
            blocking(&dir, |dir| list(dir).map_err(|error| failed("look into", dir, &error))).await??;
        Ok(Self { dir, names })
    }
}

#[async_trait]
impl Letters for FileLetters {
    async fn next_page(&mut self) -> Result<Option<LettersPage>, LettersError> {
        if self.names.is_empty() {
            return Ok(None);
        }
        let mut names = std::mem::take(&mut self.names);
        let (page, rest) = blocking(&self.dir, move |dir| {
            let page = read_page(dir, &mut names);
            (page, names)
        })
        .await?;
        self.names = rest;
        page.map(Some)
    }

    async fn find(&mut self, id: &LetterId) -> Result<Option<Letter>, LettersError> {
        let (id, path) = (id.clone(), self.dir.join(id.file_name()));
        let read = blocking(&path, read).await?;
        match read.map_err(|error| failed("read", &path, &error))? {
            Some(Ok(letter)) if letter.id() == id => Ok(Some(letter)),
            Some(Ok(letter)) => Err(is_none(&path, format!("it holds the letter {}", letter.id()))),
            Some(Err(problem)) => Err(is_none(&path, problem)),
            None => Ok(None),
        }
    }

    async fn was_put_back(&mut self, ids: &[LetterId]) -> Vec<Result<(), LettersError>> {
        let names: Vec<String> = ids.iter().map(LetterId::file_name).collect();
        match blocking(&self.dir, move |dir| move_away(dir, &names)).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(error); ids.len()],
        }
    }

    fn afterwards(&self) -> String {
        format!("they lie in {} now and can be removed", self.dir.join(REPLAYED).display())
    }

    fn place(&self) -> String {
        format!("directory {}", self.dir.display())
    }
}

/// Where the runtime's threads do not wait for the disk.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, LettersError> {
    let mine = path.to_owned();
    let job = tokio::task::spawn_blocking(move || work(&mine));
    match tokio::time::timeout(PATIENCE, job).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(panic)) => Err(failed("read", path, &io::Error::other(panic))),
        Err(_elapsed) => {
            let problem = "the disk does not answer; see whether it is there";
            Err(failed("read", path, &io::Error::new(ErrorKind::TimedOut, problem)))
        }
    }
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> LettersError {
    LettersError { attempted: format!("{verb} {}", path.display()), problem: error.to_string() }
}

fn is_none(path: &Path, problem: String) -> LettersError {
    LettersError { attempted: format!("read a letter from {}", path.display()), problem }
}

/// The names that may be letters', by topic, partition and offset.
fn list(dir: &Path) -> io::Result<VecDeque<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string()
            && name.ends_with(SUFFIX)
        {
            names.push(name);
        }
    }
    names.sort_by_cached_key(|name| order(name));
    Ok(names.into())
}

/// Names that are no letters' come first.
fn order(name: &str) -> (Option<(String, i32, i64)>, String) {
    let parts = || {
        let mut parts = name.strip_suffix(SUFFIX)?.rsplitn(3, '-');
        let offset = parts.next()?.parse().ok()?;
        let partition = parts.next()?.parse().ok()?;
        Some((parts.next()?.to_owned(), partition, offset))
    };
    (parts(), name.to_owned())
}

fn read_page(dir: &Path, names: &mut VecDeque<String>) -> Result<LettersPage, LettersError> {
    let mut page = LettersPage::default();
    let mut bytes = 0;
    while bytes < PAGE_BYTES && page.letters.len() + page.strays.len() < PAGE_FILES {
        let Some(name) = names.pop_front() else { break };
        let path = dir.join(&name);
        let stray = |problem| Stray { place: path.display().to_string(), problem };
        match read(&path).map_err(|error| failed("read", &path, &error))? {
            Some(Ok(letter)) if letter.id().file_name() == name => {
                bytes += weight(&letter);
                page.letters.push(letter);
            }
            Some(Ok(letter)) => {
                page.strays.push(stray(format!("as the letter {} it would have another name", letter.id())));
            }
            Some(Err(problem)) => page.strays.push(stray(problem)),
            // Somebody else put it back meanwhile.
            None => {}
        }
    }
    Ok(page)
}

fn weight(letter: &Letter) -> usize {
    let headers: usize =
        letter.headers.iter().filter_map(|header| header.value.as_ref()).map(|value| value.len()).sum();
    letter.payload.as_ref().map_or(0, |payload| payload.len()) + headers
}

/// A file's letter, or why it is none; `None`: there is no such file.
fn read(path: &Path) -> io::Result<Option<Result<Letter, String>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Some(Err("it is not a file".to_owned())));
    }
    if metadata.len() > FILE_BYTES {
        return Ok(Some(Err(format!("it has {} bytes, more than any letter", metadata.len()))));
    }
    let mut json = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut json)?;
    Ok(Some(Letter::from_file(&json).map_err(|problem| problem.to_string())))
}

/// Moves the files to where the next `--all` does not find them; one answer each.
fn move_away(dir: &Path, names: &[String]) -> Vec<Result<(), LettersError>> {
    let to = dir.join(REPLAYED);
    if let Err(error) = fs::create_dir_all(&to) {
        return vec![Err(failed("make", &to, &error)); names.len()];
    }
    let mut answers: Vec<_> = names
        .iter()
        .map(|name| {
            let from = dir.join(name);
            fs::rename(&from, to.join(name)).map_err(|error| failed("move away", &from, &error))
        })
        .collect();
    if let Err(failure) = sync_dir(&to).and_then(|()| sync_dir(dir)) {
        let error = failed("sync", dir, &failure);
        answers.iter_mut().filter(|answer| answer.is_ok()).for_each(|answer| *answer = Err(error.clone()));
    }
    answers
}
