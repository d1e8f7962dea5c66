//! Hot path: request bodies, bounded twice (as received, and decompressed) and paid for from a byte budget while they grow.
//! Budget: one copy of the received bytes; memory never beyond the limit, whatever lengths the sender claims.

mod decompress;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt;

use crate::limits::{Full, Permit};

#[cfg(test)]
pub(crate) use tests::gzip_for_tests;

pub use decompress::{Encoding, decompress};

/// Any cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Buffers grow to a claimed length at once only up to here; beyond, only as bytes arrive.
const TRUSTED_LENGTH: usize = 1 << 20;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Larger than allowed, as received or decompressed.
    #[error("the body is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The byte budget is used up by other requests.
    #[error(transparent)]
    NoRoom(#[from] Full),
    /// A `Content-Encoding` or `grpc-encoding` that is not known here.
    #[error("the encoding {0:?} is not supported; use gzip, zstd, deflate or none")]
    UnsupportedEncoding(String),
    /// The compressed data is damaged or cut off.
    #[error("the {encoding} data cannot be decompressed: {source}")]
    Corrupt {
        /// The compression.
        encoding: Encoding,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The body does not have the frame of a gRPC message.
    #[error("the gRPC message is malformed: {0}")]
    Frame(&'static str),
    /// The connection broke off, or the sender reset the request.
    #[error("the body broke off: {0}")]
    BrokenOff(#[source] BoxError),
}

/// Reads a whole body of HTTP and undoes its `Content-Encoding`.
///
/// `limit` bounds the bytes received and, separately, the bytes decompressed. The permit grows with what is held and keeps,
/// after success, exactly the length of the result.
///
/// # Errors
/// [`BodyError`]; the body may be left half read.
pub async fn read_limited<B>(
    body: B,
    headers: &HeaderMap,
    limit: usize,
    permit: &mut Permit,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let encoding = Encoding::of_content(headers)?;
    let received = receive(body, limit, permit, |_| None).await?;
    match encoding {
        Encoding::Identity => Ok(received),
        _ => decompress(encoding, &received, limit, permit).inspect(|bytes| permit.shrink_to(bytes.len())),
    }
}

/// Reads to the end and throws away, up to `limit` bytes: a refused HTTP/1 sender that is still writing would otherwise see
/// a reset connection instead of the answer.
pub async fn discard<B>(mut body: B, limit: usize)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut seen = 0usize;
    while let Some(Ok(frame)) = body.frame().await {
        seen = seen.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if seen > limit {
            return;
        }
    }
}

/// Gathers a body. `length_of` may tell the whole length from the first piece.
pub(crate) async fn receive<B>(
    mut body: B,
    limit: usize,
    permit: &mut Permit,
    length_of: fn(&[u8]) -> Option<usize>,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if claimed > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let mut first = Bytes::new();
    let mut gathered = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| BodyError::BrokenOff(error.into()))?.into_data() else {
            continue;
        };
        let sum = first.len() + gathered.len() + data.len();
        if sum > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if first.is_empty() && gathered.is_empty() {
            pay(permit, data.len())?;
            first = data;
            continue;
        }
        if sum > gathered.capacity() {
            let expected = match gathered.capacity() {
                0 => length_of(&first).unwrap_or(claimed).min(TRUSTED_LENGTH),
                full => full.saturating_mul(2),
            };
            let capacity = expected.max(sum).min(limit);
            pay(permit, capacity.saturating_sub(permit.amount()))?;
            gathered.reserve_exact(capacity - gathered.len());
            gathered.extend_from_slice(&std::mem::take(&mut first));
        }
        gathered.extend_from_slice(&data);
    }
    if gathered.is_empty() {
        return Ok(first);
    }
    gathered.shrink_to_fit();
    permit.shrink_to(gathered.len());
    Ok(gathered.into())
}

/// Pays for more memory. What could not be had even with all others gone is too large: it must not be sent again and again.
fn pay(permit: &mut Permit, more: usize) -> Result<(), BodyError> {
    permit.grow(more).map_err(|full| match permit.amount().saturating_add(more) > full.limit {
        true => BodyError::TooLarge { limit: full.limit },
        false => BodyError::NoRoom(full),
    })
}
