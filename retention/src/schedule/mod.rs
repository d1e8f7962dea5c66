//! Runs by a schedule in a process of its own: of several processes one does them, and another takes over when it is gone.

mod cron;
mod metrics;
mod worker;

pub use cron::{ParseScheduleError, Schedule};
pub use metrics::WorkerMetrics;
pub use worker::{Ended, Failure, Pace, Work, Worker};
