//! Packages on disk: a directory of segments, written at the end, read from the beginning, deleted when everything in them has ended.
//!
//! What is written survives the process (also `kill -9`), for the kernel has it; it survives the machine once it was synced, which happens at
//! an interval or after each package. After a restart every segment that is left is sent again from its beginning: at least once, and
//! collectors store what comes twice once. All writing is to the page cache and happens under the buffer's lock; syncing does not.

mod record;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Loss, OfferError};
use crate::metrics::{Accounts, DropReason};
use crate::package::Package;
use record::HEAD;
use segment::Segment;

/// The file that says: in use.
const LOCK: &str = "lock";
/// Bounds of a segment's length, between which it is a sixteenth of the spool.
const SEGMENT_BYTES: (u64, u64) = (256 << 10, 4 << 20);

/// The spool cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("use the spool --agent.spool.directory={}: {problem}", directory.display())]
pub struct SpoolError {
    directory: PathBuf,
    problem: String,
    source: Option<io::Error>,
}

/// The segment that a package lies in, which may have been dropped meanwhile; `None` in memory.
pub(super) type Origin = Option<u64>;

#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    /// Held as long as we live.
    _lock: File,
    /// The oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    /// Whether the last one is written to no more.
    is_segment_over: bool,
    /// The number of the next segment, unless it is taken.
    next_id: u64,
    /// Came back without a verdict; they are held by the tasks that send anyway.
    at_hand: VecDeque<(Package, Origin)>,
    max_bytes: u64,
    segment_bytes: u64,
    accounts: Arc<Accounts>,
    /// Written to and not yet synced.
    unsynced: Vec<File>,
}

impl Spool {
    /// Opens the directory, which nobody else may use, and finds what an earlier run has left.
    pub(super) fn open(
        directory: &Path,
        max_bytes: u64,
        accounts: Arc<Accounts>,
    ) -> Result<Self, SpoolError> {
        let error = |problem: &str, source: io::Error| SpoolError {
            directory: directory.to_owned(),
            problem: format!("{problem}: {source}"),
            source: Some(source),
        };
        fs::create_dir_all(directory).map_err(|source| error("cannot make the directory", source))?;
        let lock =
            File::create(directory.join(LOCK)).map_err(|source| error("cannot write into it", source))?;
        if lock.try_lock().is_err() {
            return Err(SpoolError {
                directory: directory.to_owned(),
                problem: "another agent uses it; give each its own".to_owned(),
                source: None,
            });
        }
        let (least, most) = SEGMENT_BYTES;
        let mut spool = Self {
            directory: directory.to_owned(),
            _lock: lock,
            segments: VecDeque::new(),
            is_segment_over: false,
            next_id: 1,
            at_hand: VecDeque::new(),
            max_bytes,
            segment_bytes: (max_bytes / 16).clamp(least, most),
            accounts,
            unsynced: Vec::new(),
        };
        spool.recover().map_err(|source| error("cannot read what is in it", source))?;
        spool.begin_segment().map_err(|source| error("cannot write into it", source))?;
        Ok(spool)
    }

