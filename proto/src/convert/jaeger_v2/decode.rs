//! Hot path: from a PostSpans request to its processes and scopes; the spans themselves are in `span.rs`.
//! Budget: no allocation per span but the tables' growth. Equal processes become one resource, equal scopes one scope
//! (`known.rs`).

use bytes::Bytes;
use spoor_model::jaeger::NO_SERVICE_NAME;
use spoor_model::{
    AttributeRow, Checkpoint, LinkRow, ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanRow,
    Text,
};

use super::fields::{batch, process, request};
use super::known::Known;
use super::tags;
use crate::convert::limits::{Budget, Limits};
use crate::convert::walk::RecordWalk;
use crate::error::DecodeError;
use crate::wire::{Reader, Slice};

/// Wire bytes that make about one tag. A guess on the low side: a table too small grows, one too large stays.
const BYTES_PER_TAG: usize = 64;

/// Reads a `PostSpansRequest`.
///
/// Texts stay ranges of `body`; invalid UTF-8 is repaired and counted. Unknown fields are skipped. Tags that stand for
/// fields (`span.kind`, `error` …) become these fields. Ids of all zeros pass: refusing them is a normalizing step.
/// Times that the model cannot say are moved to the nearest it can, with a warning on the span. A span without any
/// process belongs to a resource without a service.
///
/// # Errors
/// For bytes that are no such message, ids of another length than 16 or 8 (trace) and 8 (span), or more rows than fit
/// a request of this length. Nothing of the request is usable then.
pub fn decode_post_spans(body: Bytes) -> Result<SpanBatch, DecodeError> {
    let source = body.clone();
    let mut decoder = Decoder::new(SpanBatchBuilder::with_source(body)?);
    decoder.budget = Budget::new(Limits::for_body(source.len()));
    decoder.request(Reader::new(&source)?).map_err(|error| error.within("PostSpansRequest"))?;
    Ok(decoder.builder.finish()?)
}

/// Reads one `Span` with its process inside, as Kafka's `protobuf` records hold it. The batch has this one span.
///
/// # Errors
/// As [`decode_post_spans`].
pub fn decode_span(body: Bytes) -> Result<SpanBatch, DecodeError> {
    let source = body.clone();
    let mut decoder = Decoder::new(SpanBatchBuilder::with_source(body)?);
    decoder.walk(Slice { bytes: &source, start: 0 }, Limits::for_body(source.len()))?;
    Ok(decoder.builder.finish()?)
}

/// The walk over one request.
pub(crate) struct Decoder<'a> {
    pub(super) builder: SpanBatchBuilder,
    pub(super) budget: Budget,
    /// The references of the span being walked, until its own fields are done.
    pub(super) references: Vec<LinkRow>,
    /// Its warnings, the same.
    pub(super) warnings: Vec<Text>,
    known: Known<'a>,
}

impl<'a> RecordWalk<'a> for Decoder<'a> {
    fn builder(&mut self) -> &mut SpanBatchBuilder {
        &mut self.builder
    }

    fn walk(&mut self, record: Slice<'a>, limits: Limits) -> Result<(), DecodeError> {
        self.budget = Budget::new(limits);
        self.budget.take::<SpanRow>(1, record.start)?;
        self.span(record.reader(), None).map_err(|error| error.within("Span"))
    }

    fn forget(&mut self, checkpoint: Checkpoint) {
        self.known.forget(checkpoint, self.builder.batch());
    }
}

impl<'a> Decoder<'a> {
    /// For messages that lie in the source of `builder`.
    pub(crate) fn new(builder: SpanBatchBuilder) -> Self {
        Self {
            builder,
            budget: Budget::new(Limits { max_row_bytes: 0 }),
            references: Vec::new(),
            warnings: Vec::new(),
            known: Known::default(),
        }
    }

    /// The builder with the rows of everything that was read.
    pub(crate) fn into_builder(self) -> SpanBatchBuilder {
        self.builder
    }

