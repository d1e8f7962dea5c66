//! Hot path: v2 in protobuf, a `ListOfSpans`. Budget: no allocation but the tables' growth; texts are ranges.

use bytes::Bytes;
use spoor_model::{
    AttributeRow, EventRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow, Text, TraceId,
};

use super::address;
use super::v2::{Annotation, Assembly, Endpoint};
use crate::convert::limits::{Budget, Limits};
use crate::error::{DecodeError, Problem};
use crate::wire::{Reader, Slice};

/// The tags of the messages as they stand on the wire. `LAST` is a message's highest field number.
mod fields {
    use crate::wire::Tag;

    pub(super) const SPANS: Tag = Tag::length(1);

    pub(super) mod span {
        use super::Tag;
        pub(in super::super) const TRACE_ID: Tag = Tag::length(1);
        pub(in super::super) const PARENT_ID: Tag = Tag::length(2);
        pub(in super::super) const ID: Tag = Tag::length(3);
        pub(in super::super) const KIND: Tag = Tag::varint(4);
        pub(in super::super) const NAME: Tag = Tag::length(5);
        pub(in super::super) const TIMESTAMP: Tag = Tag::fixed64(6);
        pub(in super::super) const DURATION: Tag = Tag::varint(7);
        pub(in super::super) const LOCAL_ENDPOINT: Tag = Tag::length(8);
        pub(in super::super) const REMOTE_ENDPOINT: Tag = Tag::length(9);
        pub(in super::super) const ANNOTATIONS: Tag = Tag::length(10);
        pub(in super::super) const TAGS: Tag = Tag::length(11);
        pub(in super::super) const DEBUG: Tag = Tag::varint(12);
        pub(in super::super) const SHARED: Tag = Tag::varint(13);
        pub(in super::super) const LAST: u32 = 13;
    }

    pub(super) mod endpoint {
        use super::Tag;
        pub(in super::super) const SERVICE_NAME: Tag = Tag::length(1);
        pub(in super::super) const IPV4: Tag = Tag::length(2);
        pub(in super::super) const IPV6: Tag = Tag::length(3);
        pub(in super::super) const PORT: Tag = Tag::varint(4);
        pub(in super::super) const LAST: u32 = 4;
    }

    pub(super) mod annotation {
        use super::Tag;
        pub(in super::super) const TIMESTAMP: Tag = Tag::fixed64(1);
        pub(in super::super) const VALUE: Tag = Tag::length(2);
        pub(in super::super) const LAST: u32 = 2;
    }

    pub(super) mod entry {
        use super::Tag;
        pub(in super::super) const KEY: Tag = Tag::length(1);
        pub(in super::super) const VALUE: Tag = Tag::length(2);
        pub(in super::super) const LAST: u32 = 2;
    }
}

/// Reads Zipkin's `ListOfSpans`. With `debug` every span counts as debugged (the header `X-B3-Flags: 1` says so).
///
/// Texts stay ranges of `body`; invalid UTF-8 is repaired and counted. Unknown fields are skipped. A span without a `timestamp`
/// begins in 1970 and says so.
///
/// # Errors
/// For bytes that are no such message, ids of another length than 16 or 8 (trace) and 8 (span, or none for a parent), or more
/// rows than fit a request of this length. Nothing of the request is usable then.
pub fn decode_v2_proto(body: Bytes, debug: bool) -> Result<SpanBatch, DecodeError> {
    let source = body.clone();
    let budget = Budget::new(Limits::for_body(source.len()));
    let builder = SpanBatchBuilder::with_source(body)?;
    let mut decoder = Decoder { builder, budget, debug, assembly: Assembly::default() };
    decoder.list(Reader::new(&source)?).map_err(|error| error.within("ListOfSpans"))?;
    Ok(decoder.builder.finish()?)
}

struct Decoder {
    builder: SpanBatchBuilder,
    budget: Budget,
    debug: bool,
    assembly: Assembly,
}

