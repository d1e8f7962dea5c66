//! Story: every file under `deploy/` is read by what it is for, and knows only names that are there: settings by the role, units by systemd,
//! fragments by nginx, rules by promtool. Where Debian has no such program (Grafana, Loki, Alloy, container engines, Kubernetes),
//! schemas and a checker of known keys stand in; they cannot show that those programs start.

mod metrics;
mod programs;
mod schemas;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Folders (or single files) of `deploy/`, each read by a test of this story.
const READ: [&str; 25] = [
    "README.md",
    "alertmanager/alertmanager.yml",
    "alloy/config.alloy",
    "compose/.env.example",
    "compose/all-in-one.yaml",
    "compose/monitoring.yaml",
    "compose/production.yaml",
    "config",
    "container/Containerfile",
    "cron/spoor-retention",
    "grafana/dashboards",
    "grafana/db",
    "grafana/grafana.ini",
    "grafana/provisioning",
    "influxdb",
    "kubernetes",
    "logrotate/spoor",
    "loki",
    "nginx",
    "otelcol/logs.yaml",
    "prometheus",
    "systemd",
    "victoriametrics/flags.env",
    "grafana/provisioning/dashboards/spoor.yaml",
    "grafana/provisioning/datasources/spoor.yaml",
];

/// The folder `deploy/`.
fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Files directly in a folder below `deploy/`, sorted, that end so.
fn files(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let folder = deploy().join(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new(extension)) {
            found.push(path);
        }
    }
    ensure!(!found.is_empty(), "no .{extension} in {}", folder.display());
    found.sort();
    Ok(found)
}

/// The name of a file, for messages.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs a program to its end. Standard output and error, together, when it succeeds.
async fn succeeds(command: &mut Command) -> Result<String> {
    let output = command.output().await.with_context(|| {
        format!("run {command:?}; `cargo xtask test` installs what is missing on Debian or Ubuntu")
    })?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} failed with {}:\n{said}", output.status);
    Ok(said)
}

#[test]
fn every_file_is_read_by_a_test() -> Result<()> {
    let mut folders = vec![deploy()];
    let mut unread = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(deploy())?;
            if !READ.iter().any(|read| below.starts_with(read)) {
                unread.insert(below.to_owned());
            }
        }
    }
    ensure!(unread.is_empty(), "files that no test reads: {unread:?}");
    let gone: Vec<_> = READ.iter().filter(|read| !deploy().join(read).exists()).collect();
    ensure!(gone.is_empty(), "gone: {gone:?}");
    Ok(())
}

#[tokio::test]
async fn each_example_configuration_is_taken_by_its_role() -> Result<()> {
    for file in files("config", "yaml")? {
        let role = name(&file).trim_end_matches(".yaml").trim_end_matches("-kafka").to_owned();
        let mut spoor = Command::new(spoor_tests::binary()?);
        spoor.arg(role).arg("--check-config").arg(format!("--config-file={}", file.display()));
        succeeds(&mut spoor).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_settings_in_the_cluster_are_taken_by_their_roles() -> Result<()> {
    let text = std::fs::read_to_string(deploy().join("kubernetes/settings.yaml"))?;
    let folder = tempfile::tempdir()?;
    let (_, data) = text.split_once("\ndata:\n").context("a ConfigMap has data")?;
    let mut roles = 0;
    for part in data.split(".yaml: |\n").collect::<Vec<_>>().windows(2) {
        let role = part[0].lines().last().unwrap_or_default().trim();
        let lines = part[1].lines().filter_map(|line| line.strip_prefix("    "));
        let file = folder.path().join(format!("{role}.yaml"));
        std::fs::write(&file, lines.collect::<Vec<_>>().join("\n"))?;
        let mut spoor = Command::new(spoor_tests::binary()?);
        spoor.arg(role).arg("--check-config").arg(format!("--config-file={}", file.display()));
        succeeds(&mut spoor).await?;
        roles += 1;
    }
    ensure!(roles == 4, "{roles} roles have settings");
    Ok(())
}
