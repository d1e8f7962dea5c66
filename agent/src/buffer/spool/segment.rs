//! One file of the spool.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::record::{HEAD, Head};
use crate::buffer::Loss;
use crate::datagram::Format;
use crate::metrics::DropReason;
use crate::package::Package;

/// What a segment begins with: whose it is, and how it is written.
const MAGIC: [u8; 8] = *b"SPOORSP1";
const START: u64 = MAGIC.len() as u64;
const ENDING: &str = ".spool";

/// Packages and spans by format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally([(u64, u64); 3]);

impl Tally {
    fn add(&mut self, head: Head) {
        let (packages, spans) = &mut self.0[usize::from(head.format.number())];
        (*packages, *spans) = (*packages + 1, *spans + u64::from(head.spans));
    }

    fn take(&mut self, head: Head) {
        let (packages, spans) = &mut self.0[usize::from(head.format.number())];
        (*packages, *spans) = (packages.saturating_sub(1), spans.saturating_sub(u64::from(head.spans)));
    }

    /// Of all formats.
    pub(super) fn spans(self) -> u64 {
        self.0.iter().map(|(_, spans)| spans).sum()
    }

    pub(super) fn losses(self, reason: DropReason) -> impl Iterator<Item = Loss> {
        let each = Format::ALL.into_iter().zip(self.0).filter(|(_, (packages, _))| *packages > 0);
        each.map(move |(format, (batches, spans))| Loss { format, batches, spans, reason })
    }
}

#[derive(Debug)]
pub(super) struct Segment {
    id: u64,
    path: PathBuf,
    /// Closed while nobody reads or writes.
    file: Option<File>,
    /// Where the next record is written.
    length: u64,
    /// Where the next record is read.
    position: u64,
    /// From there on.
    unread: Tally,
    /// Packages read whose fate is open.
    open: usize,
    /// Whether a sync is due that knows of it.
    is_dirty: bool,
}

impl Segment {
    /// The number in a segment's file name.
    pub(super) fn id_of(name: &str) -> Option<u64> {
        name.strip_suffix(ENDING)?.parse().ok()
    }

    fn path(directory: &Path, id: u64) -> PathBuf {
        directory.join(format!("{id:020}{ENDING}"))
    }

    /// # Errors
    /// `AlreadyExists` when something has this number; after another error nothing is there.
    pub(super) fn create(directory: &Path, id: u64) -> io::Result<Self> {
        let path = Self::path(directory, id);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Self::begin(id, path, file)
    }

    /// Begins the file that was just made at `path`.
    pub(super) fn begin(id: u64, path: PathBuf, file: File) -> io::Result<Self> {
        if let Err(error) = file.write_all_at(&MAGIC, 0) {
            // Should it stay, the number is passed over.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self {
            id,
            path,
            file: Some(file),
            length: START,
            position: START,
            unread: Tally::default(),
            open: 0,
            is_dirty: false,
        })
    }

    /// One that is there, up to where it can be read; and how many bytes cannot.
    pub(super) fn recover(directory: &Path, id: u64) -> io::Result<(Self, u64)> {
        let path = Self::path(directory, id);
        let bytes = fs::read(&path)?;
        let (mut at, mut unread) = (0, Tally::default());
        if bytes.starts_with(&MAGIC) {
            at = MAGIC.len();
            while let Some((head, rest)) = bytes[at..].split_first_chunk::<HEAD>() {
                let head = Head::from_bytes(head);
                let fitting = head.filter(|head| {
                    rest.get(..head.length as usize).is_some_and(|request| head.fits(request))
                });
                let Some(head) = fitting else { break };
                unread.add(head);
                at += HEAD + head.length as usize;
            }
        }
        let damaged = (bytes.len() - at) as u64;
        let length = at as u64;
        let position = START.min(length);
        Ok((Self { id, path, file: None, length, position, unread, open: 0, is_dirty: false }, damaged))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What was not read yet.
    pub(super) fn unread(&self) -> Tally {
        self.unread
    }

    pub(super) fn is_read(&self) -> bool {
        self.position >= self.length
    }

    /// Everything was read and has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.is_read() && self.open == 0
    }

    /// Adds a package; answers the file if it has to be synced and no sync knows of it. What could not be written whole is not there.
    pub(super) fn append(&mut self, package: &Package) -> io::Result<Option<File>> {
        let head = Head::of(package).ok_or_else(|| io::Error::other("the batch is too large"))?;
        let at = self.length;
        let is_dirty = self.is_dirty;
        let file = self.file()?;
        // Before anything is written, so that nothing written is unknown to the next sync.
        let unsynced = if is_dirty { None } else { Some(file.try_clone()?) };
        let written = file
            .write_all_at(&head.to_bytes(), at)
            .and_then(|()| file.write_all_at(&package.request, at + HEAD as u64));
        if let Err(error) = written {
            // Should that fail as well, the checksum tells.
            let _ = file.set_len(at);
            return Err(error);
        }
        self.length = at + HEAD as u64 + u64::from(head.length);
        self.unread.add(head);
        self.is_dirty = true;
        Ok(unsynced)
    }

    /// A sync begins.
    pub(super) fn will_be_synced(&mut self) {
        self.is_dirty = false;
    }

    /// Reads the next package; it is open until it is settled.
    pub(super) fn read(&mut self) -> io::Result<Package> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a batch is not what was written");
        let at = self.position;
        let file = self.file()?;
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, at)?;
        let head = Head::from_bytes(&head).ok_or_else(damaged)?;
        let mut request = vec![0; head.length as usize];
        file.read_exact_at(&mut request, at + HEAD as u64)?;
        if !head.fits(&request) {
            return Err(damaged());
        }
        self.position = at + HEAD as u64 + u64::from(head.length);
        self.unread.take(head);
        self.open += 1;
        Ok(head.package(request.into()))
    }

    /// Passes over the rest; answers what was in it, and its bytes.
    pub(super) fn give_up_reading(&mut self) -> (Tally, u64) {
        let bytes = self.length - self.position;
        self.position = self.length;
        (std::mem::take(&mut self.unread), bytes)
    }

    pub(super) fn settle(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Nothing is written to it any more.
    pub(super) fn rest(&mut self) {
        self.file = None;
    }

    /// Begins it anew.
    pub(super) fn empty(&mut self) -> io::Result<()> {
        if self.length > START {
            self.file()?.set_len(START)?;
            (self.length, self.position) = (START, START);
        }
        Ok(())
    }

    pub(super) fn delete(&self) {
        // One that stays is sent again after a restart, and stored once.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot delete a segment of the spool");
        }
    }

    /// Writes to this file from now on.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.file = Some(file);
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            self.file = Some(File::options().read(true).write(true).open(&self.path)?);
        }
        self.file.as_ref().ok_or_else(|| io::Error::other("the file was just opened"))
    }
}
