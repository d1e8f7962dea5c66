//! Hot path: unary gRPC by hand, for services that want the message's bytes and nothing else.
//! Budget: one copy of the received bytes. tonic's own reader buffers a message before anybody can refuse it; here the limits
//! and the byte budget come first. Facts: gRPC over HTTP/2 (`grpc/grpc doc/PROTOCOL-HTTP2.md`).

mod answer;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;

use crate::body::{BodyError, BoxError, Encoding, decompress, receive};
use crate::limits::Permit;
pub use answer::{Answer, is_grpc, refusal, refusal_in_part, rejected_spans};

/// Compression flag (1 byte) and length (4 bytes, big-endian) before each message.
const PREFIX: usize = 5;

/// Reads the one message of a unary request, decompressed. `limit` bounds it as received and, separately, decompressed.
///
/// # Errors
/// [`BodyError`]; [`BodyError::Frame`] when it is not exactly one message.
pub async fn read_message<B>(
    body: B,
    headers: &HeaderMap,
    limit: usize,
    permit: &mut Permit,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let encoding = headers.get("grpc-encoding").map_or(&b""[..], |name| name.as_bytes());
    let encoding = Encoding::from_name(encoding)?;
    let received = match receive(body, limit.saturating_add(PREFIX), permit, claimed_length).await {
        Err(BodyError::TooLarge { .. }) => return Err(BodyError::TooLarge { limit }),
        result => result?,
    };
    let Some((&[flag, a, b, c, d], message)) = received.split_first_chunk::<PREFIX>() else {
        return Err(BodyError::Frame("it is shorter than its prefix"));
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > limit {
        return Err(BodyError::TooLarge { limit });
    }
    match message.len().cmp(&length) {
        std::cmp::Ordering::Less => return Err(BodyError::Frame("it is shorter than it claims")),
        std::cmp::Ordering::Greater => {
            return Err(BodyError::Frame("a unary request has exactly one message"));
        }
        std::cmp::Ordering::Equal => {}
    }
    match (flag, encoding) {
        (0, _) => Ok(received.slice(PREFIX..)),
        (1, Encoding::Identity) => {
            Err(BodyError::Frame("it is marked as compressed, but no grpc-encoding was named"))
        }
        (1, encoding) => {
            let bytes = decompress(encoding, message, limit, permit)?;
            drop(received);
            permit.shrink_to(bytes.len());
            Ok(bytes)
        }
        _ => Err(BodyError::Frame("its compression flag is neither 0 nor 1")),
    }
}

fn claimed_length(start: &[u8]) -> Option<usize> {
    let (&[_, a, b, c, d], _) = start.split_first_chunk::<PREFIX>()?;
    Some((u32::from_be_bytes([a, b, c, d]) as usize).saturating_add(PREFIX))
}

/// A message without compression, ready for the wire.
#[must_use]
pub fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("answers are far below 4 GiB");
    let mut framed = Vec::with_capacity(PREFIX + message.len());
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

/// The time that the sender still waits (`grpc-timeout`: up to 8 digits and a unit of `HMSmun`). `None` without one, or when
/// it is not readable.
#[must_use]
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http_body_util::Full;
    use proptest::prelude::*;

    use super::*;
    use crate::limits::Budget;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
    }

    fn read(body: &[u8], headers: &HeaderMap, limit: usize) -> Result<Bytes, BodyError> {
        let mut permit = Budget::unlimited().take(0).unwrap();
        let body = Full::new(Bytes::copy_from_slice(body));
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read_message(
            body,
            headers,
            limit,
            &mut permit,
        ))
    }

    #[test]
    fn reads_what_it_frames() {
        assert_eq!(&read(&frame(b"hello"), &HeaderMap::new(), 5).unwrap()[..], b"hello");
        assert_eq!(&read(&frame(b""), &HeaderMap::new(), 0).unwrap()[..], b"");
    }

    #[test]
    fn refuses_what_is_not_exactly_one_message() {
        let none = HeaderMap::new();
        for body in
            [&b""[..], b"\0\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\x02\0\0\0\x01a", b"\x01\0\0\0\x01a"]
        {
            assert!(matches!(read(body, &none, 100), Err(BodyError::Frame(_))), "{body:?}");
        }
        assert!(matches!(read(&frame(b"hello"), &none, 4), Err(BodyError::TooLarge { limit: 4 })));
        assert!(matches!(read(b"\0\xff\xff\xff\xff", &none, 4), Err(BodyError::TooLarge { limit: 4 })));
        let odd = headers("grpc-encoding", "snappy");
        assert!(matches!(read(&frame(b"x"), &odd, 4), Err(BodyError::UnsupportedEncoding(_))));
    }

    #[test]
    fn a_compressed_message_is_bounded_by_its_real_size() {
        let gzip = headers("grpc-encoding", "gzip");
        let compressed = crate::body::gzip_for_tests(&[7; 100_000]);
        let mut body = frame(&compressed).to_vec();
        body[0] = 1;
        assert_eq!(read(&body, &gzip, 100_000).unwrap().len(), 100_000);
        assert!(matches!(read(&body, &gzip, 99_999), Err(BodyError::TooLarge { limit: 99_999 })));
    }

    #[test]
    fn reads_the_senders_patience() {
        for (text, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("100m", Some(Duration::from_millis(100))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("7n", Some(Duration::from_nanos(7))),
            ("100000000S", None),
            ("5", None),
            ("-5S", None),
            ("5x", None),
        ] {
            assert_eq!(timeout(&headers("grpc-timeout", text)), expected, "{text}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn random_bytes_are_a_message_or_an_error_within_the_limit(
            body in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            for encoding in ["identity", "gzip", "zstd", "deflate"] {
                if let Ok(message) = read(&body, &headers("grpc-encoding", encoding), 32) {
                    prop_assert!(message.len() <= 32);
                }
            }
        }
    }
}
