//! Data expires as promised: [`plan`] decides from what is in the store, the settings and the time which indices are to go,
//! and says of each why; it touches no network. [`clean`] asks the store, plans, and removes what is to go.

mod clean;
mod name;
mod plan;
mod report;
mod settings;

pub use clean::{Asking, CleanError, Cleaned, Fate, clean};
pub use name::{Family, Naming, Series};
pub use plan::{AgeFrom, Alias, Decision, Index, Policy, plan};
pub use report::{as_json, as_table};
pub use settings::{CleanConfig, SettingsError, policy_of_jaegers_cleaner};
