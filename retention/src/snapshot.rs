//! Before indices go, a snapshot of them: whole, or nothing goes.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use spoor_storage::{IndexSnapshots, RecordError, RecordErrorKind, SnapshotState};
use time::OffsetDateTime;

use crate::clean::{CleanError, Means};
use crate::turn::{Asking, context};

/// Between the first two questions how it is; then twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Bytes of a hash that make a name nobody else's.
const UNIQUE_BYTES: usize = 4;

/// Where indices are kept that go.
#[derive(Clone, Copy)]
pub struct Keeping<'a> {
    /// Makes snapshots.
    pub store: &'a dyn IndexSnapshots,
    /// The store's repository for them.
    pub repository: &'a str,
    /// The longest that one may take.
    pub patience: Duration,
}

/// A snapshot, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it is.
    pub repository: String,
    /// What it is called; none where it is only planned.
    pub name: Option<String>,
}

/// What a snapshot that is taken now is called: for people by prefix and date, for the store by what no other run has.
pub(crate) fn name(prefix: &str, asking: Asking<'_>) -> String {
    let prefix = prefix.strip_suffix('-').unwrap_or(prefix);
    let dash = if prefix.is_empty() { "" } else { "-" };
    let date = OffsetDateTime::from_unix_timestamp(asking.now).unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
    let digest = Sha256::digest(format!("{} {}", asking.holder, asking.now).as_bytes());
    let unique: String = digest.iter().take(UNIQUE_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("spoor-clean-{prefix}{dash}{date}-{unique}")
}

/// Takes the snapshot and waits for its end.
///
/// # Errors
/// [`CleanError::Snapshot`] when it does not hold all of them; what the store said; or somebody else's turn.
pub(crate) async fn take(
    means: Means<'_>,
    keeping: Keeping<'_>,
    asking: Asking<'_>,
    (name, indices): (&str, &[String]),
) -> Result<(), CleanError> {
    let failed = |what: String| CleanError::Snapshot {
        name: name.to_owned(),
        repository: keeping.repository.to_owned(),
        what,
    };
    keeping.store.begin_snapshot(&context(asking), keeping.repository, name, indices).await?;
    tracing::info!(name, repository = keeping.repository, indices = indices.len(), "a snapshot begins");
    let (begun, mut answered, mut pause) = (Instant::now(), Instant::now(), FIRST_PAUSE);
    loop {
        means.go_on(asking).await?;
        match keeping.store.snapshot_state(&context(asking), keeping.repository, name).await {
            Ok(Some(SnapshotState::Done(holds))) => {
                let lacks: Vec<&str> =
                    indices.iter().filter(|index| !holds.contains(index)).map(String::as_str).collect();
                if lacks.is_empty() {
                    tracing::info!(name, repository = keeping.repository, took = ?begun.elapsed(), "a snapshot is done");
                    return Ok(());
                }
                return Err(failed(format!("lacks {}", lacks.join(", "))));
            }
            Ok(Some(SnapshotState::Failed(what))) => return Err(failed(format!("failed: {what}"))),
            Ok(Some(SnapshotState::UnderWay)) => answered = Instant::now(),
            Ok(None) => return Err(failed("is not known to the store any more".to_owned())),
            Err(error) if passes(&error) && answered.elapsed() < asking.timeout => {
                tracing::warn!(%error, "asking again how the snapshot is");
            }
            Err(error) => return Err(error.into()),
        }
        if begun.elapsed() >= keeping.patience {
            let patience = keeping.patience;
            return Err(failed(format!("has not ended within {patience:?}; the store goes on with it")));
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

fn passes(error: &RecordError) -> bool {
    error.kind != RecordErrorKind::Refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_prefix_and_day_and_are_different_for_each_run() {
        let asking = |holder, now| Asking {
            holder,
            now,
            dry_run: false,
            timeout: Duration::from_secs(1),
            lease: Duration::from_secs(1),
        };
        // 2026-08-20 12:00 UTC.
        let one = name("prod-", asking("a", 1_787_227_200));
        assert!(one.starts_with("spoor-clean-prod-2026-08-20-") && one.len() == 36, "{one}");
        assert!(name("", asking("a", 1_787_227_200)).starts_with("spoor-clean-2026-08-20-"));
        assert_ne!(one, name("prod-", asking("b", 1_787_227_200)), "of two processes");
        assert_ne!(one, name("prod-", asking("a", 1_787_227_201)), "of two runs of a process");
    }
}
