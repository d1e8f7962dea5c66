//! Sends an answer piece by piece, as fast as its client takes it, and gives up on a client that takes nothing or next to nothing: what
//! an answer holds is room that others wait for.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::Instant;

/// How long pieces may lie ready, in all, beyond what [`SLOWEST`] allows.
const PATIENCE: Duration = Duration::from_secs(60);
/// The least that a client must take of what lies ready, in bytes a second: half of what a modem brought.
const SLOWEST: u64 = 4 << 10;

/// The rest is not sent, and the answer ends in a way that cannot be taken for its end.
#[derive(Debug, thiserror::Error)]
#[error(
    "the client took too little of its answer: less than {SLOWEST} bytes a second, and that for more than {} s",
    PATIENCE.as_secs()
)]
pub(crate) struct Stalled;

/// How long a client has let pieces lie ready. The time in which none was ready is not its own.
#[derive(Debug, Default)]
struct Pace {
    waited: Duration,
    taken: u64,
}

impl Pace {
    /// Hands on a piece of so many bytes. An error: the client is gone or given up.
    async fn send<T>(&mut self, to_client: &Sender<T>, piece: T, bytes: usize) -> Result<(), ()> {
        let allowed = PATIENCE + Duration::from_secs(self.taken / SLOWEST);
        let began = Instant::now();
        let sent = to_client.send_timeout(piece, allowed.saturating_sub(self.waited).min(PATIENCE)).await;
        self.waited += began.elapsed();
        self.taken += bytes as u64;
        sent.map_err(|error| {
            if let SendTimeoutError::Timeout(_) = error {
                tracing::info!(error = %Stalled, "an answer was given up");
            }
        })
    }
}

/// The pieces as a stream. `held` is let go of when the last one is taken, when the client hangs up, or when it stalls.
pub(crate) fn stream(
    pieces: impl Iterator<Item = Bytes> + Send + 'static,
    held: impl Send + 'static,
) -> impl Stream<Item = Result<Bytes, Stalled>> + Send + 'static {
    let (to_client, ready) = channel(1);
    tokio::spawn(async move {
        let _held = held;
        feed(pieces, to_client).await;
    });
    stream::unfold(Some(ready), async |ready| {
        let mut ready = ready?;
        match ready.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(ready))),
            Some(None) => None,
            None => Some((Err(Stalled), None)),
        }
    })
}

/// Pieces that are still being made, sent on as [`stream`] does. They are let go of when the client hangs up or stalls.
pub(crate) fn live<E: From<Stalled> + Send + 'static>(
    pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, E>> + Send + 'static {
    let (to_client, ready) = channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = to_client.closed() => {}
            () = feed_live(pieces, &to_client) => {}
        }
    });
    stream::unfold(Some(ready), async |ready| {
        let mut ready = ready?;
        match ready.recv().await {
            Some(Some(piece)) => Some((piece, Some(ready))),
            Some(None) => None,
            None => Some((Err(Stalled.into()), None)),
        }
    })
}

/// As [`feed`].
async fn feed_live<E>(
    pieces: impl Stream<Item = Result<Bytes, E>>,
    to_client: &Sender<Option<Result<Bytes, E>>>,
) {
    let mut pieces = std::pin::pin!(pieces.map(Some).chain(stream::iter([None])));
    let mut pace = Pace::default();
    while let Some(piece) = pieces.next().await {
        let bytes = piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len);
        if pace.send(to_client, piece, bytes).await.is_err() {
            return;
        }
    }
}

/// Hands on the pieces and, as the sign that these were all, none.
async fn feed(pieces: impl Iterator<Item = Bytes>, to_client: Sender<Option<Bytes>>) {
    let mut pace = Pace::default();
    for piece in pieces.map(Some).chain([None]) {
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        if pace.send(&to_client, piece, bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::{StreamExt, TryStreamExt};

    use super::*;

    fn pieces() -> impl Iterator<Item = Bytes> + Send + 'static {
        (0..10).map(|_| Bytes::from_static(b"piece "))
    }

    #[tokio::test]
    async fn all_pieces_come_and_nothing_stays_held() {
        let held = Arc::new(());
        let whole: Vec<Bytes> = stream(pieces(), held.clone()).try_collect().await.unwrap();
        assert_eq!(whole.concat(), b"piece ".repeat(10));
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_gives_its_room_back() {
        let held = Arc::new(());
        let mut answer = Box::pin(stream(pieces(), held.clone()));
        answer.next().await.unwrap().unwrap();
        assert_eq!(Arc::strong_count(&held), 2);
        drop(answer);
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_gives_its_room_back_and_gets_no_whole_answer() {
        let held = Arc::new(());
        let mut answer = Box::pin(stream(pieces(), held.clone()));
        answer.next().await.unwrap().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 2, "it may still come");
        tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
        let error = answer.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("took too little"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_now_and_then_is_given_up_and_a_slow_one_is_not() {
        let pieces = |bytes: usize| (0..100).map(move |_| Bytes::from(vec![0; bytes]));
        let taken_each_50_s = async |bytes| {
            let mut answer = Box::pin(stream(pieces(bytes), ()));
            let mut taken = 0;
            while let Some(piece) = answer.next().await {
                if piece.is_err() {
                    return taken;
                }
                taken += 1;
                tokio::time::sleep(Duration::from_secs(50)).await;
            }
            taken
        };
        assert!(taken_each_50_s(1_000).await < 5, "a drip");
        assert_eq!(taken_each_50_s(50 * 4_096).await, 100, "as slow as allowed");
    }
}
