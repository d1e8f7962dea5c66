//! Sends an answer piece by piece, as fast as its client takes it, and gives up on a client that takes nothing: what an answer holds
//! is room that others wait for.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::mpsc::{Sender, channel};

/// How long a piece may lie ready without being taken.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rest is not sent, and the answer ends in a way that cannot be taken for its end.
#[derive(Debug, thiserror::Error)]
#[error("the client took nothing of its answer for {} s", PATIENCE.as_secs())]
pub(crate) struct Stalled;

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
    while let Some(piece) = pieces.next().await {
        match to_client.send_timeout(piece, PATIENCE).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return,
            Err(SendTimeoutError::Timeout(_)) => {
                tracing::info!(error = %Stalled, "an answer was given up");
                return;
            }
        }
    }
}

/// Hands on the pieces and, as the sign that these were all, none.
async fn feed(pieces: impl Iterator<Item = Bytes>, to_client: Sender<Option<Bytes>>) {
    for piece in pieces.map(Some).chain([None]) {
        match to_client.send_timeout(piece, PATIENCE).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return,
            Err(SendTimeoutError::Timeout(_)) => {
                tracing::info!(error = %Stalled, "an answer was given up");
                return;
            }
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
        assert!(error.to_string().contains("took nothing"), "{error}");
    }
}
