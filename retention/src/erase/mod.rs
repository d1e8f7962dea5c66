//! Single spans out of indices that others share: by service, operation, tag and age, or because somebody asks for it. [`Plan`] says which; [`erase`]
//! counts them and has the store remove them, index by index, the oldest first.

mod apply;
mod follow;
mod plan;
mod report;
mod settings;

pub use apply::{EraseError, Erased, OfIndex, erase};
pub use plan::{Criterion, Plan};
pub use report::{as_json, as_table};
pub use settings::{EraseConfig, EraseSettingsError, Purpose};

use std::time::Duration;

/// How long a removal has its turn unless it goes on; one that was killed is waited for so long.
pub const LEASE: Duration = Duration::from_secs(15);
