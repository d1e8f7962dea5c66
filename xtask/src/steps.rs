//! A sequence of steps with a heading and a time for each, and a summary that decides the exit code.
//!
//! A failed step does not hide what comes after it: one run tells everything that is wrong.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The steps done so far. Two may run side by side; each is told in lines of its own.
#[derive(Default)]
pub(crate) struct Steps {
    done: Mutex<Vec<Step>>,
}

struct Step {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Does one step; `None` when it failed, which is told at once and counted at the end.
    pub(crate) fn run<T>(&self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n=== {name}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let step = Step { name, took, failure };
        println!("--- {step}");
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        value
    }

    /// Prints what each step came to.
    ///
    /// # Errors
    /// Names the steps that failed.
    pub(crate) fn finish(self) -> Result<()> {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        println!("\n=== Summary");
        for Step { name, took, failure } in &done {
            let verdict = if failure.is_none() { "ok" } else { "FAILED" };
            println!("{verdict:<7} {:>7.1} s  {name}", took.as_secs_f64());
        }
        let failed: Vec<&str> =
            done.iter().filter(|step| step.failure.is_some()).map(|step| step.name).collect();
        if !failed.is_empty() {
            bail!("{} of {} steps failed: {}", failed.len(), done.len(), failed.join(", "));
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, seconds) = (self.name, self.took.as_secs_f64());
        match &self.failure {
            None => write!(f, "{name}: ok in {seconds:.1} s"),
            Some(failure) => write!(f, "{name}: FAILED after {seconds:.1} s: {failure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_good_is_good() {
        let steps = Steps::default();
        assert_eq!(steps.run("one", || Ok(1)), Some(1));
        steps.finish().unwrap();
    }

    #[test]
    fn a_failed_step_is_told_at_the_end_and_the_later_ones_still_run() {
        let steps = Steps::default();
        assert_eq!(steps.run("one", || -> Result<()> { bail!("no") }), None);
        assert_eq!(steps.run("two", || Ok(2)), Some(2));
        assert_eq!(steps.finish().unwrap_err().to_string(), "1 of 2 steps failed: one");
    }
}
