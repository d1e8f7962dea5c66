//! Story: an application with Jaeger's own client for Python (4.8.0, its last), unmodified, beside an agent in front of a collector: its trace
//! arrives complete by UDP, and it is told how to sample.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::json;
use spoor_tests::recorded::sends_and_reads_back;
use spoor_tests::{Role, Spoor, python_environment};
use tokio::process::Command;

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/jaeger_client_python")
}

#[tokio::test]
async fn a_trace_of_jaegers_python_client_arrives_complete_and_the_client_is_told_how_to_sample() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let strategies = folder.path().join("strategies.json");
    std::fs::write(&strategies, r#"{"default_strategy":{"type":"probabilistic","param":0.75}}"#)?;
    let strategies = format!("--sampling.strategies-file={}", strategies.display());
    let collector = Spoor::start(Role::AllInOne, &[&strategies]).await?;
    let target = format!("--reporter.grpc.host-port={}", collector.address("jaeger-grpc"));
    let agent = Spoor::start(Role::Agent, &[&target]).await?;
    let python = python_environment("jaeger_client_python", &scenario().join("requirements.txt")).await?;
    let port = |listener: &str| agent.address(listener).rsplit(':').next().unwrap_or_default().to_owned();
    let mut client = Command::new(python);
    client.arg(scenario().join("send.py"));
    client.args(["127.0.0.1", &port("jaeger-compact"), &port("sampling-http"), "py shop"]);
    let told = sends_and_reads_back(&collector, &mut client).await?;
    ensure!(told["rate"] == json!(0.75), "the client was told: {told}");
    Ok(())
}
