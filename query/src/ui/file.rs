//! Files that are read while the role runs: again when they may have changed, and the last good copy when they cannot be read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::UiError;

/// A file is looked at again when it was last looked at so long ago; Jaeger's time.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// Largest such file. Real ones have some KiB.
const MAX_BYTES: u64 = 4 << 20;

/// Reads a small text.
pub(super) fn read(setting: &'static str, path: &Path) -> Result<String, UiError> {
    let unreadable = |cause| UiError::Unreadable { setting, path: path.to_owned(), cause };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(unreadable(std::io::Error::other(format!("{size} bytes are more than {MAX_BYTES}"))));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// What a file says, as far as it is known.
pub(super) struct Watched<T> {
    path: PathBuf,
    read: fn(&Path) -> Result<T, UiError>,
    state: Mutex<State<T>>,
}

struct State<T> {
    good: Arc<T>,
    looked: Instant,
    /// What was wrong when it was last looked at: told once, not at each look.
    wrong: Option<String>,
}

impl<T: PartialEq + Send + Sync + 'static> Watched<T> {
    /// Reads it for the first time.
    pub(super) fn open(path: PathBuf, read: fn(&Path) -> Result<T, UiError>) -> Result<Arc<Self>, UiError> {
        let good = Arc::new(read(&path)?);
        let state = Mutex::new(State { good, looked: Instant::now(), wrong: None });
        Ok(Arc::new(Self { path, read, state }))
    }

    /// What it says, or said when it was last good. One request in [`INTERVAL`] looks at the file, the others do not wait for it.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<T> {
        if self.is_due() {
            let this = Arc::clone(self);
            // Only a runtime that ends loses such a task, and then nobody waits for the page.
            let _ = tokio::task::spawn_blocking(move || this.look()).await;
        }
        Arc::clone(&self.state().good)
    }

    fn is_due(&self) -> bool {
        let mut state = self.state();
        let due = state.looked.elapsed() >= INTERVAL;
        if due {
            state.looked = Instant::now();
        }
        due
    }

    fn look(&self) {
        let read = (self.read)(&self.path);
        let mut state = self.state();
        match read {
            Ok(now) => {
                if now != *state.good {
                    tracing::info!(file = %self.path.display(), "a file of the UI has changed and is used");
                    state.good = Arc::new(now);
                }
                state.wrong = None;
            }
            Err(error) => {
                let wrong = Some(error.to_string());
                if state.wrong != wrong {
                    tracing::error!(%error, "a file of the UI cannot be used as it is now; its last good copy stays");
                    state.wrong = wrong;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing breaks half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> Result<String, UiError> {
        read("--query.static-files", path)
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_read_again_after_ten_seconds_and_its_last_good_copy_stays_while_it_is_broken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.html");
        std::fs::write(&path, "one").unwrap();
        let watched = Watched::open(path.clone(), text).unwrap();
        std::fs::write(&path, "two").unwrap();
        tokio::time::advance(INTERVAL - Duration::from_millis(1)).await;
        assert_eq!(*watched.current().await, "one");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(*watched.current().await, "two");
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(INTERVAL).await;
        assert_eq!(*watched.current().await, "two");
        assert!(watched.state().wrong.as_ref().unwrap().contains("index.html"));
        std::fs::write(&path, "three").unwrap();
        tokio::time::advance(INTERVAL).await;
        assert_eq!(*watched.current().await, "three");
        assert_eq!(watched.state().wrong, None);
    }

    #[test]
    fn a_file_beyond_all_measure_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_BYTES + 1).unwrap();
        assert!(text(file.path()).unwrap_err().to_string().contains("more than"));
    }
}
