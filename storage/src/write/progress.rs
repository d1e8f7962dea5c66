//! What has become of a batch over several attempts: each span is settled once, or still open.
//! An attempt speaks of positions in its own, smaller batch; here they become positions in the whole one again.

use std::time::Duration;

use crate::{BoxError, WriteError, WriteErrorKind, Written};

/// Why an attempt left spans open.
#[derive(Debug)]
pub struct Failure {
    /// What to do next.
    pub kind: WriteErrorKind,
    /// When the store would like to be asked again, if it said so.
    pub retry_after: Option<Duration>,
    /// What went wrong.
    pub source: BoxError,
}

/// A store whose account of a write names more or fewer spans than it was given.
#[derive(Debug, thiserror::Error)]
#[error("the store gave account of {accounted} of {attempted} spans; none of this answer counts")]
struct FalseAccount {
    accounted: usize,
    attempted: usize,
}

/// The state of a batch between attempts.
#[derive(Debug)]
pub struct Progress {
    attempted: usize,
    settled: Written,
    /// Positions in the whole batch, ascending.
    open: Vec<usize>,
}

impl Progress {
    /// Of a batch of so many spans that nobody has tried to write.
    #[must_use]
    pub fn new(attempted: usize) -> Self {
        Self { attempted, settled: Written::default(), open: (0..attempted).collect() }
    }

    /// The spans still to be written, by their positions in the whole batch.
    #[must_use]
    pub fn open(&self) -> &[usize] {
        &self.open
    }

    /// True when no span has been settled, so that the whole batch is what is open.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.open.len() == self.attempted
    }

    /// Takes the outcome of an attempt at the open spans. Answers why spans are still open, if they are.
    pub fn take(&mut self, outcome: Result<Written, WriteError>) -> Option<Failure> {
        let (settled, unfinished, failure) = match outcome {
            Ok(written) => (written, Vec::new(), None),
            Err(error) => {
                let WriteError { kind, settled, unfinished, retry_after, source, .. } = error;
                (settled, unfinished, Some(Failure { kind, retry_after, source }))
            }
        };
        if let Err(source) = check_account(&settled, &unfinished, self.open.len()) {
            let kind = WriteErrorKind::Unavailable;
            return Some(Failure { kind, retry_after: None, source: source.into() });
        }
        self.settled.stored += settled.stored;
        let rejected = settled.rejected.into_iter().map(|mut rejection| {
            rejection.index = self.open[rejection.index];
            rejection
        });
        self.settled.rejected.extend(rejected);
        self.open = unfinished.into_iter().map(|index| self.open[index]).collect();
        self.open.sort_unstable();
        failure.filter(|_| !self.open.is_empty())
    }

    /// What is settled so far: rejections by their positions in the whole batch, in the order in which they came.
    #[must_use]
    pub fn settled(&self) -> &Written {
        &self.settled
    }

    /// Goes on without the open spans that are not to be kept, by their positions in the whole batch: nobody will settle them.
    pub fn keep_open(&mut self, keep: impl FnMut(&usize) -> bool) {
        self.open.retain(keep);
    }

    /// All is settled.
    pub(super) fn into_written(mut self) -> Written {
        self.settled.rejected.sort_unstable_by_key(|rejection| rejection.index);
        self.settled
    }

    /// Time is up.
    pub(super) fn into_error(self, failure: Failure) -> WriteError {
        let (attempted, unfinished) = (self.attempted, self.open.clone());
        WriteError {
            kind: failure.kind,
            attempted,
            settled: self.into_written(),
            unfinished,
            retry_after: failure.retry_after,
            source: failure.source,
        }
    }
}

/// Stored, rejected and unfinished spans are together all spans, those named each once.
fn check_account(settled: &Written, unfinished: &[usize], attempted: usize) -> Result<(), FalseAccount> {
    let accounted = settled.stored.saturating_add(settled.rejected.len()).saturating_add(unfinished.len());
    let rejected = settled.rejected.iter().map(|rejection| rejection.index);
    let mut named: Vec<usize> = rejected.chain(unfinished.iter().copied()).collect();
    named.sort_unstable();
    let each_once = named.windows(2).all(|pair| pair[0] != pair[1]);
    let in_range = named.last().is_none_or(|last| *last < attempted);
    if accounted == attempted && each_once && in_range {
        Ok(())
    } else {
        Err(FalseAccount { accounted, attempted })
    }
}
