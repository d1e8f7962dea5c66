//! A secret in a file that is read again while we run: who changes the secret does not have to restart us.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::AuthScheme;
use crate::{ConnectionError, Secret};

/// Longer than any password, token or key; a larger file was named by mistake.
const MAX_BYTES: usize = 64 << 10;

/// The file and the header made of what it held last.
#[derive(Debug)]
pub(super) struct SecretFile {
    flag: &'static str,
    path: PathBuf,
    scheme: AuthScheme,
    /// `None`: read at start only.
    interval: Option<Duration>,
    state: Mutex<State>,
}

/// The header is marked as sensitive, so that `Debug` does not show it.
#[derive(Debug)]
struct State {
    header: HeaderValue,
    read_at: Instant,
    failing: bool,
}

impl SecretFile {
    /// Reads the file for the first time. An interval of zero reads it only now.
    pub(super) fn open(
        flag: &'static str,
        path: &str,
        scheme: AuthScheme,
        interval: Duration,
    ) -> Result<Self, ConnectionError> {
        let path = PathBuf::from(path);
        let header = read(&path, &scheme).map_err(|problem| ConnectionError::File {
            flag,
            path: path.display().to_string(),
            problem,
        })?;
        let state = State { header, read_at: Instant::now(), failing: false };
        let interval = (!interval.is_zero()).then_some(interval);
        Ok(Self { flag, path, scheme, interval, state: Mutex::new(state) })
    }

    /// The header; reads the file first if it is time to.
    pub(super) async fn header(&self) -> HeaderValue {
        if self.is_due(Instant::now()) {
            self.reload().await;
        }
        self.state().header.clone()
    }

    /// Reads the file at once, because the store refused `refused`: the new header, if it is another one.
    pub(super) async fn renewed(&self, refused: &HeaderValue) -> Option<HeaderValue> {
        self.interval?;
        self.reload().await;
        let header = self.state().header.clone();
        (header != *refused).then_some(header)
    }

    /// True for one caller an interval.
    fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let due =
            self.interval.is_some_and(|interval| now.saturating_duration_since(state.read_at) >= interval);
        if due {
            state.read_at = now;
        }
        due
    }

    /// Takes what the file holds now; keeps what was, if that is nothing of use. Says so once.
    async fn reload(&self) {
        let (path, scheme) = (self.path.clone(), self.scheme.clone());
        let read = tokio::task::spawn_blocking(move || read(&path, &scheme)).await;
        let result = read.unwrap_or_else(|error| Err(error.to_string()));
        let mut state = self.state();
        state.read_at = Instant::now();
        let (flag, path) = (self.flag, self.path.display());
        match result {
            Ok(header) => {
                if state.failing || header != state.header {
                    tracing::info!("{flag}={path} was read again: its secret is in use");
                }
                state.failing = false;
                state.header = header;
            }
            Err(problem) => {
                if !state.failing {
                    tracing::warn!(
                        "{flag}={path} cannot be read again, the old secret stays in use: {problem}"
                    );
                }
                state.failing = true;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path, scheme: &AuthScheme) -> Result<HeaderValue, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    // A pipe that nobody writes to would hold us up forever.
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut text = String::new();
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes, so not a secret"));
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err("it is empty".to_owned());
    }
    scheme.header(&Secret::from(secret)).ok_or_else(|| "what it holds cannot be sent in a header".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAG: &str = "--es.token-file";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(text: &str) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            folder.write(text);
            folder
        }

        fn write(&self, text: &str) {
            std::fs::write(self.0.path().join("token"), text).unwrap();
        }

        fn open(&self, interval: Duration) -> Result<SecretFile, ConnectionError> {
            let path = self.0.path().join("token");
            SecretFile::open(FLAG, path.to_str().unwrap(), AuthScheme::Bearer, interval)
        }
    }

    #[tokio::test]
    async fn line_ends_are_not_part_of_the_secret() {
        let folder = Folder::with("hush hush \r\n\n");
        let file = folder.open(Duration::ZERO).unwrap();
        assert_eq!(file.header().await, "Bearer hush hush ");
        assert!(!format!("{file:?}").contains("hush"), "{file:?}");
    }

    #[tokio::test]
    async fn a_changed_file_is_used_and_a_broken_one_is_not() {
        let folder = Folder::with("old");
        let file = folder.open(Duration::from_nanos(1)).unwrap();
        assert_eq!(file.header().await, "Bearer old");
        folder.write("new\n");
        assert_eq!(file.header().await, "Bearer new");
        for broken in ["", "\n", "a\nb", &"x".repeat(MAX_BYTES + 1)] {
            folder.write(broken);
            assert_eq!(file.header().await, "Bearer new", "{broken:.9}");
            assert!(file.state().failing);
        }
        folder.write("newer");
        assert_eq!(file.header().await, "Bearer newer");
        assert!(!file.state().failing);
    }

    #[tokio::test]
    async fn the_file_is_read_once_an_interval_or_when_refused() {
        let folder = Folder::with("old");
        let file = folder.open(Duration::from_secs(3600)).unwrap();
        folder.write("new");
        let old = file.header().await;
        assert_eq!(old, "Bearer old");
        assert!(!file.is_due(Instant::now()));
        assert!(file.is_due(Instant::now() + Duration::from_secs(3600)));
        assert_eq!(file.renewed(&old).await.unwrap(), "Bearer new");
        assert_eq!(file.renewed(&file.header().await).await, None, "it is the same");
    }

    #[tokio::test]
    async fn an_interval_of_zero_reads_the_file_at_start_only() {
        let folder = Folder::with("old");
        let file = folder.open(Duration::ZERO).unwrap();
        folder.write("new");
        let old = file.header().await;
        assert_eq!(old, "Bearer old");
        assert_eq!(file.renewed(&old).await, None);
    }

    #[test]
    fn a_file_of_no_use_is_an_error_at_start_that_names_it() {
        for (text, problem) in [("", "empty"), ("\r\n", "empty"), ("se\ncret", "header")] {
            let folder = Folder::with(text);
            let error = folder.open(Duration::ZERO).unwrap_err().to_string();
            assert!(error.contains(FLAG) && error.contains("/token") && error.contains(problem), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
        let missing = SecretFile::open(FLAG, "/no/such/file", AuthScheme::Bearer, Duration::ZERO);
        assert!(missing.unwrap_err().to_string().starts_with("--es.token-file=/no/such/file: "));
        let folder = Folder::with("x");
        let path = folder.0.path().to_str().unwrap();
        assert!(SecretFile::open(FLAG, path, AuthScheme::Bearer, Duration::ZERO).is_err(), "a folder");
    }
}
