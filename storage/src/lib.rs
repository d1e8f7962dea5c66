//! The doors to a span store: what a writer and a reader promise, whoever stands behind them.
//! Wrappers (`write`), the bounded store in memory (`memory`) and the contract suite (`conformance`) live beside them.

mod capability;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod error;
pub mod memory;
mod reader;
pub mod write;
mod writer;

pub use capability::Capabilities;
pub use context::{Credentials, RequestContext, Tenant};
pub use error::{BoxError, ReadError, ReadErrorKind, WriteError, WriteErrorKind};
pub use reader::{SpanReader, SpanStream};
pub use writer::{Rejection, SpanWriter, Written};
