//! Wire formats: our .proto files, the generated types, and the conversions between wire and model.

pub mod convert;
pub mod error;
pub mod jaeger;
pub mod record;
pub mod thrift;
pub mod wire;

pub use error::DecodeError;
