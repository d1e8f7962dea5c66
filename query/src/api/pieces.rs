//! Answers in pieces as HTTP bodies.

use axum::body::{Body, Bytes};
use futures::StreamExt;

use crate::pieces;

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
