//! Zipkin's spans to the model, as the receiver on port 9411 takes them: v2 in JSON and protobuf, v1 in JSON and Thrift.
//! Facts: `openzipkin/zipkin-api zipkin2-api.yaml, zipkin-api.yaml, zipkin.proto`; conversions as in
//! `open-telemetry/opentelemetry-collector-contrib pkg/translator/zipkin`, which Jaeger's collector uses. Where that one loses
//! something or refuses what clients send, this does not: `docs/adr/0021-zipkin-conversions.md`.
//! (Kafka's `zipkin-thrift` records and the agent's port have other rules: `zipkin_thrift`.)

mod address;
mod piped;
mod resource_keys;
mod table;
mod v1;
mod v1_json;
mod v1_status;
mod v1_thrift;
mod v2;
mod v2_json;
mod v2_proto;
mod v2_tags;

pub use v1_json::decode_v1_json;
pub use v1_thrift::decode_v1_thrift;
pub use v2_json::decode_v2_json;
pub use v2_proto::decode_v2_proto;

/// Jaeger's flag of a span that is debugged.
const DEBUG: u32 = 2;
