//! The wire reader and writer against prost as the oracle, and against hostile bytes.

use proptest::prelude::*;
use prost::encoding::{WireType, decode_varint, encode_varint, encoded_len_varint, skip_field};

use super::*;
use crate::error::Problem;

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

/// Skips every field; the number of fields, or nothing when the bytes are refused.
fn count_fields(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(bytes).expect("short");
    let mut count = 0;
    while let Some(tag) = reader.tag().ok()? {
        reader.skip(tag).ok()?;
        count += 1;
    }
    Some(count)
}

fn count_fields_by_prost(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (number, wire_type) = prost::encoding::decode_key(&mut bytes).ok()?;
        if wire_type == WireType::EndGroup {
            return None;
        }
        let context = prost::encoding::DecodeContext::default();
        skip_field(wire_type, number, &mut bytes, context).ok()?;
        count += 1;
    }
    Some(count)
}

#[test]
fn slices_know_their_place_in_the_body_at_any_depth() {
    let bytes = written(|w| {
        w.varint(1, 300);
        w.message(2, |w| w.message(3, |w| w.string(4, "text")));
    });
    let mut outer = Reader::new(&bytes).expect("short");
    assert_eq!(outer.tag().expect("tag"), Some(Tag::varint(1)));
    assert_eq!(outer.varint().expect("value"), 300);
    assert_eq!(outer.tag().expect("tag"), Some(Tag::length(2)));
    let mut middle = outer.message().expect("message");
    assert_eq!(middle.tag().expect("tag"), Some(Tag::length(3)));
    let mut inner = middle.message().expect("message");
    assert_eq!(inner.tag().expect("tag"), Some(Tag::length(4)));
    let text = inner.slice().expect("text");
    assert_eq!(text.bytes, b"text");
    assert_eq!(&bytes[text.range()], b"text");
    assert_eq!(inner.tag().expect("end"), None);
    assert_eq!(outer.position(), bytes.len());
}

#[test]
fn refuses_a_length_beyond_the_enclosing_message() {
    // Field 1, five bytes long: field 2 inside claims nine, which the body would have.
    let bytes = [0x0a, 5, 0x12, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    let mut reader = Reader::new(&bytes).expect("short");
    reader.tag().expect("tag");
    let mut inner = reader.message().expect("message");
    inner.tag().expect("tag");
    let error = inner.slice().expect_err("lies about its length");
    assert_eq!(error.problem(), Problem::Truncated);
    assert_eq!(error.offset(), 4);
}

#[test]
fn refuses_a_known_field_of_another_wire_type_and_skips_unknown_ones() {
    let bytes = written(|w| w.fixed64(3, 7));
    let mut reader = Reader::new(&bytes).expect("short");
    let tag = reader.tag().expect("tag").expect("one field");
    assert!(reader.skip_unknown(tag, 2).is_ok());
    let mut reader = Reader::new(&bytes).expect("short");
    let tag = reader.tag().expect("tag").expect("one field");
    let error = reader.skip_unknown(tag, 3).expect_err("field 3 is known");
    assert_eq!(error.problem(), Problem::WireType { number: 3, found: 1 });
}

#[test]
fn refuses_invalid_tags() {
    for bytes in
        [&[0x00][..], &[0x02], &[0x07], &[0x0e], &[0x0f], &[0x80, 0x00], &[0xff, 0xff, 0xff, 0xff, 0x1f]]
    {
        let error = Reader::new(bytes).expect("short").tag();
        let error = error.expect_err("not a tag");
        assert_eq!(error.problem(), Problem::Tag, "{bytes:x?}");
    }
}

#[test]
fn follows_groups_only_so_deep() {
    let nested = |depth: usize| [vec![0x0b; depth], vec![0x0c; depth]].concat();
    assert_eq!(count_fields(&nested(MAX_GROUP_DEPTH)), Some(1));
    assert_eq!(count_fields(&nested(MAX_GROUP_DEPTH + 1)), None);
    assert_eq!(count_fields(&[0x0b, 0x14]), None, "another group's end");
    assert_eq!(count_fields(&[0x0b]), None, "no end");
}

#[test]
fn puts_the_shortest_length_before_a_nested_message() {
    for length in [0, 1, 127, 128, 129, 16_383, 16_384, 70_000] {
        let ours = written(|w| w.message(1, |w| w.raw(&vec![0xaa; length])));
        let flat = written(|w| w.bytes(1, &vec![0xaa; length]));
        assert_eq!(ours, flat, "length {length}");
    }
}

proptest! {
    #[test]
    fn reads_and_writes_varints_as_prost_does(value in prop_oneof![any::<u64>(), 0..100_000_u64]) {
        let ours = written(|w| w.raw_varint(value));
        let mut theirs = Vec::new();
        encode_varint(value, &mut theirs);
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(encoded_len_varint(value), ours.len());
        prop_assert_eq!(Reader::new(&ours).expect("short").varint().expect("varint"), value);
    }

    #[test]
    fn takes_the_varints_that_prost_takes(bytes in prop::collection::vec(prop_oneof![Just(0x80), Just(0xff), any::<u8>()], 0..12)) {
        let mut theirs = &bytes[..];
        let expected = decode_varint(&mut theirs).ok();
        let mut reader = Reader::new(&bytes).expect("short");
        prop_assert_eq!(reader.varint().ok(), expected);
        if expected.is_some() {
            prop_assert_eq!(reader.position(), bytes.len() - theirs.len());
        }
    }

    #[test]
    fn walks_random_bytes_as_prost_does(bytes in prop::collection::vec(prop_oneof![0..0x20_u8, any::<u8>()], 0..60)) {
        prop_assert_eq!(count_fields(&bytes), count_fields_by_prost(&bytes));
    }
}
