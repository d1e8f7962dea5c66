//! Letters of any content, there and back.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use spoor_topic::{Header, KeptRecord, OutgoingRecord, Place};

use super::{Letter, Reason};

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

/// Strangers' headers, some of which are called like ours.
fn header() -> impl Strategy<Value = Header> {
    let ours = prop_oneof!["topic", "partition", "offset", "reason", "detail", "time", "written", "key", "x"];
    let name = prop_oneof![".{0,10}", ours.prop_map(|end| format!("spoor-dead-letter-{end}"))];
    (name, of(bytes())).prop_map(|(name, value)| Header { name, value })
}

fn moment() -> impl Strategy<Value = SystemTime> {
    (0..250_000_000_000_u64, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
}

fn letter() -> impl Strategy<Value = Letter> {
    let place = (0..i32::MAX, 0..i64::MAX).prop_map(|(partition, offset)| Place { partition, offset });
    let reason = (0..Reason::ALL.len()).prop_map(|index| Reason::ALL[index]);
    let what = (".{1,20}", place, reason, ".{0,40}", moment());
    (what, of(moment()), of(bytes()), of(bytes()), vec(header(), 0..5)).prop_map(
        |((topic, place, reason, detail, set_aside), written, key, payload, headers)| Letter {
            topic: topic.into(),
            place,
            reason,
            detail,
            set_aside,
            written,
            key,
            payload,
            headers,
        },
    )
}

fn kept(record: OutgoingRecord) -> KeptRecord {
    let OutgoingRecord { key, payload, headers } = record;
    KeptRecord { place: Place { partition: 0, offset: 0 }, timestamp: None, key, payload, headers }
}

proptest! {
    #[test]
    fn a_letter_is_read_from_its_record_as_it_was(letter in letter()) {
        let record = letter.to_record(&letter.detail);
        let id = letter.id().to_string();
        prop_assert_eq!(record.key.as_deref(), Some(id.as_bytes()));
        prop_assert_eq!(Letter::from_record(kept(record)), Ok(letter));
    }

    #[test]
    fn a_letter_is_read_from_its_file_as_it_was(letter in letter()) {
        let json = letter.to_file().unwrap();
        prop_assert_eq!(Letter::from_file(&json).unwrap(), letter);
    }

    #[test]
    fn a_record_with_any_headers_is_a_letter_or_is_not(headers in vec(header(), 0..12), payload in of(bytes())) {
        let record = OutgoingRecord { key: None, payload, headers };
        let _ = Letter::from_record(kept(record));
    }

    #[test]
    fn a_file_of_any_bytes_is_a_letter_or_is_not(json in bytes()) {
        let _ = Letter::from_file(&json);
    }
}

#[test]
fn what_others_put_behind_our_headers_is_not_taken_for_the_records() {
    let letter = Letter {
        topic: "spans".into(),
        place: Place { partition: 1, offset: 2 },
        reason: Reason::Empty,
        detail: String::new(),
        set_aside: SystemTime::UNIX_EPOCH,
        written: None,
        key: None,
        payload: None,
        headers: vec![],
    };
    let mut record = letter.to_record("");
    record.headers.push(Header { name: "traceparent".to_owned(), value: None });
    assert_eq!(Letter::from_record(kept(record)), Ok(letter));
}
