//! Sends an answer piece by piece, as fast as its client takes it, and gives up on a client that takes nothing: what an answer holds
//! is room that others wait for.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::mpsc::{Sender, channel};

/// How long a piece may lie ready without being taken.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rest is not sent, and the connection ends in a way that cannot be taken for the answer's end.
#[derive(Debug, thiserror::Error)]
#[error("the client took nothing of its answer for {} s", PATIENCE.as_secs())]
struct Stalled;

/// The pieces as a body. `held` is let go of when the last one is taken, when the client hangs up, or when it stalls. A lone piece is
/// the body with its length, so that clients and compression know how small it is.
pub(super) fn body(
    mut pieces: impl Iterator<Item = Bytes> + Send + 'static,
    held: impl Send + 'static,
) -> Body {
    let Some(first) = pieces.next() else { return Body::empty() };
    let Some(second) = pieces.next() else { return Body::from(first) };
    let pieces = [first, second].into_iter().chain(pieces);
    let (to_client, ready) = channel(1);
    tokio::spawn(async move {
        let _held = held;
        feed(pieces, to_client).await;
    });
    let pieces = stream::unfold(ready, async |mut ready| match ready.recv().await {
        Some(Some(piece)) => Some((Ok(piece), ready)),
        Some(None) => None,
        None => Some((Err(Stalled), ready)),
    });
    // Compression asks once more behind the end, for trailers.
    Body::from_stream(pieces.fuse())
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

    use http_body_util::BodyExt;

    use super::*;

    fn pieces() -> impl Iterator<Item = Bytes> + Send + 'static {
        (0..10).map(|_| Bytes::from_static(b"piece "))
    }

    #[tokio::test]
    async fn all_pieces_come_and_nothing_stays_held() {
        let held = Arc::new(());
        let whole = body(pieces(), held.clone()).collect().await.unwrap().to_bytes();
        assert_eq!(whole, "piece ".repeat(10));
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_lone_piece_is_the_body_with_its_length() {
        let held = Arc::new(());
        for (count, length) in [(0, Some(0)), (1, Some(6)), (2, None)] {
            let body = body(pieces().take(count), held.clone());
            assert_eq!(axum::body::HttpBody::size_hint(&body).exact(), length);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_gives_its_room_back_and_gets_no_whole_answer() {
        let held = Arc::new(());
        let mut body = body(pieces(), held.clone());
        body.frame().await.unwrap().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 2, "it may still come");
        tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
        let error = body.collect().await.unwrap_err();
        assert!(error.to_string().contains("took nothing"), "{error}");
    }
}
