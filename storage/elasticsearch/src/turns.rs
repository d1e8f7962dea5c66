//! Turns: how many searches go to the store at a time, and so how many bytes of answers are held.
//!
//! A turn has room for an answer of [`TURN_BYTES`]. It is given back when the answer is read to its end, not when it has come.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::MAX_ANSWER_BYTES;

/// Room for an answer in one turn. The pages of a trace are made to fill three eighths of it, see `reader/page.rs`.
const TURN_BYTES: usize = 16 << 20;

/// How large an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// As large as one turn allows; whoever asks can ask for less.
    Usual,
    /// As large as answers are ever taken: nothing less can be asked for.
    Most,
}

/// The turns of all that reads from one store. A clone shares them.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    all: u32,
}

/// An answer, with the turns that it takes.
#[derive(Debug)]
pub(crate) struct Answered {
    body: Bytes,
    _turns: OwnedSemaphorePermit,
}

impl Answered {
    pub(crate) fn new(body: Bytes, turns: OwnedSemaphorePermit) -> Self {
        Self { body, _turns: turns }
    }
}

impl Deref for Answered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.body
    }
}

impl Room {
    /// In bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Usual => TURN_BYTES,
            Self::Most => MAX_ANSWER_BYTES,
        }
    }
}

impl Turns {
    pub(crate) fn new(count: u32) -> Self {
        Self { free: Arc::new(Semaphore::new(count as usize)), all: count }
    }

    /// Waits for as many turns as the room takes, all of them if there are not so many; at most until the deadline.
    pub(crate) async fn take(
        &self,
        room: Room,
        context: &RequestContext,
        attempted: &str,
    ) -> Result<OwnedSemaphorePermit, ReadError> {
        let turns = u32::try_from(room.bytes().div_ceil(TURN_BYTES)).unwrap_or(u32::MAX).min(self.all);
        let turn = Arc::clone(&self.free).acquire_many_owned(turns);
        match tokio::time::timeout_at(context.deadline.into(), turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                let what = format!(
                    "{} searches were under way all the time (--es.max-concurrent-searches); ask again in a moment",
                    self.all
                );
                Err(ReadError::new(ReadErrorKind::Busy, attempted, what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn context(millis: u64) -> RequestContext {
        RequestContext::with_timeout(Duration::from_millis(millis))
    }

    #[tokio::test]
    async fn who_gets_no_turn_in_time_is_told_that_the_store_is_busy() {
        let turns = Turns::new(2);
        let take = async |room| turns.take(room, &context(20), "search").await;
        let first = take(Room::Usual).await.unwrap();
        let second = take(Room::Usual).await.unwrap();
        let error = take(Room::Usual).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Busy);
        assert!(
            error.to_string().contains("2 searches") && error.to_string().contains("--es.max-"),
            "{error}"
        );
        drop(second);
        assert_eq!(take(Room::Most).await.unwrap_err().kind, ReadErrorKind::Busy, "one turn is not enough");
        let third = take(Room::Usual).await.unwrap();
        drop((first, third));
        drop(take(Room::Most).await.unwrap());
    }

    #[tokio::test]
    async fn a_turn_that_comes_back_goes_to_who_waits() {
        let turns = Turns::new(1);
        let held = turns.take(Room::Most, &context(20), "search").await.unwrap();
        let patient = context(60_000);
        let (waited, ()) = tokio::join!(turns.take(Room::Usual, &patient, "search"), async { drop(held) });
        drop(waited.unwrap());
    }
}
