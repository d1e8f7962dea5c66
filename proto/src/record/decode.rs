//! Hot path: many records into one batch. Budget: one copy of each record into the batch's source, no allocation per record
//! but for failures; JSON, whose texts are copied anyway, lies in a buffer of its own that goes when the batch is made.

use std::ops::Range;

use bytes::Bytes;
use spoor_model::{SpanBatch, SpanBatchBuilder, TooLarge};

use super::Encoding;
use crate::convert::walk::RecordWalk;
use crate::convert::{jaeger_v2, otlp, zipkin_thrift};
use crate::error::DecodeError;
use crate::wire::Slice;

/// Takes the payloads of records one after another, then makes one batch of them.
///
/// Records may come from any partitions; equal processes of neighbouring records become one resource. The payloads are
/// copied, so that a consumer's own buffers are free again at once.
#[derive(Debug, Default)]
pub struct RecordsDecoder {
    encoding: Option<Encoding>,
    /// Records whose texts stay where they are: the batch's source.
    source: Vec<u8>,
    /// Records whose texts are copied.
    texts: Vec<u8>,
    records: Vec<Pending>,
}

/// A record that waits for being read.
#[derive(Debug)]
struct Pending {
    /// `None`: it looks like nothing that is known.
    encoding: Option<Encoding>,
    /// Its place in the buffer of its encoding.
    range: Range<usize>,
}

/// What became of the records of one [`RecordsDecoder`].
#[derive(Debug)]
pub struct DecodedRecords {
    /// The spans of all good records, in the order of the records.
    pub batch: SpanBatch,
    /// For each record in the order of [`RecordsDecoder::push`]: the positions of its spans in the batch (at least one),
    /// or why it could not be read. A record that fails has left nothing in the batch.
    pub records: Vec<Result<Range<usize>, RecordError>>,
}

/// Why a record was not read. Reading it again will end the same way. Holds nothing of the record's content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A record of no bytes, or without a value at all.
    #[error("the record is empty")]
    Empty,
    /// Its encoding was to be recognized, and it is none of those known.
    #[error("the record looks like none of the known encodings")]
    Unrecognized,
    /// It is not what its encoding demands.
    #[error("as {encoding}: {error}{}", Hint(*.looks_like))]
    Malformed {
        /// The encoding it was read in.
        encoding: Encoding,
        /// What is wrong, and where.
        #[source]
        error: DecodeError,
        /// What it seems to be written in, when that is another encoding.
        looks_like: Option<Encoding>,
    },
    /// It was read without an error, and there is no span in it; nearly always it is written in another encoding.
    #[error("as {encoding}: the record holds no span{}", Hint(*.looks_like))]
    NoSpan {
        /// The encoding it was read in.
        encoding: Encoding,
        /// What it seems to be written in, when that is another encoding.
        looks_like: Option<Encoding>,
    },
}

/// The end of an error's sentence, if there is something to suggest.
struct Hint(Option<Encoding>);

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(encoding) => write!(f, " (it looks like {encoding})"),
            None => Ok(()),
        }
    }
}

impl RecordsDecoder {
    /// For records of one encoding, or of any that [`Encoding::recognize`] tells (`None`), record by record.
    #[must_use]
    pub fn new(encoding: Option<Encoding>) -> Self {
        Self { encoding, ..Self::default() }
    }

    /// Takes a record's payload; a record without a value is an empty one.
    pub fn push(&mut self, payload: &[u8]) {
        let encoding = self.encoding.or_else(|| Encoding::recognize(payload));
        let buffer = match encoding {
            Some(Encoding::Json | Encoding::OtlpJson) => &mut self.texts,
            Some(_) => &mut self.source,
            None => {
                // Nobody will look at its bytes, only at whether there are any.
                self.records.push(Pending { encoding, range: 0..payload.len() });
                return;
            }
        };
        let start = buffer.len();
        buffer.extend_from_slice(payload);
        self.records.push(Pending { encoding, range: start..buffer.len() });
    }

