//! Claims about the OTLP conversions, with prost's types of `opentelemetry-proto` as the oracle.

mod arbitrary;
mod encode;
mod json;
mod oracle;
mod protobuf;
