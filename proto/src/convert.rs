//! Between wire and model, both ways: the only place where the two meet, one module a format.

pub mod jaeger_thrift;
pub mod jaeger_v2;
pub(crate) mod json_object;
pub(crate) mod limits;
pub mod otlp;
pub(crate) mod placed;
pub(crate) mod walk;
pub mod zipkin;
pub(crate) mod zipkin_thrift;
