//! Hot path: decompression into a bounded buffer. A zip bomb ends at the limit, having cost no more memory than it.

use std::fmt;
use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::{BodyError, pay};
use crate::limits::Permit;

/// The buffer grows, and is paid for, in steps of at most this size.
const STEP: usize = 256 << 10;

/// The largest zstd window, as a power of two: 8 MiB, what RFC 9659 allows on the web. The library's own default would let
/// a few bytes claim 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames, windows up to 8 MiB.
    Zstd,
    /// RFC 1950 (zlib), which HTTP calls deflate.
    Deflate,
}

impl Encoding {
    /// Reads a name from a header.
    ///
    /// # Errors
    /// [`BodyError::UnsupportedEncoding`] for a name that is not known here.
    pub fn from_name(name: &[u8]) -> Result<Self, BodyError> {
        let name = name.trim_ascii();
        let known: [(&[u8], Self); 7] = [
            (b"", Self::Identity),
            (b"identity", Self::Identity),
            (b"gzip", Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"zstd", Self::Zstd),
            (b"deflate", Self::Deflate),
            (b"zlib", Self::Deflate),
        ];
        let found = known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        found.map(|(_, encoding)| encoding).ok_or_else(|| {
            BodyError::UnsupportedEncoding(String::from_utf8_lossy(&name[..name.len().min(64)]).into_owned())
        })
    }

    /// The encoding that the `Content-Encoding` header names.
    ///
    /// # Errors
    /// [`BodyError::UnsupportedEncoding`] for an unknown or a second one.
    pub fn of_content(headers: &HeaderMap) -> Result<Self, BodyError> {
        let mut names = headers.get_all(CONTENT_ENCODING).iter();
        let encoding = names.next().map_or(Ok(Self::Identity), |name| Self::from_name(name.as_bytes()))?;
        match names.next() {
            None => Ok(encoding),
            Some(_) => Err(BodyError::UnsupportedEncoding("more than one encoding".to_owned())),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        })
    }
}

/// Decompresses into at most `limit` bytes; the permit grows with the buffer. Identity is a copy.
///
/// # Errors
/// [`BodyError::TooLarge`], [`BodyError::NoRoom`] or [`BodyError::Corrupt`].
pub fn decompress(
    encoding: Encoding,
    compressed: &[u8],
    limit: usize,
    permit: &mut Permit,
) -> Result<Bytes, BodyError> {
    let corrupt = |source| BodyError::Corrupt { encoding, source };
    let expected = compressed.len().saturating_mul(3);
    match encoding {
        Encoding::Identity => read_bounded(compressed, encoding, expected, limit, permit),
        Encoding::Gzip => read_bounded(MultiGzDecoder::new(compressed), encoding, expected, limit, permit),
        Encoding::Deflate => read_bounded(ZlibDecoder::new(compressed), encoding, expected, limit, permit),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed).map_err(corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(corrupt)?;
            read_bounded(decoder, encoding, expected, limit, permit)
        }
    }
}

fn read_bounded(
    mut reader: impl Read,
    encoding: Encoding,
    expected: usize,
    limit: usize,
    permit: &mut Permit,
) -> Result<Bytes, BodyError> {
    let corrupt = |source: io::Error| BodyError::Corrupt { encoding, source };
    let mut out = Vec::with_capacity(expected.clamp(1024, STEP).min(limit));
    pay(permit, out.capacity())?;
    loop {
        let filled = out.len();
        if filled == out.capacity() {
            if filled >= limit {
                return match reader.read(&mut [0]).map_err(corrupt)? {
                    0 => Ok(fitted(out)),
                    _ => Err(BodyError::TooLarge { limit }),
                };
            }
            let more = filled.clamp(STEP, 8 * STEP).min(limit - filled);
            pay(permit, more)?;
            out.reserve_exact(more);
        }
        let room = out.capacity().min(limit) - filled;
        let read = reader.by_ref().take(room as u64).read_to_end(&mut out).map_err(corrupt)?;
        if read < room {
            return Ok(fitted(out));
        }
    }
}

/// Without the room that was not needed, so that what is paid for is what is held.
fn fitted(mut out: Vec<u8>) -> Bytes {
    out.shrink_to_fit();
    out.into()
}