    fn recover(&mut self) -> io::Result<()> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            ids.extend(entry?.file_name().to_str().and_then(Segment::id_of));
        }
        ids.sort_unstable();
        self.next_id = ids.last().map_or(1, |last| last + 1);
        for id in ids {
            let (segment, damaged) = Segment::recover(&self.directory, id)?;
            self.accounts.spool_damaged(damaged);
            if damaged > 0 {
                tracing::warn!(
                    segment = id,
                    bytes = damaged,
                    "the end of a segment of the spool cannot be read; it is left out"
                );
            }
            if segment.is_read() {
                segment.delete();
                continue;
            }
            self.accounts.recovered(segment.unread().spans());
            self.segments.push_back(segment);
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        // The new name has to last, too.
        let directory = File::open(&self.directory)?;
        let segment = loop {
            let id = self.next_id;
            match Segment::create(&self.directory, id) {
                // Something that could not be deleted, or is not ours.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.next_id = id + 1,
                created => break created?,
            }
        };
        self.next_id = segment.id() + 1;
        if let Some(last) = self.segments.back_mut() {
            last.rest();
        }
        self.segments.push_back(segment);
        self.is_segment_over = false;
        self.unsynced.push(directory);
        Ok(())
    }

    /// Writes a package; answers what had to go.
    pub(super) fn push(&mut self, package: &Package) -> Vec<Loss> {
        let mut losses = Vec::new();
        let mut written = self.try_append(package);
        // A full disk has room again when the oldest segment is gone; other failures that does not cure.
        if written.as_ref().is_err_and(is_full) && self.drop_oldest(&mut losses) {
            written = self.try_append(package);
        }
        match written {
            Ok(()) => self.make_room(&mut losses),
            Err(_) => losses.push(Loss::of(package, DropReason::Spool)),
        }
        losses
    }

    /// Writes all if there is room, without making any; adds the spans of what was written to `taken`.
    pub(super) fn offer(&mut self, packages: &[Package], taken: &mut usize) -> Result<(), OfferError> {
        let wanted: u64 = packages.iter().map(|package| (HEAD + package.request.len()) as u64).sum();
        if wanted > self.max_bytes {
            return Err(OfferError::NeverFits {
                limit: usize::try_from(self.max_bytes).unwrap_or(usize::MAX),
            });
        }
        if self.bytes().saturating_add(wanted) > self.max_bytes {
            return Err(OfferError::Full);
        }
        for package in packages {
            self.try_append(package).map_err(OfferError::Disk)?;
            *taken += package.spans as usize;
        }
        self.accounts.spool_bytes(self.bytes());
        Ok(())
    }

    /// Counts and tells of a failure.
    fn try_append(&mut self, package: &Package) -> io::Result<()> {
        self.append(package).inspect_err(|error| {
            self.accounts.spool_failed();
            tracing::warn!(%error, "cannot write to the spool");
        })
    }

    fn append(&mut self, package: &Package) -> io::Result<()> {
        let is_full = |last: &Segment| last.length() >= self.segment_bytes;
        if self.is_segment_over || self.segments.back().is_none_or(is_full) {
            self.begin_segment()?;
        }
        let last = self.segments.back_mut().ok_or_else(|| io::Error::other("no segment is open"))?;
        if let Some(file) = last.append(package)? {
            self.unsynced.push(file);
        }
        Ok(())
    }

    fn make_room(&mut self, losses: &mut Vec<Loss>) {
        while self.bytes() > self.max_bytes && self.drop_oldest(losses) {}
        self.accounts.spool_bytes(self.bytes());
    }

    /// Drops the oldest segment, unless it is the one that is written to. What was taken from it is still delivered.
    fn drop_oldest(&mut self, losses: &mut Vec<Loss>) -> bool {
        if self.segments.len() < 2 {
            return false;
        }
        let Some(oldest) = self.segments.pop_front() else { return false };
        losses.extend(oldest.unread().losses(DropReason::BufferFull));
        oldest.delete();
        true
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::length).sum()
    }

    /// The oldest package, and what could not be read before it.
    pub(super) fn pop(&mut self) -> (Option<(Package, Origin)>, Vec<Loss>) {
        if let Some(first) = self.at_hand.pop_front() {
            return (Some(first), Vec::new());
        }
        let mut losses = Vec::new();
        for segment in &mut self.segments {
            if segment.is_read() {
                continue;
            }
            match segment.read() {
                Ok(package) => return (Some((package, Some(segment.id()))), losses),
                Err(error) => {
                    self.accounts.spool_failed();
                    let (unread, bytes) = segment.give_up_reading();
                    tracing::warn!(%error, segment = segment.id(), bytes, spans = unread.spans(), "the spool cannot be read; the rest of the segment is lost");
                    self.accounts.spool_damaged(bytes);
                    losses.extend(unread.losses(DropReason::Spool));
                }
            }
        }
        self.clean();
        (None, losses)
    }

    /// Takes a package back that has had no verdict.
    pub(super) fn give_back(&mut self, package: Package, origin: Origin) {
        self.at_hand.push_front((package, origin));
    }

    /// A package has ended.
    pub(super) fn settle(&mut self, origin: Origin) {
        let segment = origin.and_then(|id| self.segments.iter_mut().find(|segment| segment.id() == id));
        if let Some(segment) = segment {
            segment.settle();
            self.clean();
        }
    }

    /// Deletes what has ended, and empties the segment that is written to when it has.
    fn clean(&mut self) {
        let last = self.segments.back().map(Segment::id);
        self.segments.retain_mut(|segment| {
            if !segment.has_ended() {
                return true;
            }
            if Some(segment.id()) != last {
                segment.delete();
                return false;
            }
            if let Err(error) = segment.empty() {
                self.accounts.spool_failed();
                tracing::warn!(%error, "cannot empty a segment of the spool; it is sent again after a restart");
            }
            true
        });
        self.accounts.spool_bytes(self.bytes());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at_hand.is_empty() && self.segments.iter().all(Segment::is_read)
    }

    /// Spans that wait.
    pub(super) fn spans(&self) -> u64 {
        let at_hand: u64 = self.at_hand.iter().map(|(package, _)| u64::from(package.spans)).sum();
        at_hand + self.segments.iter().map(|segment| segment.unread().spans()).sum::<u64>()
    }

    /// Takes out what lies on the disk no more: its segment was dropped while it was under way.
    pub(super) fn drop_homeless(&mut self) -> Vec<Loss> {
        let segments = &self.segments;
        let is_on_disk = |origin: &Origin| segments.iter().any(|segment| Some(segment.id()) == *origin);
        let (kept, gone) =
            std::mem::take(&mut self.at_hand).into_iter().partition(|(_, origin)| is_on_disk(origin));
        self.at_hand = kept;
        let gone: VecDeque<(Package, Origin)> = gone;
        gone.iter().map(|(package, _)| Loss::of(package, DropReason::Shutdown)).collect()
    }

    /// Writing goes on in a new segment: what was written to this one may never reach the disk.
    pub(super) fn leave_segment(&mut self) {
        self.is_segment_over = true;
    }

    /// Files that were written to since the last time.
    pub(super) fn take_unsynced(&mut self) -> Vec<File> {
        self.segments.iter_mut().for_each(Segment::will_be_synced);
        std::mem::take(&mut self.unsynced)
    }

    /// Something that no disk takes.
    #[cfg(test)]
    pub(super) fn break_next_sync(&mut self) {
        self.unsynced.push(File::open("/dev/null").expect("it is there"));
    }

    /// Whether nothing is left to force to the disk.
    #[cfg(test)]
    pub(super) fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }
}

/// Whether the disk has no room, or none for us.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
