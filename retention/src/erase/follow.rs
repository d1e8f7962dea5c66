//! Following the store's own work to its end.

use std::time::{Duration, Instant};

use spoor_storage::{LeaseLock, Progress, RecordErrorKind, SpanEraser, TaskId};

use super::{EraseError, OfIndex};
use crate::turn::{Asking, context, holds_as};

/// Between two questions how far it is.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two sentences about it.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Who follows, and under which lock.
#[derive(Clone, Copy)]
pub(super) struct Follower<'a> {
    pub(super) eraser: &'a dyn SpanEraser,
    pub(super) locks: Option<&'a dyn LeaseLock>,
    pub(super) asking: Asking<'a>,
    pub(super) mark: &'a str,
}

impl Follower<'_> {
    /// Whether it is still our turn, and how far the work is.
    async fn look(self, task: &TaskId) -> Result<Option<Progress>, EraseError> {
        if !holds_as(self.locks, self.asking, self.mark).await? {
            return Err(EraseError::Taken);
        }
        Ok(self.eraser.progress(&context(self.asking), task).await?)
    }
}

/// Waits until the work is over, adds what it removed, and says every few seconds how far it is. Work that the store has forgotten, as after the
/// restart of a node, is over, too: counting tells what it left. A store that does not answer is asked again for as long as one request may take.
pub(super) async fn follow(
    follower: Follower<'_>,
    task: &TaskId,
    of: &mut OfIndex,
    told: &mut (dyn FnMut(&str) + Send),
) -> Result<(), EraseError> {
    let (mut answered, mut told_at, before) = (Instant::now(), Instant::now(), of.deleted);
    loop {
        match follower.look(task).await {
            Ok(None) => {
                told(&format!("the store knows no task {task} any more; counting what it left"));
                return Ok(());
            }
            Ok(Some(progress)) => {
                answered = Instant::now();
                of.deleted = before + progress.deleted;
                if progress.is_over || told_at.elapsed() >= TOLD_EVERY {
                    told_at = Instant::now();
                    told(&sentence(&of.index, &progress));
                }
                if let Some(what) = progress.failure {
                    return Err(EraseError::Failed { task: task.0.clone(), index: of.index.clone(), what });
                }
                if progress.is_over {
                    return Ok(());
                }
            }
            Err(error) if passes(&error) && answered.elapsed() < follower.asking.timeout => {
                tracing::warn!(%error, "asking again how far it is");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn passes(error: &EraseError) -> bool {
    matches!(error, EraseError::Store(source) if source.kind != RecordErrorKind::Refused)
}

fn sentence(index: &str, progress: &Progress) -> String {
    let Progress { is_over, total, deleted, conflicts, .. } = progress;
    // It may not have looked yet.
    let of_nothing = if *is_over { 100 } else { 0 };
    let percent = deleted.saturating_mul(100).checked_div(*total).unwrap_or(of_nothing);
    let conflicts = match conflicts {
        0 => String::new(),
        count => format!(", {count} changed meanwhile"),
    };
    format!("{index}: {deleted} of {total} spans removed ({percent} %){conflicts}")
}
