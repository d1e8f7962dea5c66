//! Room for answers: a turn among the questions being worked on, and bytes among those held.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spoor_net::limits::{Full, Permit};
use spoor_storage::{AnswerRoom, ReadError, ReadErrorKind, RequestContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Service;
use crate::metrics::{Metrics, Refusal};

/// How long a question waits for its turn when too many are running.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// Bytes among those in flight and, for as long as the store is read, a turn among the running questions. Dropping it gives both back.
pub(crate) struct Room {
    bytes: Permit,
    turn: Option<Turn>,
}

impl Room {
    pub(super) fn new(bytes: Permit, turn: Option<Turn>) -> Self {
        Self { bytes, turn }
    }

    /// The store is read: what is left is to send the answer, at the client's pace, which is no reason for others to wait.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
    }

    /// How much room it is.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.amount()
    }

    /// The bytes, for who holds more than traces.
    pub(crate) fn bytes(&mut self) -> &mut Permit {
        &mut self.bytes
    }
}

/// A turn among the running questions.
pub(super) struct Turn {
    metrics: Metrics,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.metrics.running.dec();
    }
}

impl Service {
    /// Room for an answer, with a turn.
    pub(crate) async fn room(&self) -> Result<Room, ReadError> {
        let mut room = self.room_without_turn()?;
        self.begin_turn(&mut room).await?;
        Ok(room)
    }

    /// Room for what comes at a client's pace, which is no reason for others to wait.
    pub(crate) fn room_without_turn(&self) -> Result<Room, ReadError> {
        Ok(Room::new(self.no_bytes()?, None))
    }

    /// Takes a turn for that room, to be held until [`Room::end_turn`].
    pub(crate) async fn begin_turn(&self, room: &mut Room) -> Result<(), ReadError> {
        room.turn = Some(self.turn().await?);
        Ok(())
    }

    /// Makes the room so many bytes large.
    pub(crate) fn resize(&self, room: &mut Room, bytes: usize) -> Result<(), ReadError> {
        room.bytes.shrink_to(bytes);
        room.bytes.grow(bytes - room.bytes.amount()).map_err(|full| self.no_room(&full))
    }

    pub(super) async fn turn(&self) -> Result<Turn, ReadError> {
        self.turn_among(&self.turns).await
    }

    pub(super) async fn turn_among(&self, turns: &Arc<Semaphore>) -> Result<Turn, ReadError> {
        self.turn_within(TURN_WAIT, turns).await
    }

    /// A turn for who has begun to answer: to tell it to ask again would be to break its answer off, so that it waits as long as a
    /// question may take. Nobody holds a turn while it waits for one.
    pub(super) async fn turn_again(&self) -> Result<Turn, ReadError> {
        self.turn_within(self.timeout, &self.turns).await
    }

    async fn turn_within(&self, wait: Duration, turns: &Arc<Semaphore>) -> Result<Turn, ReadError> {
        let turn = tokio::time::timeout(wait, Arc::clone(turns).acquire_owned()).await;
        if let Ok(Ok(permit)) = turn {
            self.metrics.running.inc();
            return Ok(Turn { metrics: self.metrics.clone(), _permit: permit });
        }
        self.metrics.refused(Refusal::searches);
        let reason =
            "too many questions are being answered (--query.max-concurrent-searches); ask again in a moment";
        Err(ReadError::new(ReadErrorKind::Busy, "read traces", reason))
    }

    pub(super) fn no_bytes(&self) -> Result<Permit, ReadError> {
        self.bytes.take(0).map_err(|full| self.no_room(&full))
    }

    pub(super) fn no_room(&self, full: &Full) -> ReadError {
        no_room(&self.metrics, full)
    }

    /// The context with which a store that gathers its answer is asked, and the room that the answer takes while it comes.
    pub(super) fn charged(
        &self,
        context: &RequestContext,
    ) -> Result<(RequestContext, Arc<Charge>), ReadError> {
        let bytes = Mutex::new(Some(self.no_bytes()?));
        let charge = Arc::new(Charge { bytes, cut: AtomicBool::new(false), metrics: self.metrics.clone() });
        Ok((RequestContext { room: Some(charge.clone()), ..context.clone() }, charge))
    }

    /// The room of an answer that is there and takes so many bytes.
    pub(super) fn settled(&self, charge: &Charge, bytes: usize) -> Result<Room, ReadError> {
        let mut room = charge.end().map_or_else(|| self.room_without_turn(), Ok)?;
        self.resize(&mut room, bytes)?;
        Ok(room)
    }
}

/// What an answer takes while a store's reader gathers it. The bytes are given back when nobody has any of it any more: where a reader
/// goes on for a moment after its caller has gone, that is the moment's end.
pub(super) struct Charge {
    /// Until the answer is there.
    bytes: Mutex<Option<Permit>>,
    cut: AtomicBool,
    metrics: Metrics,
}

impl Charge {
    /// The answer is there: its room is no longer the reader's.
    pub(super) fn end(&self) -> Option<Room> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner).take();
        bytes.map(|bytes| Room::new(bytes, None))
    }

    /// Whether the reader said that the answer is cut; counted.
    pub(super) fn was_cut(&self) -> bool {
        let cut = self.cut.load(Ordering::Relaxed);
        if cut {
            self.metrics.cut.inc();
        }
        cut
    }
}

impl AnswerRoom for Charge {
    fn takes(&self, bytes: usize) -> Result<(), ReadError> {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = &mut *held else { return Ok(()) };
        held.shrink_to(bytes);
        held.grow(bytes - held.amount()).map_err(|full| no_room(&self.metrics, &full))
    }

    fn is_cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Charge").field(&self.bytes).finish()
    }
}

fn no_room(metrics: &Metrics, full: &Full) -> ReadError {
    metrics.refused(Refusal::bytes);
    let reason = format!(
        "the answers being sent hold {} of {} bytes (--query.max-bytes-in-flight); ask again in a moment",
        full.held, full.limit
    );
    ReadError::new(ReadErrorKind::Busy, "read traces", reason)
}
