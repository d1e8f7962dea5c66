//! Hot path: from a `Batch` to its process; the spans themselves are in `span.rs`. Budget: no allocation per span but the tables' growth.

use bytes::Bytes;
use spoor_model::{LinkRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanRow, Text};

use super::message::ClientStats;
use super::tags;
use crate::convert::jaeger_v2::{resource_row, text};
use crate::convert::limits::{Budget, Limits};
use crate::error::{DecodeError, Problem};
use crate::thrift::{BinaryReader, Field, Kind, Reader};
use crate::wire::Slice;

/// How many of the newest scopes are looked through for an equal one.
const REMEMBERED: usize = 16;

/// Wire bytes that make about one tag. A guess on the low side: a table too small grows, one too large stays.
const BYTES_PER_TAG: usize = 64;

/// Reads a bare `Batch` in the binary protocol, as it is posted by HTTP.
///
/// Texts stay ranges of `body`; invalid UTF-8 is repaired and counted. Unknown fields are skipped. Tags that stand for fields (`span.kind`,
/// `error` …) become these fields. A parent is a reference, before all others. Ids of all zeros pass: refusing them is a normalizing step.
/// Times (µs) that the model cannot say are moved to the nearest it can, with a warning on the span. What follows behind the batch is passed
/// over, as Jaeger does.
///
/// # Errors
/// For bytes that are no such struct, missing fields that Jaeger requires, deeper nesting than [`MAX_DEPTH`](crate::thrift::MAX_DEPTH), and
/// more rows than fit a body of this length. Nothing of the batch is usable then.
pub fn decode_batch(body: Bytes) -> Result<SpanBatch, DecodeError> {
    let source = body.clone();
    let mut decoder = Decoder::new(SpanBatchBuilder::with_source(body)?, source.len());
    decoder.batch(&mut BinaryReader::new(Slice { bytes: &source, start: 0 }))?;
    decoder.finish()
}

/// What a batch says besides its spans.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) sequence: Option<i64>,
    pub(super) stats: Option<ClientStats>,
}

/// The walk over one batch.
pub(super) struct Decoder {
    pub(super) builder: SpanBatchBuilder,
    pub(super) budget: Budget,
    /// Of the whole message, in bytes.
    length: usize,
    /// The references of the span being read.
    pub(super) references: Vec<LinkRow>,
    /// The newest scopes, with their rows.
    scopes: Vec<(ScopeRow, u32)>,
}

impl Decoder {
    /// For a message that is the source of `builder`.
    pub(super) fn new(builder: SpanBatchBuilder, length: usize) -> Self {
        let budget = Budget::new(Limits::for_body(length));
        Self { builder, budget, length, references: Vec::new(), scopes: Vec::new() }
    }

    pub(super) fn finish(self) -> Result<SpanBatch, DecodeError> {
        Ok(self.builder.finish()?)
    }

    /// Reads a `Batch`, whose process nearly always stands before its spans.
    pub(super) fn batch<'a, R: Reader<'a> + Clone>(&mut self, reader: &mut R) -> Result<Head, DecodeError> {
        let mut head = Head::default();
        let (mut process, mut waiting, mut has_spans) = (None, None, false);
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind, process) {
                (1, Kind::Struct, None) => {
                    process = Some(self.process(reader).map_err(|error| error.within("process"))?);
                }
                (2, Kind::List, Some(resource)) if !has_spans => {
                    has_spans = true;
                    self.spans(reader, resource).map_err(|error| error.within("spans"))?;
                }
                (2, Kind::List, None) if !has_spans => {
                    has_spans = true;
                    waiting = Some(reader.clone());
                    reader.skip(kind)?;
                }
                (3, Kind::I64, _) => head.sequence = Some(reader.i64()?),
                (4, Kind::Struct, _) => head.stats = Some(stats(reader)?),
                _ => reader.skip(kind)?,
            }
        }
        let (Some(resource), true) = (process, has_spans) else {
            let problem = Problem::Malformed("a batch has a process and spans, and one of them is missing");
            return Err(DecodeError::new(problem, reader.position()).within("batch"));
        };
        if let Some(mut reader) = waiting {
            self.spans(&mut reader, resource).map_err(|error| error.within("spans"))?;
        }
        Ok(head)
    }

    fn spans<'a, R: Reader<'a> + Clone>(&mut self, reader: &mut R, resource: u32) -> Result<(), DecodeError> {
        let start = reader.position();
        let (kind, count) = reader.list()?;
        if kind != Kind::Struct && count > 0 {
            return Err(DecodeError::new(Problem::Malformed("the list's items are no structs"), start));
        }
        self.budget.take::<SpanRow>(count, start)?;
        self.builder.reserve(count, self.length.saturating_sub(start) / BYTES_PER_TAG);
        (0..count).try_for_each(|_| self.span(reader, resource))
    }

    fn process<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<u32, DecodeError> {
        let mark = self.builder.attributes_mark();
        let (mut service, mut attributes) = (None, None);
        self.budget.take::<ResourceRow>(1, reader.position())?;
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::String) => service = Some(text(&mut self.builder, Some(reader.bytes()?))),
                (2, Kind::List) if attributes.is_none() => {
                    let mut push =
                        |builder: &mut SpanBatchBuilder, key, value| builder.push_attribute(key, value);
                    tags::read_all(&mut self.builder, &mut self.budget, reader, &mut push)
                        .map_err(|error| error.within("tags"))?;
                    attributes = Some(self.builder.attributes_since(mark));
                }
                _ => reader.skip(kind)?,
            }
        }
        let Some(service) = service else {
            let problem = Problem::Malformed("a process has a service name, and it is missing");
            return Err(DecodeError::new(problem, reader.position()));
        };
        let row = resource_row(&self.builder, service, attributes.unwrap_or_default());
        Ok(self.builder.push_resource(row))
    }

    /// The scope of a resource with this name and version, for a span that ends at the offset `at`.
    pub(super) fn scope(
        &mut self,
        resource: u32,
        name: Text,
        version: Text,
        at: usize,
    ) -> Result<u32, DecodeError> {
        let batch = self.builder.batch();
        let same = |left: Text, right: Text| left == right || batch.bytes(left) == batch.bytes(right);
        let is_equal = |row: &ScopeRow| same(row.name, name) && same(row.version, version);
        if let Some((_, index)) = self.scopes.iter().rev().find(|(row, _)| is_equal(row)) {
            return Ok(*index);
        }
        self.budget.take::<ScopeRow>(1, at)?;
        let row = ScopeRow { resource, name, version, ..ScopeRow::default() };
        let index = self.builder.push_scope(row);
        if self.scopes.len() == REMEMBERED {
            self.scopes.remove(0);
        }
        self.scopes.push((row, index));
        Ok(index)
    }
}

fn stats<'a, R: Reader<'a>>(reader: &mut R) -> Result<ClientStats, DecodeError> {
    let mut stats = ClientStats::default();
    reader.begin_struct()?;
    while let Some(Field { id, kind }) = reader.field()? {
        match (id, kind) {
            (1, Kind::I64) => stats.full_queue = reader.i64()?,
            (2, Kind::I64) => stats.too_large = reader.i64()?,
            (3, Kind::I64) => stats.failed_to_emit = reader.i64()?,
            _ => reader.skip(kind)?,
        }
    }
    Ok(stats)
}