    /// Number of records taken so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True before the first record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of payload held. The batch's tables will need about as much again.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.source.len() + self.texts.len()
    }

    /// Reads the records.
    ///
    /// # Errors
    /// [`TooLarge`] for more than one batch can hold (2 GiB); callers stop pushing long before that.
    pub fn finish(self) -> Result<DecodedRecords, TooLarge> {
        let source = Bytes::from(self.source);
        let mut builder = SpanBatchBuilder::with_source(source.clone())?;
        let mut records = Vec::with_capacity(self.records.len());
        for run in self.records.chunk_by(|left, right| left.encoding == right.encoding) {
            builder = read_run(builder, run, &source, &self.texts, &mut records);
        }
        Ok(DecodedRecords { batch: builder.finish()?, records })
    }
}

type Outcome = Result<Range<usize>, RecordError>;

/// Reads records of one encoding.
fn read_run(
    builder: SpanBatchBuilder,
    run: &[Pending],
    source: &[u8],
    texts: &[u8],
    outcomes: &mut Vec<Outcome>,
) -> SpanBatchBuilder {
    let Some(encoding) = run.first().and_then(|first| first.encoding) else {
        let failed = |record: &Pending| {
            Err(if record.range.is_empty() { RecordError::Empty } else { RecordError::Unrecognized })
        };
        outcomes.extend(run.iter().map(failed));
        return builder;
    };
    match encoding {
        Encoding::Protobuf => {
            let mut walk = jaeger_v2::Decoder::new(builder);
            outcomes.extend(run.iter().map(|record| read(&mut walk, encoding, in_source(record, source))));
            walk.into_builder()
        }
        Encoding::OtlpProto => {
            let mut walk = otlp::Decoder::new(builder);
            outcomes.extend(run.iter().map(|record| read(&mut walk, encoding, in_source(record, source))));
            walk.into_builder()
        }
        Encoding::OtlpJson => {
            let mut walk = otlp::JsonWalk::new(builder);
            outcomes.extend(run.iter().map(|record| read(&mut walk, encoding, alone(record, texts))));
            walk.into_builder()
        }
        Encoding::Json => {
            let mut walk = jaeger_v2::JsonDecoder::new(builder);
            outcomes.extend(run.iter().map(|record| read(&mut walk, encoding, alone(record, texts))));
            walk.into_builder()
        }
        Encoding::ZipkinThrift => {
            let mut walk = zipkin_thrift::Decoder::new(builder);
            outcomes.extend(run.iter().map(|record| read(&mut walk, encoding, in_source(record, source))));
            walk.into_builder()
        }
    }
}

/// The record with its place in the batch's source.
fn in_source<'a>(record: &Pending, source: &'a [u8]) -> Slice<'a> {
    Slice { bytes: source.get(record.range.clone()).unwrap_or_default(), start: record.range.start }
}

/// The record by itself.
fn alone<'a>(record: &Pending, texts: &'a [u8]) -> Slice<'a> {
    Slice { bytes: texts.get(record.range.clone()).unwrap_or_default(), start: 0 }
}

fn read<'a>(walk: &mut impl RecordWalk<'a>, encoding: Encoding, record: Slice<'a>) -> Outcome {
    if record.bytes.is_empty() {
        return Err(RecordError::Empty);
    }
    let looks_like = || Encoding::recognize(record.bytes).filter(|seems| *seems != encoding);
    let checkpoint = walk.builder().checkpoint();
    match walk.record(record) {
        Ok(()) => {
            let (first, end) = (checkpoint.spans(), walk.builder().batch().len());
            if first == end {
                walk.forget(checkpoint);
                walk.builder().rollback(checkpoint);
                return Err(RecordError::NoSpan { encoding, looks_like: looks_like() });
            }
            Ok(first..end)
        }
        Err(error) => Err(RecordError::Malformed { encoding, error, looks_like: looks_like() }),
    }
}
