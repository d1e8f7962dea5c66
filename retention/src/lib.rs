//! Data expires as promised: [`plan`] decides from what is in the store, the settings and the time which indices are to go,
//! and says of each why; it touches no network. [`clean`] asks the store, plans, and removes what is to go.
//! [`rollover`] does the same for series of indices behind aliases: from one index to the next, and out of sight. [`erase`] has single spans removed from
//! indices that others share.

mod clean;
pub mod erase;
mod name;
mod plan;
pub mod policy;
mod report;
pub mod rollover;
mod run;
pub mod schedule;
mod settings;
mod snapshot;
mod turn;

pub use clean::{CleanError, Cleaned, Fate, Means, clean};
pub use name::{Naming, Series};
pub use plan::{AgeFrom, Alias, Decision, Index, Policy, plan};
pub use report::{as_json, as_table};
pub use run::{Effect, LAST_SUCCESS, Run, RunMetrics};
pub use settings::{CleanConfig, SettingsError, policy_of_jaegers_cleaner};
pub use snapshot::{Keeping, Snapshot};
pub use spoor_storage::IndexFamily as Family;
pub use turn::{Asking, LEASE};
