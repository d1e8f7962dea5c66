//! What spans go through between whoever brings them and the store, the same for every role: normalizing, and log lines that do not
//! flood.

mod ids;
mod normalizer;
mod operation;
mod outage;
mod quiet;
mod rejection;
mod service;
mod tags;
#[cfg(test)]
mod testing;
mod time;

pub use ids::is_nameless;
pub use normalizer::{Normalizer, position_before};
pub use outage::{Ended, Outage};
pub use quiet::Quiet;
pub use rejection::describe_rejected;
pub use tags::{ParseTagsError, Tags};
