//! Who calls whom, counted from the spans of a day, and stored where Jaeger and its UI look for it: what spark-dependencies does,
//! without Spark.
//! The way of a day: `day` reads its traces page by page, `rule` says what of a trace is a call, `recount` stores the sums. `job` does
//! it again and again in one of the processes that offer to; `schedule` says for which days.

mod calls;
mod day;
mod job;
mod recount;
mod rule;
mod schedule;
#[cfg(test)]
mod tests;

pub use day::{Day, DayCount};
pub use job::{DependencyJob, JobMetrics, JobStores};
pub use recount::{RecountError, recount};
