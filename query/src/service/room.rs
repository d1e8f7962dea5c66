//! Room for answers: a turn among the questions being worked on, and bytes among those held.

use std::sync::Arc;
use std::time::Duration;

use spoor_net::limits::{Full, Permit};
use spoor_storage::{ReadError, ReadErrorKind};
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
        self.metrics.refused(Refusal::bytes);
        let reason = format!(
            "the answers being sent hold {} of {} bytes (--query.max-bytes-in-flight); ask again in a moment",
            full.held, full.limit
        );
        ReadError::new(ReadErrorKind::Busy, "read traces", reason)
    }
}
