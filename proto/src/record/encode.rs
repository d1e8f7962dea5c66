//! Hot path: a batch to records. Budget: one buffer for keys and values of all records, of which each record holds slices;
//! no allocation per span or record.

use std::ops::Range;

use bytes::Bytes;
use spoor_model::{SpanBatch, SpanView, TraceId};

use super::Encoding;
use crate::convert::jaeger_v2::{SpanEncoder, encode_span_json};
use crate::convert::otlp;
use crate::convert::placed::{Placed, TraceFraming};

/// Writes batches as records of one encoding, each no larger than a limit.
#[derive(Debug, Clone, Copy)]
pub struct RecordEncoder {
    encoding: Encoding,
    max_record_bytes: usize,
}

/// An encoding that Jaeger's ingester reads and nobody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "records can be read in the encoding {0}, but not written; choose protobuf, json, otlp_proto or otlp_json"
)]
pub struct ReadOnlyEncoding(pub Encoding);

/// The records of one batch: every span is in exactly one record or among the too large ones.
#[derive(Debug, Default)]
pub struct EncodedRecords {
    /// The records; those of one trace stand together.
    pub records: Vec<EncodedRecord>,
    /// Spans that are larger than a record may be, even alone.
    pub too_large: Vec<TooLargeSpan>,
    /// The positions of spans that the records name by range.
    spans: Vec<u32>,
}

/// One record, of spans of one trace.
#[derive(Debug, Clone)]
pub struct EncodedRecord {
    /// The trace id's text, as Jaeger spells it: 16 hex digits when the high half is zero, else 32. Decides the partition.
    pub key: Bytes,
    /// The payload.
    pub value: Bytes,
    spans: Range<usize>,
}

/// A span that fits into no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLargeSpan {
    /// Its position in the batch.
    pub span: usize,
    /// The size of a record of this span alone, key included, in bytes.
    pub bytes: usize,
}

impl EncodedRecords {
    /// The positions in the batch of the spans that `record` (one of these) holds.
    pub fn spans_of(&self, record: &EncodedRecord) -> impl ExactSizeIterator<Item = usize> + Clone {
        self.spans.get(record.spans.clone()).unwrap_or_default().iter().map(|index| *index as usize)
    }
}

impl RecordEncoder {
    /// `max_record_bytes`: the most bytes of key and value together. The broker's protocol adds up to about 70 bytes, which
    /// the caller takes off first.
    ///
    /// # Errors
    /// For the encoding that cannot be written.
    pub fn new(encoding: Encoding, max_record_bytes: usize) -> Result<Self, ReadOnlyEncoding> {
        if !encoding.can_be_written() {
            return Err(ReadOnlyEncoding(encoding));
        }
        Ok(Self { encoding, max_record_bytes })
    }

    /// The encoding.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The most bytes of key and value together.
    #[must_use]
    pub fn max_record_bytes(&self) -> usize {
        self.max_record_bytes
    }

    /// Writes all spans of the batch: one a record in Jaeger's encodings, in OTLP's those of one trace together, divided as
    /// often as the limit demands.
    #[must_use]
    pub fn encode(&self, batch: &SpanBatch) -> EncodedRecords {
        self.encode_dividing(batch, self.max_record_bytes)
    }

    /// The same, but spans stand together in records of at most `together_bytes`. A span that takes more is a record by itself, up to
    /// the limit.
    #[must_use]
    pub fn encode_dividing(&self, batch: &SpanBatch, together_bytes: usize) -> EncodedRecords {
        let mut plan = Plan::new(self.max_record_bytes, together_bytes);
        match self.encoding {
            Encoding::Protobuf => {
                let mut encoder = SpanEncoder::default();
                plan.spans(batch, |span, out| encoder.encode(out, span));
            }
            Encoding::OtlpProto => plan.traces(batch, &otlp::Framing::new(batch)),
            Encoding::Json => plan.spans(batch, |span, out| encode_span_json(out, span)),
            Encoding::OtlpJson => plan.traces(batch, &otlp::JsonFraming::new(batch)),
            // Refused where the encoder is made.
            Encoding::ZipkinThrift => {}
        }
        plan.finish()
    }
}

