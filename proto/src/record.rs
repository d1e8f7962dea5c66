//! The encodings of Kafka records, both ways: a batch of spans to records that never mix traces, and many records to one batch.
//! Names and framing are Jaeger's (`jaegertracing/jaeger plugin/storage/kafka`, v2: `open-telemetry/opentelemetry-collector-contrib
//! exporter/kafkaexporter`), so that either side may be a real Jaeger. Nothing here knows a broker.

mod decode;
mod encode;
mod encoding;

pub use decode::{DecodedRecords, RecordError, RecordsDecoder};
pub use encode::{EncodedRecord, EncodedRecords, ReadOnlyEncoding, RecordEncoder, TooLargeSpan};
pub use encoding::{Encoding, UnknownEncoding};
