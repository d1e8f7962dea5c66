//! Story: what `docs/openapi/v3.yaml` promises of API v3 is what the server does, for every question that schemathesis makes up from
//! it, good ones and bad ones. What it may find all the same is told, with the reason, in `scenarios/openapi/schemathesis.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use spoor_load::Protocol;
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor};
use tokio::process::Command;

/// The questions are the same each time.
const SEED: &str = "20";
/// Questions that are made up for each route, beside those of the examples and of each parameter's limits.
const QUESTIONS: &str = "25";

#[tokio::test(flavor = "multi_thread")]
async fn api_v3_does_what_its_description_promises() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let report = send(&to(&spoor, Protocol::OtlpGrpc, 1), requests(5, 600, 100)).await?;
    let (trace_id, _) = *keys_of(&report, |_| true).first().context("spans were sent")?;
    let (_, services) = spoor.query("/api/v3/services").await?;
    let service = services["services"][0].as_str().context("a service is there")?;

    // The examples of the description become those of this server, so that they find something.
    let description = std::fs::read_to_string(root().join("docs/openapi/v3.yaml")).context("read it")?;
    let example_id = "5b8efff798038103d269b633813fc60c";
    ensure!(description.contains(example_id) && description.contains("example: frontend"), "no examples");
    let described = description
        .replace(example_id, &trace_id.to_string())
        .replace("example: frontend", &format!("example: {service}"));
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("v3.yaml"), &described)?;
    ask(&spoor, folder.path(), true).await?;

    // Were the description another one, it would be noticed.
    let other = described.replace("required: [services]", "required: [services, nothing]");
    ensure!(other != described, "nothing was changed");
    std::fs::write(folder.path().join("v3.yaml"), other)?;
    ask(&spoor, folder.path(), false).await
}

/// Runs schemathesis over the `v3.yaml` in this folder; it has to find something or not.
async fn ask(spoor: &Spoor, folder: &Path, is_true: bool) -> Result<()> {
    let scenario = root().join("tests/scenarios/openapi");
    let interpreter = spoor_tests::python_environment("openapi", &scenario.join("requirements.txt")).await?;
    let output = Command::new(interpreter.with_file_name("schemathesis"))
        .arg("--config-file")
        .arg(scenario.join("schemathesis.toml"))
        .args(["run", "v3.yaml", "--url", &spoor.url("query-http"), "--seed", SEED])
        .args(["--max-examples", if is_true { QUESTIONS } else { "1" }])
        .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color"])
        .args(["--suppress-health-check", "all"])
        .current_dir(folder)
        .output()
        .await
        .context("run schemathesis")?;
    let found = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() == is_true, "{found}\n{}", String::from_utf8_lossy(&output.stderr));
    ensure!(is_true || found.contains("nothing"), "it found something else: {found}");
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
