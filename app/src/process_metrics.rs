//! What the operating system says of this process, under the names that every Prometheus client uses.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads `/proc/self` at each scrape; on a system without it, it says nothing.
#[derive(Debug)]
pub(crate) struct ProcessMetrics {
    started: f64,
}

impl ProcessMetrics {
    /// To be made at start: it notes the time.
    pub(crate) fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { started }
    }
}

/// Linux reports CPU time in ticks of 1/100 s to user space, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system CPU time in seconds: fields 14 and 15 of `/proc/self/stat`, counted behind the command's closing parenthesis.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// A line such as `VmRSS:     1234 kB` in bytes.
fn status_bytes(status: &str, key: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: i64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let mut write =
            |name: &str, help: &str, metric: &dyn EncodeMetricDyn| metric.encode_as(&mut encoder, name, help);
        if let Some(seconds) =
            std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat))
        {
            write(
                "process_cpu_seconds",
                "User and system CPU time spent, in seconds",
                &ConstCounter::new(seconds),
            )?;
        }
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            if let Some(bytes) = status_bytes(&status, "VmRSS") {
                write("process_resident_memory_bytes", "Resident memory, in bytes", &ConstGauge::new(bytes))?;
            }
            if let Some(bytes) = status_bytes(&status, "VmHWM") {
                write(
                    "process_peak_resident_memory_bytes",
                    "Highest resident memory so far, in bytes",
                    &ConstGauge::new(bytes),
                )?;
            }
        }
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(entries.count()).unwrap_or(i64::MAX);
            write("process_open_fds", "Open file descriptors", &ConstGauge::new(open))?;
        }
        write(
            "process_start_time_seconds",
            "Start of the process, in seconds since 1970",
            &ConstGauge::new(self.started),
        )
    }
}

/// Lets one closure write metrics of several types.
trait EncodeMetricDyn {
    fn encode_as(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
    ) -> Result<(), std::fmt::Error>;
}

impl<M: EncodeMetric> EncodeMetricDyn for M {
    fn encode_as(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
    ) -> Result<(), std::fmt::Error> {
        let metric = encoder.encode_descriptor(name, help, None, self.metric_type())?;
        self.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cpu_time_and_memory_as_linux_writes_them() {
        let stat = "42 (spoor) x) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(status_bytes("Name:\tspoor\nVmRSS:\t    2048 kB\n", "VmRSS"), Some(2 * 1024 * 1024));
        assert_eq!(cpu_seconds("garbage"), None);
    }
}