impl Decoder {
    fn list(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                fields::SPANS => self.span(reader.message()?).map_err(|error| error.within("spans"))?,
                _ => reader.skip_unknown(tag, 1)?,
            }
        }
        Ok(())
    }

    fn span(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        use fields::span;
        let at = reader.position();
        self.budget.take::<SpanRow>(1, at)?;
        self.assembly.begin();
        self.assembly.span.head.debug = self.debug;
        let (mut trace_id, mut span_id) = (None, None);
        while let Some(tag) = reader.tag()? {
            let head = &mut self.assembly.span.head;
            match tag {
                span::TRACE_ID => trace_id = Some(reader.slice()?),
                span::PARENT_ID => head.parent_span_id = parent_id(reader.slice()?)?,
                span::ID => span_id = Some(reader.slice()?),
                span::KIND => head.kind = kind(reader.varint32()?),
                span::NAME => head.name = self.builder.source_text(reader.slice()?.range()),
                span::TIMESTAMP => head.timestamp = reader.fixed64()?,
                span::DURATION => head.duration = reader.varint()?,
                span::LOCAL_ENDPOINT => {
                    endpoint(&mut self.builder, reader.message()?, &mut head.local)
                        .map_err(|error| error.within("local_endpoint"))?;
                }
                span::REMOTE_ENDPOINT => {
                    endpoint(&mut self.builder, reader.message()?, &mut head.remote)
                        .map_err(|error| error.within("remote_endpoint"))?;
                }
                span::ANNOTATIONS => {
                    self.annotation(reader.message()?).map_err(|error| error.within("annotations"))?;
                }
                span::TAGS => self.tag(reader.message()?).map_err(|error| error.within("tags"))?,
                span::DEBUG => head.debug |= reader.bool()?,
                span::SHARED => drop(reader.bool()?),
                _ => reader.skip_unknown(tag, span::LAST)?,
            }
        }
        let head = &mut self.assembly.span.head;
        head.trace_id = id(trace_id, at, TraceId::from_bytes, "16 or 8").map_err(|e| e.within("trace_id"))?;
        head.span_id = id(span_id, at, SpanId::from_bytes, "8").map_err(|error| error.within("id"))?;
        self.assembly.push(&mut self.builder, &mut self.budget, at)
    }

    fn annotation(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        use fields::annotation;
        self.budget.take::<EventRow>(1, reader.position())?;
        let mut row = Annotation::default();
        while let Some(tag) = reader.tag()? {
            match tag {
                annotation::TIMESTAMP => row.timestamp = reader.fixed64()?,
                annotation::VALUE => row.value = self.builder.source_text(reader.slice()?.range()),
                _ => reader.skip_unknown(tag, annotation::LAST)?,
            }
        }
        self.assembly.span.annotations.push(row);
        Ok(())
    }

    fn tag(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        use fields::entry;
        self.budget.take::<AttributeRow>(1, reader.position())?;
        let (mut key, mut value) = (Text::EMPTY, Text::EMPTY);
        while let Some(tag) = reader.tag()? {
            match tag {
                entry::KEY => key = self.builder.source_text(reader.slice()?.range()),
                entry::VALUE => value = self.builder.source_text(reader.slice()?.range()),
                _ => reader.skip_unknown(tag, entry::LAST)?,
            }
        }
        self.assembly.span.tags.push(self.builder.batch(), key, value);
        Ok(())
    }
}

/// Written twice, the two are one message.
fn endpoint(
    builder: &mut SpanBatchBuilder,
    mut reader: Reader<'_>,
    endpoint: &mut Endpoint,
) -> Result<(), DecodeError> {
    use fields::endpoint;
    while let Some(tag) = reader.tag()? {
        match tag {
            endpoint::SERVICE_NAME => endpoint.service = builder.source_text(reader.slice()?.range()),
            endpoint::IPV4 => endpoint.ipv4 = address::from_bytes(builder, reader.slice()?.bytes),
            endpoint::IPV6 => endpoint.ipv6 = address::from_bytes(builder, reader.slice()?.bytes),
            // What is no port is none.
            endpoint::PORT => endpoint.port = u16::try_from(reader.varint32()?).unwrap_or_default(),
            _ => reader.skip_unknown(tag, endpoint::LAST)?,
        }
    }
    Ok(())
}

fn kind(number: u32) -> SpanKind {
    match number {
        1 => SpanKind::Client,
        2 => SpanKind::Server,
        3 => SpanKind::Producer,
        4 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

fn parent_id(slice: Slice<'_>) -> Result<SpanId, DecodeError> {
    match slice.bytes {
        [] => Ok(SpanId::NONE),
        bytes => SpanId::from_bytes(bytes).ok_or_else(|| wrong_length(slice, "8 or 0").within("parent_id")),
    }
}

/// An id that every span has.
fn id<T>(
    slice: Option<Slice<'_>>,
    at: usize,
    read: fn(&[u8]) -> Option<T>,
    allowed: &'static str,
) -> Result<T, DecodeError> {
    let slice = slice.unwrap_or(Slice { bytes: &[], start: at });
    read(slice.bytes).ok_or_else(|| wrong_length(slice, allowed))
}

#[cold]
fn wrong_length(slice: Slice<'_>, allowed: &'static str) -> DecodeError {
    DecodeError::new(Problem::Length { found: slice.bytes.len(), allowed }, slice.start)
}
