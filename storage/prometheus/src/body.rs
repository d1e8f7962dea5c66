//! The body of an answer, in the pieces in which it came: counted while it comes, let go of while it is read.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::{Buf, Bytes};

/// The pieces, in order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Pieces {
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Bytes in all pieces.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first bytes, at most so many.
    pub(crate) fn beginning(&self, most: usize) -> Vec<u8> {
        self.pieces.iter().flat_map(|piece| piece.iter().copied()).take(most).collect()
    }
}

/// When reading is of no use any more: the deadline has passed, or nobody waits.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    deadline: Instant,
    gone: Arc<AtomicBool>,
}

/// Kept by who waits.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Patience {
    /// Until the deadline, and for as long as [`Waiting`] is kept.
    pub(crate) fn until(deadline: Instant) -> (Self, Waiting) {
        let gone = Arc::new(AtomicBool::new(false));
        (Self { deadline, gone: Arc::clone(&gone) }, Waiting(gone))
    }

    fn is_over(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

/// Reads the pieces one after the other. It ends with [`io::ErrorKind::TimedOut`] when the patience is over.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: VecDeque<Bytes>,
    current: Bytes,
    patience: Patience,
}

impl Reader {
    pub(crate) fn new(body: Pieces, patience: Patience) -> Self {
        Self { rest: body.pieces, current: Bytes::new(), patience }
    }
}

impl io::Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() {
            if self.patience.is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let Some(next) = self.rest.pop_front() else { return Ok(0) };
            self.current = next;
        }
        let count = out.len().min(self.current.len());
        self.current.copy_to_slice(&mut out[..count]);
        Ok(count)
    }
}
