//! Files whose programs are not to be had here: schemas, and a checker of the keys that those programs read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use spoor_tests::python_environment;
use tokio::process::Command;

use crate::{deploy, files, name, succeeds};

/// The folder with the programs of an environment that has the validators.
async fn validators() -> Result<PathBuf> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deploy_files/requirements.txt");
    let python = python_environment("deploy_files", &requirements).await?;
    Ok(python.parent().context("an interpreter lies in a folder")?.to_owned())
}

#[tokio::test]
async fn what_grafana_loki_and_shippers_read_has_known_keys_only() -> Result<()> {
    let tools = validators().await?;
    let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deploy_files/check.py");
    succeeds(Command::new(tools.join("python")).arg(checker).arg(deploy())).await?;
    println!(
        "Grafana, Loki, Alloy and the OpenTelemetry Collector were not run: their files were compared with known keys"
    );
    Ok(())
}

#[tokio::test]
async fn kubernetes_and_compose_files_fit_their_schemas() -> Result<()> {
    let tools = validators().await?;
    for file in files("kubernetes", "yaml")? {
        // It is read by kubectl, not by the cluster.
        if name(&file) != "kustomization.yaml" {
            succeeds(
                Command::new(tools.join("kubernetes-validate")).args(["--strict", "-k", "1.33"]).arg(&file),
            )
            .await?;
        }
    }
    let mut check = Command::new(tools.join("check-jsonschema"));
    succeeds(check.args(["--builtin-schema", "vendor.compose-spec"]).args(files("compose", "yaml")?)).await?;
    println!("no cluster and no container engine was run: files were compared with their schemas");
    Ok(())
}

#[test]
fn the_container_is_built_in_stages_and_runs_as_nobody_special() -> Result<()> {
    let text = std::fs::read_to_string(deploy().join("container/Containerfile"))?;
    let stages = text.lines().filter(|line| line.starts_with("FROM ")).count();
    ensure!(stages == 2 && text.contains("COPY --from=build"), "one stage builds, one runs");
    ensure!(text.contains("USER 10001:10001"), "it does not run as root");
    ensure!(text.contains("ENTRYPOINT [\"/usr/bin/spoor\"]"), "its program is spoor");
    Ok(())
}
