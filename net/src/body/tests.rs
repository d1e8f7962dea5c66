//! Claims about bounded bodies: limits hold on both sides of compression, and every byte held is paid for.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use proptest::prelude::*;

use super::*;
use crate::limits::Budget;

/// For the tests of this crate.
pub(crate) fn gzip_for_tests(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn compressed(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => gzip_for_tests(bytes),
        "deflate" => zlib(bytes),
        "zstd" => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

fn headers(encoding: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(encoding))])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn read(
    body: Vec<u8>,
    encoding: &'static str,
    limit: usize,
    permit: &mut Permit,
) -> Result<Bytes, BodyError> {
    run(read_limited(Full::new(Bytes::from(body)), &headers(encoding), limit, permit))
}

const ENCODINGS: [&str; 4] = ["identity", "gzip", "zstd", "deflate"];

#[test]
fn every_encoding_comes_back_whole_and_is_paid_for_exactly() {
    let budget = Budget::new(10 << 20);
    let original: Vec<u8> = (0..1_000_000u32).map(|n| (n / 7 % 251) as u8).collect();
    for encoding in ENCODINGS {
        let mut permit = budget.take(0).unwrap();
        let body = read(compressed(encoding, &original), encoding, 1_000_000, &mut permit).unwrap();
        assert_eq!(body, original, "{encoding}");
        assert_eq!(budget.held(), original.len(), "{encoding}");
    }
    assert_eq!(budget.held(), 0);
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 50 << 20];
    for encoding in ["gzip", "zstd", "deflate"] {
        let budget = Budget::new(2 << 20);
        let bomb = compressed(encoding, &zeros);
        assert!(bomb.len() < 1 << 20);
        let error = read(bomb, encoding, 1 << 20, &mut budget.take(0).unwrap()).unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { limit: 1_048_576 }), "{encoding}: {error}");
        assert_eq!(budget.held(), 0);
    }
}

#[test]
fn a_huge_zstd_window_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"small").unwrap();
    encoder.flush().unwrap();
    let body = encoder.finish().unwrap();
    let error = read(body, "zstd", 1 << 20, &mut Budget::unlimited().take(0).unwrap()).unwrap_err();
    assert!(matches!(error, BodyError::Corrupt { .. }), "{error}");
}

#[test]
fn cut_off_data_is_corrupt() {
    let original: Vec<u8> = (0..10_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for encoding in ["gzip", "zstd", "deflate"] {
        let mut body = compressed(encoding, &original);
        body.truncate(body.len() / 2);
        let error = read(body, encoding, 1 << 20, &mut Budget::unlimited().take(0).unwrap()).unwrap_err();
        assert!(matches!(error, BodyError::Corrupt { .. }), "{encoding}: {error}");
    }
}

#[test]
fn the_budget_refuses_before_the_limit_does() {
    let budget = Budget::new(30_000);
    let _others = budget.take(29_000).unwrap();
    let error = read(vec![1; 2_000], "identity", 5_000, &mut budget.take(0).unwrap()).unwrap_err();
    assert!(matches!(error, BodyError::NoRoom(_)), "{error}");
    let error = read(gzip_for_tests(&[1; 20_000]), "gzip", 50_000, &mut budget.take(0).unwrap()).unwrap_err();
    assert!(matches!(error, BodyError::NoRoom(_)), "{error}");
}

#[test]
fn what_the_whole_budget_could_not_hold_is_too_large_and_not_to_be_sent_again() {
    let budget = Budget::new(1_000);
    for (body, encoding) in [(vec![1; 2_000], "identity"), (gzip_for_tests(&[1; 20_000]), "gzip")] {
        let error = read(body, encoding, 50_000, &mut budget.take(0).unwrap()).unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { limit: 1_000 }), "{encoding}: {error}");
    }
}

#[test]
fn no_more_is_held_than_is_paid_for() {
    let original = vec![7; 300_001];
    let pieces = original
        .chunks(100_001)
        .map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::copy_from_slice(piece))));
    let mut permit = Budget::unlimited().take(0).unwrap();
    let body = StreamBody::new(futures::stream::iter(pieces.collect::<Vec<_>>()));
    let gathered = run(read_limited(body, &HeaderMap::new(), 1 << 20, &mut permit)).unwrap();
    let mut decompressed = vec![gathered];
    for encoding in ["gzip", "zstd", "deflate"] {
        decompressed.push(read(compressed(encoding, &original), encoding, 1 << 20, &mut permit).unwrap());
    }
    for bytes in decompressed {
        let held = bytes.try_into_mut().expect("nobody shares it").capacity();
        assert_eq!((held, permit.amount()), (original.len(), original.len()));
    }
}

#[test]
fn unknown_and_doubled_encodings_are_refused() {
    let mut permit = Budget::unlimited().take(0).unwrap();
    assert!(
        matches!(read(vec![], "br", 9, &mut permit), Err(BodyError::UnsupportedEncoding(name)) if name == "br")
    );
    let mut doubled = headers("gzip");
    doubled.append(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    assert!(matches!(Encoding::of_content(&doubled), Err(BodyError::UnsupportedEncoding(_))));
    assert_eq!(Encoding::from_name(b" GZIP ").unwrap(), Encoding::Gzip);
}

#[test]
fn pieces_are_joined_and_a_break_is_an_error() {
    let pieces = |break_off: bool| {
        let mut frames: Vec<Result<Frame<Bytes>, std::io::Error>> =
            [&b"ab"[..], b"", b"cde"].map(|piece| Ok(Frame::data(Bytes::from_static(piece)))).into();
        if break_off {
            frames.push(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        StreamBody::new(futures::stream::iter(frames))
    };
    let mut permit = Budget::unlimited().take(0).unwrap();
    let none = HeaderMap::new();
    assert_eq!(&run(read_limited(pieces(false), &none, 5, &mut permit)).unwrap()[..], b"abcde");
    assert!(matches!(
        run(read_limited(pieces(false), &none, 4, &mut permit)),
        Err(BodyError::TooLarge { .. })
    ));
    assert!(matches!(run(read_limited(pieces(true), &none, 9, &mut permit)), Err(BodyError::BrokenOff(_))));
}

proptest! {
    #[test]
    fn any_bytes_under_any_encoding_end_within_the_limit(
        body in proptest::collection::vec(any::<u8>(), 0..200), encoding in 0usize..4, limit in 0usize..300,
    ) {
        let budget = Budget::new(100_000);
        let mut permit = budget.take(0).unwrap();
        if let Ok(bytes) = read(body, ENCODINGS[encoding], limit, &mut permit) {
            prop_assert!(bytes.len() <= limit);
        }
        drop(permit);
        prop_assert_eq!(budget.held(), 0);
    }
}
