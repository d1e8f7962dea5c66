//! Other encodings of a message that mean the same to protobuf, or something else that prost tells: fields in any order,
//! singular messages in several pieces, values set twice, unknown fields of every wire type in between.

use spoor_proto::wire::{Reader, Writer};

/// A message of OTLP's traces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    List,
    Map,
}

impl Kind {
    /// The message in the field `number`, and whether it is a singular field.
    fn child(self, number: u32) -> Option<(Kind, bool)> {
        match (self, number) {
            (Self::Request, 1) => Some((Self::ResourceSpans, false)),
            (Self::ResourceSpans, 1) => Some((Self::Resource, true)),
            (Self::ResourceSpans, 2) => Some((Self::ScopeSpans, false)),
            (Self::ScopeSpans, 1) => Some((Self::Scope, true)),
            (Self::ScopeSpans, 2) => Some((Self::Span, false)),
            (Self::Span, 11) => Some((Self::Event, false)),
            (Self::Span, 13) => Some((Self::Link, false)),
            (Self::Span, 15) => Some((Self::Status, true)),
            (Self::Resource, 1) | (Self::Scope | Self::Event, 3) | (Self::Span, 9) | (Self::Link, 4) => {
                Some((Self::KeyValue, false))
            }
            (Self::KeyValue, 2) => Some((Self::AnyValue, true)),
            (Self::AnyValue, 5) => Some((Self::List, true)),
            (Self::AnyValue, 6) => Some((Self::Map, true)),
            (Self::List, 1) => Some((Self::AnyValue, false)),
            (Self::Map, 1) => Some((Self::KeyValue, false)),
            _ => None,
        }
    }
}

/// Another encoding of a valid message.
pub(crate) fn shuffled(kind: Kind, message: &[u8], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut reader = Reader::new(message).expect("short");
    loop {
        let start = reader.position();
        let Some(tag) = reader.tag().expect("valid") else { break };
        let mut value = reader;
        reader.skip(tag).expect("valid");
        match kind.child(tag.number()) {
            Some((child, singular)) => {
                let content = value.slice().expect("valid").bytes;
                fields.extend(
                    pieces(child, singular, content, rng).iter().map(|piece| field(tag.number(), piece)),
                );
            }
            None => fields.push(message[start..reader.position()].to_vec()),
        }
    }
    if rng.u8(..) < 40 {
        fields.push(unknown(rng));
    }
    rng.shuffle(&mut fields);
    fields.concat()
}

/// The message in one piece, or a singular one in two: once with each half of its fields, or twice the same.
fn pieces(kind: Kind, singular: bool, message: &[u8], rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let whole = shuffled(kind, message, rng);
    if !singular || rng.u8(..) > 60 {
        return vec![whole];
    }
    let again = shuffled(kind, message, rng);
    let mut reader = Reader::new(&again).expect("short");
    while let Some(tag) = reader.tag().expect("valid") {
        reader.skip(tag).expect("valid");
        if rng.bool() {
            break;
        }
    }
    vec![whole, again[..reader.position()].to_vec()]
}

fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).bytes(number, content);
    out
}

/// A field whose number no message has.
fn unknown(rng: &mut fastrand::Rng) -> Vec<u8> {
    let number = rng.u32(1000..1100);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    match rng.u8(0..5) {
        0 => writer.varint(number, rng.u64(..)),
        1 => writer.fixed64(number, rng.u64(..)),
        2 => writer.bytes(number, b"\xff\x00?"),
        3 => writer.fixed32(number, rng.u32(..)),
        _ => {
            writer.raw_varint(u64::from(number << 3 | 3));
            writer.varint(1, 7);
            writer.raw_varint(u64::from(number << 3 | 4));
        }
    }
    out
}
