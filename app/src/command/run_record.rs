//! What a run of retention leaves for who watches: a file of metrics for the textfile collector of Prometheus' node_exporter.
//! Facts: the collector's README: it reads `*.prom` in a folder, whole, at any moment, so that a file has to come by being renamed.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use prometheus_client::registry::Registry;
use spoor_retention::{Effect, LAST_SUCCESS, Run, RunMetrics};

use crate::exposition;

/// Whoever scrapes is another user.
const READABLE_BY_ALL: u32 = 0o644;

/// Where a run leaves its record.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct RecordConfig {
    /// A file into which the run writes at its end, well or not, when it ended, when one last went well, and what it did: metrics for node_exporter's
    /// textfile collector, which reads *.prom. Each action and prefix needs a file of its own.
    #[arg(
        id = "retention.metrics-file",
        long = "retention.metrics-file",
        visible_alias = "metrics-file",
        value_name = "PATH"
    )]
    metrics_file: Option<PathBuf>,
}

impl RecordConfig {
    pub(super) fn is_set(&self) -> bool {
        self.metrics_file.is_some()
    }
}

/// A run that has begun.
pub(super) struct RunRecord {
    began: Instant,
    file: Option<MetricsFile>,
}

struct MetricsFile {
    path: PathBuf,
    registry: Registry,
    metrics: RunMetrics,
}

impl RunRecord {
    /// Before anything is done: a file that could not be written at the end is found now.
    pub(super) fn begin(config: &RecordConfig, action: &str, prefix: &str, dry_run: bool) -> Result<Self> {
        let began = Instant::now();
        let Some(path) = config.metrics_file.clone() else { return Ok(Self { began, file: None }) };
        if dry_run {
            bail!("--retention.metrics-file tells of runs, and --dry-run is none: leave one of them out");
        }
        let last_success = last_success(&path, action, prefix)
            .with_context(|| format!("--retention.metrics-file={}", path.display()))?;
        let mut registry = Registry::default();
        let metrics = RunMetrics::register(&mut registry, action, prefix);
        metrics.remember_success(last_success);
        Ok(Self { began, file: Some(MetricsFile { path, registry, metrics }) })
    }

    /// Writes the record, however the run ended; what it ended with comes back.
    pub(super) fn end(self, effect: Effect, done: Result<u8>) -> Result<ExitCode> {
        let exit_code = *done.as_ref().unwrap_or(&1);
        let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let ended = i64::try_from(ended).unwrap_or(i64::MAX);
        let written = self.file.map_or(Ok(()), |MetricsFile { path, registry, metrics }| {
            metrics.tell(&Run { ended, took: self.began.elapsed(), exit_code, effect });
            let text = exposition::open_metrics(&registry).context("write the metrics")?;
            replace(&path, &exposition::to_classic(&text))
                .with_context(|| format!("write --retention.metrics-file={}", path.display()))
        });
        match (written, done) {
            (Ok(()), done) => Ok(ExitCode::from(done?)),
            (Err(error), Ok(0)) => Err(error.context("the run went well, but nobody will hear of it")),
            (Err(error), done) => {
                eprintln!("spoor: {error:#}");
                Ok(ExitCode::from(done?))
            }
        }
    }
}

/// When the run before this one went well that wrote the file; 0 without one.
fn last_success(path: &Path, action: &str, prefix: &str) -> Result<i64> {
    if path.file_name().is_none() {
        bail!("name a file, as in /var/lib/prometheus/node-exporter/spoor_retention.prom");
    }
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = temporary(path)
                .parent()
                .filter(|folder| folder.components().next().is_some())
                .map(Path::to_owned);
            let folder = folder.unwrap_or_else(|| PathBuf::from("."));
            fs::metadata(&folder).with_context(|| format!("look at its folder {}", folder.display()))?;
            return Ok(0);
        }
        Err(error) => return Err(error).context("read what the run before left there"),
    };
    let ours = format!("{LAST_SUCCESS}{{action=\"{action}\",prefix=\"{prefix}\"}} ");
    let Some(line) = text.lines().find(|line| line.starts_with(LAST_SUCCESS)) else { return Ok(0) };
    let Some(value) = line.strip_prefix(&ours) else {
        bail!("it tells of other runs already ({line}); give this action and prefix a file of its own");
    };
    Ok(value.parse().unwrap_or(0))
}

