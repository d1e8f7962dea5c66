//! Bodies smaller on the wire: gzip at its fastest level, where the network is worth the time of the processor.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Cause, Chunks};
use crate::{Compression, NodeUrl};

/// A smaller body fits into a packet or two anyway.
const LEAST_BYTES: usize = 1 << 10;
/// More is worked on beside the async threads: it takes them from others for over half a millisecond.
const MOST_INLINE: usize = 64 << 10;

/// Whether bodies go compressed.
#[derive(Debug)]
pub(super) struct Compressor {
    mode: Compression,
    refused: AtomicBool,
}

impl Compressor {
    pub(super) fn new(mode: Compression) -> Self {
        Self { mode, refused: AtomicBool::new(false) }
    }

    /// Whether answers of this node are to come compressed.
    pub(super) fn is_on(&self, node: &NodeUrl) -> bool {
        match self.mode {
            Compression::On => true,
            Compression::Off => false,
            Compression::Auto => !node.is_loopback(),
        }
    }

    /// Whether this body goes to this node compressed.
    pub(super) fn takes(&self, node: &NodeUrl, body: &Chunks) -> bool {
        body.len() >= LEAST_BYTES && self.is_on(node) && !self.refused.load(Ordering::Relaxed)
    }

    /// A compressed body was refused and the same plain one was taken: from now on bodies go as they are.
    pub(super) fn give_up(&self, node: &NodeUrl) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{node}, or a proxy before it, refuses bodies compressed with gzip: they are sent plain from now on; \
                 set --es.http-compression=false to begin so"
            );
        }
    }
}

/// The body compressed, in one piece.
pub(super) async fn gzip(body: &Chunks) -> Chunks {
    if body.len() <= MOST_INLINE {
        return gzip_now(body);
    }
    // A clone shares the bytes. The task fails only if the runtime is going down.
    let shared = body.clone();
    tokio::task::spawn_blocking(move || gzip_now(&shared)).await.unwrap_or_default()
}

fn gzip_now(body: &Chunks) -> Chunks {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    for piece in body.pieces() {
        encoder.write_all(piece).expect("a Vec takes all");
    }
    encoder.finish().expect("a Vec takes all").into()
}

/// The answer as it was before it was compressed, unless it is larger than `limit` bytes.
pub(super) async fn gunzip(body: Bytes, limit: usize) -> Result<Bytes, Cause> {
    if body.len() <= MOST_INLINE {
        return gunzip_now(&body, limit);
    }
    let work = tokio::task::spawn_blocking(move || gunzip_now(&body, limit));
    work.await.unwrap_or_else(|error| Err(Cause::Malformed(error.to_string())))
}

fn gunzip_now(body: &[u8], limit: usize) -> Result<Bytes, Cause> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(body)
        .take(limit as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| Cause::Malformed(format!("it is said to be gzip, but: {error}")))?;
    if plain.len() > limit { Err(Cause::TooLarge(limit)) } else { Ok(plain.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(url: &str) -> NodeUrl {
        url.parse().unwrap()
    }

    fn body(bytes: usize) -> Chunks {
        let mut chunks = Chunks::default();
        for piece in vec![b'x'; bytes].chunks(1_000) {
            chunks.push(Bytes::copy_from_slice(piece));
        }
        chunks
    }

    #[test]
    fn bodies_for_other_machines_are_compressed_unless_they_are_small() {
        let auto = Compressor::new(Compression::Auto);
        for here in ["http://127.0.0.1:9200", "http://localhost", "https://[::1]:9200", "http://127.1.2.3"] {
            assert!(!auto.takes(&node(here), &body(5_000)), "{here}");
            assert!(Compressor::new(Compression::On).takes(&node(here), &body(5_000)), "{here}");
        }
        for there in ["http://10.0.0.1:9200", "https://elastic.example", "http://localhost.example"] {
            assert!(auto.takes(&node(there), &body(LEAST_BYTES)), "{there}");
            assert!(!auto.takes(&node(there), &body(LEAST_BYTES - 1)), "{there}");
            assert!(!Compressor::new(Compression::Off).takes(&node(there), &body(5_000)), "{there}");
        }
    }

    #[test]
    fn once_refused_bodies_go_plain_but_answers_may_come_compressed() {
        let (compressor, there) = (Compressor::new(Compression::Auto), node("http://there"));
        compressor.give_up(&there);
        assert!(!compressor.takes(&there, &body(5_000)) && compressor.is_on(&there));
    }

    #[tokio::test]
    async fn what_is_compressed_comes_back_small_or_large() {
        for bytes in [10, MOST_INLINE, MOST_INLINE + 1, 3 << 20] {
            let zipped = gzip(&body(bytes)).await;
            assert!(zipped.len() < bytes / 20 + 100, "{bytes}");
            let whole: Vec<u8> = zipped.pieces().flatten().copied().collect();
            let plain = gunzip(whole.into(), bytes).await.unwrap();
            assert_eq!(plain.len(), bytes);
        }
    }

    #[tokio::test]
    async fn an_answer_is_bounded_by_what_it_becomes() {
        let whole: Vec<u8> = gzip(&body(1 << 20)).await.pieces().flatten().copied().collect();
        let error = gunzip(whole.clone().into(), (1 << 20) - 1).await.unwrap_err();
        assert!(matches!(error, Cause::TooLarge(_)), "{error:?}");
        let cut = gunzip(whole[..whole.len() / 2].to_vec().into(), 1 << 20).await.unwrap_err();
        assert!(matches!(cut, Cause::Malformed(_)), "{cut:?}");
    }
}
