//! A Prometheus that keeps exemplars: a parser of OpenMetrics that is not ours.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_tests::eventually;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use xtask::servers::free_port;

use crate::PATIENCE;

pub(crate) struct Prometheus {
    _child: Child,
    _folder: TempDir,
    url: String,
}

impl Prometheus {
    /// Scrapes that admin port again and again.
    pub(crate) async fn start(target: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "scrape_configs:\n  - job_name: spoor-query\n    scrape_interval: 500ms\n    scrape_timeout: 500ms\n    static_configs:\n      - targets: [\"{target}\"]\n"
        );
        std::fs::write(&config, text)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start prometheus; `cargo xtask test` installs what is missing on Debian or Ubuntu")?;
        Ok(Self { _child: child, _folder: folder, url: format!("http://{address}") })
    }

    /// Waits until it has an exemplar of that trace in the series.
    pub(crate) async fn finds_the_exemplar(&self, series: &str, trace: &str) -> Result<()> {
        let now = spoor_tests::traffic::now().0 / 1_000_000_000;
        let (start, end) = (now - 3600, now + 3600);
        let url = format!("{}/api/v1/query_exemplars?query={series}&start={start}&end={end}", self.url);
        eventually("Prometheus has the exemplar", PATIENCE, || async {
            let answer: Value = serde_json::from_str(&reqwest::get(&url).await?.text().await?)?;
            let series = answer["data"].as_array().into_iter().flatten();
            let mut exemplars =
                series.flat_map(|series| series["exemplars"].as_array().into_iter().flatten());
            ensure!(exemplars.any(|exemplar| exemplar["labels"]["trace_id"] == trace), "{answer}");
            Ok(())
        })
        .await
    }
}
