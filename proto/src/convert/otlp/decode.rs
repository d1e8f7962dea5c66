//! Hot path: from a request to its resources and scopes; the spans themselves are in `span.rs`.
//! Budget: 0.05 heap allocations per span, all of them the growth of tables. Each level is walked twice: once for what
//! belongs to the row (which may stand behind its children on the wire), once for the children.

use bytes::Bytes;
use spoor_model::{AttributeRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanRow, Text, Value};

use super::SERVICE_NAME;
use super::fields::{resource, resource_spans, scope, scope_spans, traces};
use crate::convert::limits::{Budget, Limits};
use crate::convert::walk::RecordWalk;
use crate::error::DecodeError;
use crate::wire::{Reader, Slice};

/// Wire bytes that make about one span, attribute or event. The first guess at the size of their tables: one that is
/// too small grows, one that is too large wastes only address space. Together less than the body's own length.
const BYTES_PER_SPAN: usize = 512;
const BYTES_PER_ATTRIBUTE: usize = 48;
const BYTES_PER_EVENT: usize = 1024;

/// Reads an OTLP `ExportTraceServiceRequest` (or `TracesData`, the same on the wire) within [`Limits::for_body`].
///
/// Texts stay ranges of `body`; invalid UTF-8 is repaired and counted. Unknown fields are skipped, repeated singular
/// messages merged. Ids of all zeros or none at all pass: refusing such spans is a normalizing step.
///
/// # Errors
/// For bytes that are no such message, ids of another length than 0 and 16 (trace) or 0 and 8 (span), values nested
/// deeper than [`spoor_model::nested::MAX_DEPTH`], or more rows than the limits allow. Nothing of the request is usable then.
pub fn decode_export_request(body: Bytes) -> Result<SpanBatch, DecodeError> {
    let limits = Limits::for_body(body.len());
    decode_export_request_within(body, limits)
}

/// As [`decode_export_request`], within limits of the caller's.
///
/// # Errors
/// As there.
pub fn decode_export_request_within(body: Bytes, limits: Limits) -> Result<SpanBatch, DecodeError> {
    let source = body.clone();
    let mut decoder = Decoder::new(SpanBatchBuilder::with_source(body)?);
    decoder.walk(Slice { bytes: &source, start: 0 }, limits)?;
    Ok(decoder.builder.finish()?)
}

/// The walk over one request.
pub(crate) struct Decoder<'a> {
    pub(super) builder: SpanBatchBuilder,
    pub(super) budget: Budget,
    /// The events of the span being walked, until its own fields are done.
    pub(super) events: Vec<Slice<'a>>,
    /// Its links, the same.
    pub(super) links: Vec<Slice<'a>>,
}

impl<'a> RecordWalk<'a> for Decoder<'a> {
    fn builder(&mut self) -> &mut SpanBatchBuilder {
        &mut self.builder
    }

    fn walk(&mut self, record: Slice<'a>, limits: Limits) -> Result<(), DecodeError> {
        self.budget = Budget::new(limits);
        self.reserve(record.reader(), record.bytes.len())?;
        self.request(record.reader())
    }
}

impl<'a> Decoder<'a> {
    /// For messages that lie in the source of `builder`.
    pub(crate) fn new(builder: SpanBatchBuilder) -> Self {
        let budget = Budget::new(Limits { max_row_bytes: 0 });
        Self { builder, budget, events: Vec::new(), links: Vec::new() }
    }

    /// The builder with the rows of everything that was read.
    pub(crate) fn into_builder(self) -> SpanBatchBuilder {
        self.builder
    }

    /// Charges the resources, and makes room for all rows.
    fn reserve(&mut self, mut reader: Reader<'a>, length: usize) -> Result<(), DecodeError> {
        let mut resources = 0;
        while let Some(tag) = reader.tag()? {
            resources += usize::from(tag == traces::RESOURCE_SPANS);
            reader.skip(tag)?;
        }
        self.budget.take::<ResourceRow>(resources, 0)?;
        self.builder.reserve_others(resources, resources, length / BYTES_PER_EVENT);
        self.builder.reserve(length / BYTES_PER_SPAN, length / BYTES_PER_ATTRIBUTE);
        Ok(())
    }

