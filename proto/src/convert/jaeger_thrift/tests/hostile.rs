//! Claims about messages that want to do harm, or are cut off.

use super::*;

/// The golden batch without the fields that lie in these places of its list.
fn without(range: std::ops::Range<usize>) -> Bytes {
    [BATCH[..range.start].concat(), BATCH[range.end..].concat()].concat().into()
}

#[test]
fn every_beginning_of_a_message_is_refused() {
    for (protocol, whole) in [
        (ThriftProtocol::Compact, bytes(COMPACT)),
        (ThriftProtocol::Binary, binary_call(true)),
        (ThriftProtocol::Binary, binary_call(false)),
    ] {
        for end in 0..whole.len() {
            assert!(decode_agent_message(protocol, whole.slice(..end)).is_err(), "{end} bytes");
        }
    }
    let whole = bytes(BATCH);
    for end in 0..whole.len() {
        assert!(decode_batch(whole.slice(..end)).is_err(), "{end} bytes");
    }
}

#[test]
fn every_field_that_jaeger_requires_is_missed() {
    let place = |of: &[u8]| BATCH.iter().position(|part| part.starts_with(of)).expect("a field of the batch");
    // The ids, the name, flags, start and duration of the span; the name of the service.
    let ids = place(b"\x0a\0\x01");
    let required =
        (ids..=ids + 4).chain([place(b"\x08\0\x07"), place(b"\x0a\0\x08"), place(b"\x0a\0\x09"), 1]);
    for index in required {
        let error = decode_batch(without(index..index + 1)).expect_err("a field is missing").to_string();
        assert!(error.contains("missing"), "{index}: {error}");
    }
}

#[test]
fn a_body_of_nearly_nothing_but_spans_is_refused() {
    // A million spans of one byte each would become two hundred million bytes.
    let count = 1_u32 << 20;
    let body = [b"\x0c\0\x01\x0b\0\x01\0\0\0\x01s\0\x0f\0\x02\x0c", &count.to_be_bytes()[..], &[0; 1 << 20]];
    let error = decode_batch(body.concat().into()).unwrap_err().to_string();
    assert!(error.contains("bytes of table rows"), "{error}");
}

#[test]
fn no_kind_of_nesting_goes_deeper_than_the_limit() {
    let refuses = |protocol, head: &[u8], nested: &[u8]| {
        let message = [head, &nested.repeat((64 << 10) / nested.len())].concat();
        let error = decode_agent_message(protocol, message.into()).unwrap_err().to_string();
        assert!(error.contains("nest deeper"), "{error}");
    };
    // In a field 9 that nobody knows: structs in structs, lists of lists, maps of maps.
    let (compact, binary): (&[u8], &[u8]) =
        (b"\x82\x81\0\x09emitBatch\x1c", b"\x80\x01\0\x04\0\0\0\x09emitBatch\0\0\0\0\x0c\0\x01");
    refuses(ThriftProtocol::Compact, compact, b"\x9c");
    refuses(ThriftProtocol::Compact, &[compact, b"\x99"].concat(), b"\x19");
    refuses(ThriftProtocol::Compact, &[compact, b"\x9b"].concat(), b"\x01\xbb");
    refuses(ThriftProtocol::Binary, binary, b"\x0c\0\x09");
    refuses(ThriftProtocol::Binary, &[binary, b"\x0f\0\x09"].concat(), b"\x0f\0\0\0\x01");
}

#[test]
fn negative_lengths_are_refused() {
    for length in [-1, i32::MIN] {
        let name = [b"\x0c\0\x01\x0b\0\x01", &length.to_be_bytes()[..], b"shop\0"].concat();
        let error = decode_batch(name.into()).unwrap_err().to_string();
        assert!(error.contains("ends inside"), "{error}");
        // As the length of a method's name in the older form, which says a version instead.
        let call = [&length.to_be_bytes()[..], b"emitBatch\x04\0\0\0\x07"].concat();
        assert!(decode_agent_message(ThriftProtocol::Binary, call.into()).is_err());
    }
}