    fn request(&mut self, mut reader: Reader<'a>) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                request::BATCH => self.batch(reader.slice()?).map_err(|error| error.within("batch"))?,
                _ => reader.skip_unknown(tag, request::LAST)?,
            }
        }
        Ok(())
    }

    /// Walks the batch twice: its process mostly stands behind the spans that need it.
    fn batch(&mut self, slice: Slice<'a>) -> Result<(), DecodeError> {
        let mut reader = slice.reader();
        let (mut process, mut spans) = (None, 0);
        while let Some(tag) = reader.tag()? {
            match tag {
                batch::SPANS => {
                    reader.slice()?;
                    spans += 1;
                }
                // Written twice, the last one counts.
                batch::PROCESS => process = Some(reader.slice()?),
                _ => reader.skip_unknown(tag, batch::LAST)?,
            }
        }
        self.reserve(spans, slice)?;
        let mut reader = slice.reader();
        while let Some(tag) = reader.tag()? {
            match tag {
                batch::SPANS => {
                    self.span(reader.message()?, process).map_err(|error| error.within("spans"))?;
                }
                _ => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    /// Makes room for the spans that were counted, if they may be so many at all, and for the tags they may have.
    fn reserve(&mut self, spans: usize, slice: Slice<'a>) -> Result<(), DecodeError> {
        self.budget.take::<SpanRow>(spans, slice.start)?;
        self.builder.reserve(spans, slice.bytes.len() / BYTES_PER_TAG);
        Ok(())
    }

    /// The resource of a process, or of none.
    pub(super) fn resource(&mut self, slice: Option<Slice<'a>>) -> Result<u32, DecodeError> {
        let bytes = slice.map(|slice| slice.bytes);
        if let Some(row) = self.known.resource(bytes) {
            return Ok(row);
        }
        self.budget.take::<ResourceRow>(1, slice.map_or(0, |slice| slice.start))?;
        let row = match slice {
            Some(slice) => self.process(slice.reader()).map_err(|error| error.within("process"))?,
            None => ResourceRow::default(),
        };
        let index = self.builder.push_resource(row);
        self.known.remember_resource(bytes, index);
        Ok(index)
    }

    fn process(&mut self, mut reader: Reader<'a>) -> Result<ResourceRow, DecodeError> {
        let mut service = Text::EMPTY;
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                process::SERVICE_NAME => service = tags::text(&mut self.builder, Some(reader.slice()?)),
                process::TAGS => {
                    self.budget.take::<AttributeRow>(1, reader.position())?;
                    let message = reader.message()?;
                    let (key, value) =
                        tags::read(&mut self.builder, message).map_err(|error| error.within("tags"))?;
                    self.builder.push_attribute(key, value);
                }
                _ => reader.skip_unknown(tag, process::LAST)?,
            }
        }
        let attributes = self.builder.attributes_since(mark);
        Ok(resource_row(&self.builder, service, attributes))
    }

    /// The scope of a resource with this name and version, for the span at the offset `at`.
    #[inline]
    pub(super) fn scope(
        &mut self,
        resource: u32,
        name: Text,
        version: Text,
        at: usize,
    ) -> Result<u32, DecodeError> {
        let row = ScopeRow { resource, name, version, ..ScopeRow::default() };
        if let Some(index) = self.known.scope(&row, self.builder.batch()) {
            return Ok(index);
        }
        self.budget.take::<ScopeRow>(1, at)?;
        let index = self.builder.push_scope(row);
        self.known.remember_scope(row, index, self.builder.batch());
        Ok(index)
    }
}

/// The row of a process.
pub(crate) fn resource_row(builder: &SpanBatchBuilder, service: Text, attributes: Rows) -> ResourceRow {
    // What Jaeger writes for a resource that has neither a name nor anything else.
    let is_nobody = attributes.is_empty() && builder.batch().str(service) == NO_SERVICE_NAME;
    ResourceRow { service: (!is_nobody).then_some(service), attributes, ..ResourceRow::default() }
}
