//! Claims about the OTLP conversions, with prost's types of `opentelemetry-proto` as the oracle.

mod arbitrary;
mod encode;
mod golden;
mod hostile;
mod json;
mod json_encode;
mod oracle;
mod protobuf;
mod shuffle;