/// A record as long as the buffer still grows.
struct Planned {
    key: Range<usize>,
    value: Range<usize>,
    spans: Range<usize>,
}

/// The records so far.
struct Plan {
    max_record_bytes: usize,
    /// Of records of several spans.
    together_bytes: usize,
    out: Vec<u8>,
    records: Vec<Planned>,
    spans: Vec<u32>,
    too_large: Vec<TooLargeSpan>,
    /// The newest key.
    key: Option<(TraceId, Range<usize>)>,
}

impl Plan {
    fn new(max_record_bytes: usize, together_bytes: usize) -> Self {
        Self {
            max_record_bytes,
            together_bytes: together_bytes.min(max_record_bytes),
            out: Vec::new(),
            records: Vec::new(),
            spans: Vec::new(),
            too_large: Vec::new(),
            key: None,
        }
    }

    /// A record for each span, in the batch's order.
    fn spans<'a>(&mut self, batch: &'a SpanBatch, mut write: impl FnMut(SpanView<'a>, &mut Vec<u8>)) {
        self.records.reserve(batch.len());
        self.spans.reserve(batch.len());
        for (index, span) in batch.spans().enumerate() {
            let key = self.key(span.trace_id());
            let start = self.out.len();
            write(span, &mut self.out);
            let bytes = key.len() + self.out.len() - start;
            if bytes > self.max_record_bytes {
                self.out.truncate(start);
                self.too_large.push(TooLargeSpan { span: index, bytes });
            } else {
                let value = start..self.out.len();
                self.push(key, value, [u32::try_from(index).unwrap_or(u32::MAX)]);
            }
        }
    }

    /// Records for each trace.
    fn traces(&mut self, batch: &SpanBatch, framing: &impl TraceFraming) {
        let placed = Placed::all(batch);
        self.spans.reserve(placed.len());
        for trace in placed.chunk_by(|left, right| left.trace_id == right.trace_id) {
            self.trace(trace, framing);
        }
    }

    /// One record, or as many as it takes by halving.
    fn trace(&mut self, spans: &[Placed], framing: &impl TraceFraming) {
        let Some(first) = spans.first() else { return };
        let key = self.key(first.trace_id);
        let size = framing.size(spans);
        let limit = if spans.len() == 1 { self.max_record_bytes } else { self.together_bytes };
        if key.len() + size <= limit {
            let start = self.out.len();
            self.out.reserve(size);
            framing.write(spans, &mut self.out);
            debug_assert_eq!(self.out.len() - start, size);
            self.push(key, start..self.out.len(), spans.iter().map(|placed| placed.index));
        } else if spans.len() == 1 {
            self.too_large.push(TooLargeSpan { span: first.index as usize, bytes: key.len() + size });
        } else {
            let (left, right) = spans.split_at(spans.len() / 2);
            self.trace(left, framing);
            self.trace(right, framing);
        }
    }

    fn push(&mut self, key: Range<usize>, value: Range<usize>, spans: impl IntoIterator<Item = u32>) {
        let start = self.spans.len();
        self.spans.extend(spans);
        self.records.push(Planned { key, value, spans: start..self.spans.len() });
    }

    /// The place of a trace's key; neighbours of one trace share it.
    fn key(&mut self, trace_id: TraceId) -> Range<usize> {
        if let Some((known, range)) = &self.key
            && *known == trace_id
        {
            return range.clone();
        }
        let start = self.out.len();
        let digits = trace_id.to_hex();
        self.out.extend_from_slice(if trace_id.high() == 0 { &digits[16..] } else { &digits });
        let range = start..self.out.len();
        self.key = Some((trace_id, range.clone()));
        range
    }

    fn finish(self) -> EncodedRecords {
        let buffer = Bytes::from(self.out);
        let records = self.records.into_iter().map(|planned| EncodedRecord {
            key: buffer.slice(planned.key),
            value: buffer.slice(planned.value),
            spans: planned.spans,
        });
        EncodedRecords { records: records.collect(), too_large: self.too_large, spans: self.spans }
    }
}
