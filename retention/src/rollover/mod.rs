//! Series of indices behind aliases: begun, gone on with, and let out of sight. A pure plan first, then step by step.
//! Facts: Jaeger's es-rollover; `docs/adr/0027-how-a-series-goes-on.md` says what is different.

mod apply;
mod lookback;
mod plan;
mod report;
mod settings;

pub use apply::{Outcome, RolloverError, Taken, roll};
pub use lookback::Unit;
pub use plan::{Names, Plan, Problem, RollOver, Step, Task, plan};
pub use report::{as_json, as_table};
pub use settings::{Conditions, ParseConditionsError};
