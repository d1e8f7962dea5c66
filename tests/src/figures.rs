//! Figures of benchmarks: what a process has used so far, and the JSON lines that `cargo xtask bench` reads.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use crate::Spoor;

/// CPU time and memory of a running role, from `/proc`.
impl Spoor {
    /// User and system time so far, in seconds; Linux counts 100 ticks a second.
    ///
    /// # Errors
    /// When the process is gone, or the system has no `/proc`.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc_file("stat")?;
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("stat names the command")?.1.split_whitespace().collect();
        let ticks = |index: usize| {
            fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("stat has times")
        };
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }

    /// Resident memory at its highest so far, in MiB.
    ///
    /// # Errors
    /// As [`Spoor::cpu_seconds`].
    pub fn peak_mib(&self) -> Result<f64> {
        let status = self.proc_file("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("status has VmHWM")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Makes [`Spoor::peak_mib`] begin anew from what is resident now.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn forget_peak(&self) -> Result<()> {
        let path = PathBuf::from(format!("/proc/{}/clear_refs", self.pid()));
        std::fs::write(&path, "5").with_context(|| format!("write {}", path.display()))
    }

    fn proc_file(&self, name: &str) -> Result<String> {
        let path = PathBuf::from(format!("/proc/{}/{name}", self.pid()));
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
}

/// How many spans a benchmark is to use: `SPOOR_BENCH_SPANS`, or what it uses by default.
///
/// # Errors
/// When the variable holds no number.
pub fn spans_or(default: u64) -> Result<u64> {
    match std::env::var("SPOOR_BENCH_SPANS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("SPOOR_BENCH_SPANS is {text:?}; set it to a number of spans")),
        Err(_) => Ok(default),
    }
}

/// One figure, with its bar if it has one: a JSON line on standard output.
pub fn print_figure(
    figure: &str,
    value: f64,
    unit: &str,
    bar: impl Into<Option<f64>>,
    spans: u64,
    method: &str,
) {
    let value = (value * 1000.0).round() / 1000.0;
    let bar = bar.into();
    println!(
        "{}",
        json!({"figure": figure, "value": value, "unit": unit, "bar": bar, "spans": spans, "method": method})
    );
}