    fn request(&mut self, mut reader: Reader<'a>) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                traces::RESOURCE_SPANS => {
                    self.resource_spans(reader.message()?).map_err(|error| error.within("resource_spans"))?;
                }
                _ => reader.skip_unknown(tag, traces::LAST)?,
            }
        }
        Ok(())
    }

    fn resource_spans(&mut self, mut reader: Reader<'a>) -> Result<(), DecodeError> {
        let resource = self.resource_row(reader)?;
        while let Some(tag) = reader.tag()? {
            match tag {
                resource_spans::SCOPE_SPANS => self
                    .scope_spans(reader.message()?, resource)
                    .map_err(|error| error.within("scope_spans"))?,
                _ => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    /// The row of a `ResourceSpans`, from everything but its scopes.
    fn resource_row(&mut self, mut reader: Reader<'a>) -> Result<u32, DecodeError> {
        let mut row = ResourceRow::default();
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                resource_spans::RESOURCE => {
                    self.resource(reader.message()?, &mut row).map_err(|error| error.within("resource"))?;
                }
                resource_spans::SCOPE_SPANS => drop(reader.slice()?),
                resource_spans::SCHEMA_URL => row.schema_url = self.text(&mut reader)?,
                _ => reader.skip_unknown(tag, resource_spans::LAST)?,
            }
        }
        row.attributes = self.builder.attributes_since(mark);
        Ok(self.builder.push_resource(row))
    }

    fn resource(&mut self, mut reader: Reader<'a>, row: &mut ResourceRow) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                resource::ATTRIBUTES => self.resource_attribute(reader.slice()?, row)?,
                resource::DROPPED_ATTRIBUTES => row.dropped_attributes = reader.varint32()?,
                _ => reader.skip_unknown(tag, resource::LAST)?,
            }
        }
        Ok(())
    }

    fn resource_attribute(&mut self, encoded: Slice<'a>, row: &mut ResourceRow) -> Result<(), DecodeError> {
        self.budget.take::<AttributeRow>(1, encoded.start)?;
        // Behind the tag and the length of the key, when the key stands first as it does in practice.
        let service = encoded.bytes.get(2..).is_some_and(|rest| rest.starts_with(SERVICE_NAME.as_bytes()));
        if !service && self.push_plain(encoded) {
            return Ok(());
        }
        let (key, value) = self.key_value(encoded).map_err(|error| error.within("attributes"))?;
        match value {
            Value::Str(name) if row.service.is_none() && self.is_service_name(key) => {
                row.service = Some(name)
            }
            _ => self.builder.push_attribute(key, value),
        }
        Ok(())
    }

    fn is_service_name(&self, key: Text) -> bool {
        self.builder.batch().bytes(key) == SERVICE_NAME.as_bytes()
    }

    fn scope_spans(&mut self, mut reader: Reader<'a>, resource: u32) -> Result<(), DecodeError> {
        let scope = self.scope_row(reader, resource)?;
        while let Some(tag) = reader.tag()? {
            match tag {
                scope_spans::SPANS => {
                    self.span(reader.slice()?, scope).map_err(|error| error.within("spans"))?;
                }
                _ => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    /// The row of a `ScopeSpans`, from everything but its spans; these are counted to make room for them.
    fn scope_row(&mut self, mut reader: Reader<'a>, resource: u32) -> Result<u32, DecodeError> {
        let start = reader.position();
        self.budget.take::<ScopeRow>(1, start)?;
        let mut row = ScopeRow { resource, ..ScopeRow::default() };
        let mut spans = 0;
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                scope_spans::SCOPE => {
                    self.scope(reader.message()?, &mut row).map_err(|error| error.within("scope"))?;
                }
                scope_spans::SPANS => {
                    reader.slice()?;
                    spans += 1;
                }
                scope_spans::SCHEMA_URL => row.schema_url = self.text(&mut reader)?,
                _ => reader.skip_unknown(tag, scope_spans::LAST)?,
            }
        }
        row.attributes = self.builder.attributes_since(mark);
        self.budget.take::<SpanRow>(spans, start)?;
        self.builder.reserve(spans, 0);
        Ok(self.builder.push_scope(row))
    }

    fn scope(&mut self, mut reader: Reader<'a>, row: &mut ScopeRow) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                scope::NAME => row.name = self.text(&mut reader)?,
                scope::VERSION => row.version = self.text(&mut reader)?,
                scope::ATTRIBUTES => self.push_attribute(reader.slice()?)?,
                scope::DROPPED_ATTRIBUTES => row.dropped_attributes = reader.varint32()?,
                _ => reader.skip_unknown(tag, scope::LAST)?,
            }
        }
        Ok(())
    }

    /// A string field's value.
    #[inline]
    pub(super) fn text(&mut self, reader: &mut Reader<'a>) -> Result<Text, DecodeError> {
        Ok(self.builder.source_text(reader.slice()?.range()))
    }
}