/// Beside the file, under a name that the collector does not read.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// Puts the text in the file's place, so that whoever reads it finds the old one or the new one, whole.
fn replace(path: &Path, text: &str) -> Result<()> {
    let temporary = temporary(path);
    let mut file = fs::File::create(&temporary).with_context(|| format!("create {}", temporary.display()))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(READABLE_BY_ALL)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What went wrong is told; a file that is left there harms nobody.
        let _ = fs::remove_file(&temporary);
    }
    written.context("put the new text in its place")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(path: &Path, action: &str, prefix: &str, dry_run: bool) -> Result<RunRecord> {
        let config = RecordConfig { metrics_file: Some(path.to_owned()) };
        RunRecord::begin(&config, action, prefix, dry_run)
    }

    fn value(path: &Path, name: &str) -> i64 {
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| {
            line.strip_prefix(&format!("spoor_retention_{name}{{action=\"clean\",prefix=\"p\"}} "))
        });
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
    }

    #[test]
    fn a_failed_run_keeps_the_last_success_of_the_file_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spoor.prom");
        begin(&path, "clean", "p", false)
            .unwrap()
            .end(Effect::default(), Err(anyhow::anyhow!("away")))
            .unwrap_err();
        assert_eq!((value(&path, "last_success_timestamp_seconds"), value(&path, "last_exit_code")), (0, 1));
        let effect = Effect { indices_deleted: 3, ..Effect::default() };
        begin(&path, "clean", "p", false).unwrap().end(effect, Ok(0)).unwrap();
        let success = value(&path, "last_success_timestamp_seconds");
        assert!(success > 0 && value(&path, "last_indices_deleted") == 3);
        begin(&path, "clean", "p", false).unwrap().end(Effect::default(), Ok(75)).unwrap();
        assert_eq!(value(&path, "last_success_timestamp_seconds"), success);
        assert_eq!((value(&path, "last_exit_code"), value(&path, "last_indices_deleted")), (75, 0));
    }

    #[test]
    fn nothing_but_the_file_is_left_and_everybody_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spoor.prom");
        begin(&path, "clean", "p", false).unwrap().end(Effect::default(), Ok(0)).unwrap();
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["spoor.prom"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, READABLE_BY_ALL);
    }

    #[test]
    fn a_file_that_cannot_serve_is_told_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spoor.prom");
        begin(&path, "clean", "p", false).unwrap().end(Effect::default(), Ok(0)).unwrap();
        let said = |result: Result<RunRecord>| format!("{:#}", result.err().unwrap());
        assert!(said(begin(&path, "rollover", "p", false)).contains("a file of its own"));
        assert!(said(begin(&path, "clean", "other", false)).contains("a file of its own"));
        assert!(said(begin(&path, "clean", "p", true)).contains("--dry-run"));
        assert!(said(begin(&folder.path().join("none/spoor.prom"), "clean", "p", false)).contains("none"));
        assert!(said(begin(folder.path(), "clean", "p", false)).contains("--retention.metrics-file="));
        fs::write(&path, "something else\n").unwrap();
        assert!(begin(&path, "clean", "p", false).is_ok(), "what is no record says nothing");
    }

    #[test]
    fn a_run_that_went_well_and_cannot_say_so_ends_as_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spoor.prom");
        let record = begin(&path, "clean", "p", false).unwrap();
        drop(folder);
        let error = format!("{:#}", record.end(Effect::default(), Ok(0)).unwrap_err());
        assert!(error.contains("went well") && error.contains("spoor.prom"), "{error}");
    }
}
