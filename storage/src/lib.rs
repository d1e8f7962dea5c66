//! The doors to a span store: what a writer and a reader promise, whoever stands behind them.
//! Wrappers (`write`), the bounded store in memory (`memory`) and the contract suite (`conformance`) live beside them.

mod answer_room;
mod candidate;
mod capability;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod dependency_store;
mod error;
mod index_admin;
mod index_series;
mod index_snapshots;
mod lease_lock;
mod lifecycle_policies;
mod list_bound;
pub mod memory;
mod metrics_reader;
mod reader;
mod sampling_store;
mod span_eraser;
pub mod tally;
pub mod write;
mod writer;

pub use answer_room::AnswerRoom;
pub use candidate::Candidate;
pub use capability::Capabilities;
pub use context::{Credentials, RequestContext, Tenant};
pub use dependency_store::DependencyStore;
pub use error::{
    BoxError, ReadError, ReadErrorKind, RecordError, RecordErrorKind, WriteError, WriteErrorKind,
};
pub use index_admin::{IndexAdmin, IndexAlias, Inventory, StoredIndex};
pub use index_series::{AliasChange, IndexFamily, IndexSeries};
pub use index_snapshots::{IndexSnapshots, SnapshotState};
pub use lease_lock::{Lease, LeaseLock};
pub use lifecycle_policies::{Difference, FoundPolicy, LifecyclePolicies, LifecycleRules};
pub use list_bound::ListBound;
pub use metrics_reader::MetricsReader;
pub use reader::{SpanReader, SpanStream, summed_up};
pub use sampling_store::SamplingStore;
pub use span_eraser::{Doomed, Pace, Progress, SpanEraser, TaskId};
pub use writer::{Rejection, SpanWriter, Written};
