//! Answers in pieces as HTTP bodies.

use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use spoor_net::body::BoxError;

use crate::json::{Growing, PIECE_BYTES};
use crate::pieces;
use crate::service::LiveTrace;

/// The pieces as a body. `held` is let go of when the last one is taken, when the client hangs up, or when it stalls; then the
/// connection ends in a way that cannot be taken for the answer's end. A lone piece is the body with its length, so that clients and
/// compression know how small it is.
pub(super) fn body(
    mut pieces: impl Iterator<Item = Bytes> + Send + 'static,
    held: impl Send + 'static,
) -> Body {
    let Some(first) = pieces.next() else { return Body::empty() };
    let Some(second) = pieces.next() else { return Body::from(first) };
    let pieces = [first, second].into_iter().chain(pieces);
    // Compression asks once more behind the end, for trailers.
    Body::from_stream(pieces::stream(pieces, held).fuse())
}

/// A document that is there as a whole, in pieces, so that `held` is held and let go of as [`body`] does.
pub(super) fn whole(document: Vec<u8>, held: impl Send + 'static) -> Body {
    let bytes = document.len();
    let document = Bytes::from(document);
    let piece = move |from: usize| document.slice(from..bytes.min(from + PIECE_BYTES));
    body((0..bytes).step_by(PIECE_BYTES).map(piece), held)
}

/// A trace as it comes: what there is of it is sent before more is read. When the store fails midway, or the client takes nothing for
/// too long, the connection ends in a way that cannot be taken for the answer's end.
pub(super) fn live_body(trace: LiveTrace, document: impl Growing) -> Body {
    let pieces = stream::try_unfold(Some((trace, document)), async |state| {
        let Some((mut trace, mut document)) = state else { return Ok(None) };
        let mut out = Vec::new();
        loop {
            let more_of_the_part = document.write_some(&mut out, PIECE_BYTES);
            if more_of_the_part || !out.is_empty() {
                return Ok(Some((Bytes::from(document.finish(out)), Some((trace, document)))));
            }
            match trace.next().await.inspect_err(|error| tracing::warn!(%error, "an answer broke off"))? {
                Some(part) => document.take(part, &mut out),
                None => {
                    document.end(&mut out);
                    return Ok::<_, BoxError>(Some((Bytes::from(document.finish(out)), None)));
                }
            }
        }
    });
    // Compression asks once more behind the end, for trailers.
    Body::from_stream(pieces::live(pieces).fuse())
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
}
