//! Story: remote samplers from their registries, as they are, ask and do what the file says.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_tests::{Role, Spoor, jars, node_modules, python_environment};
use tokio::process::Command;

/// Rules that show in the shares of recorded traces.
const STRATEGIES: &str = r#"{
    "default_strategy": {"type": "probabilistic", "param": 0.25},
    "service_strategies": [
        {"service": "by-operation", "type": "probabilistic", "param": 0.5, "operation_strategies": [
            {"operation": "never", "type": "probabilistic", "param": 0},
            {"operation": "always", "type": "probabilistic", "param": 1}]},
        {"service": "limited", "type": "ratelimiting", "param": 3}]}"#;

/// Of thousands of traces at once, a limited or forbidden operation gets these few at most.
const HARDLY_ANY: f64 = 0.01;

struct Server {
    spoor: Spoor,
    _folder: tempfile::TempDir,
}

async fn start() -> Result<Server> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("strategies.json");
    std::fs::write(&path, STRATEGIES)?;
    let file = format!("--sampling.strategies-file={}", path.display());
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory", &file]).await?;
    Ok(Server { spoor, _folder: folder })
}

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

/// Runs a client, and looks at the shares of `never`, `always` and `other` that it records.
async fn records(server: &Server, client: &mut Command, expected: [f64; 3]) -> Result<()> {
    let output = client.output().await.with_context(|| format!("run {client:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{client:?} failed: {errors}\nlog:\n{}", server.spoor.log());
    let shares: Value = serde_json::from_slice(&output.stdout).context("the client prints JSON")?;
    for (operation, expected) in ["never", "always", "other"].into_iter().zip(expected) {
        let share = shares[operation].as_f64().context("a share")?;
        // Four times the standard deviation of 4,000 throws, and more.
        let is_as_expected = match expected {
            HARDLY_ANY => share <= HARDLY_ANY,
            expected => (share - expected).abs() < 0.04,
        };
        ensure!(is_as_expected, "{client:?}: {operation} is recorded to {share}, expected {expected}");
    }
    Ok(())
}

const BY_OPERATION: [f64; 3] = [HARDLY_ANY, 1.0, 0.5];
const ALL_ALIKE: [f64; 3] = [0.25; 3];
const LIMITED: [f64; 3] = [HARDLY_ANY; 3];

#[tokio::test]
async fn the_remote_sampler_of_opentelemetry_for_java_does_as_it_is_told_by_grpc() -> Result<()> {
    let jars = jars("sampling_java", &scenario("sampling_java")).await?;
    let server = start().await?;
    for listener in ["jaeger-grpc", "sampling-grpc"] {
        for (service, shares) in [("any", ALL_ALIKE), ("by-operation", BY_OPERATION), ("limited", LIMITED)] {
            let mut java = Command::new("java");
            java.arg("-cp").arg(jars.join("*")).arg(scenario("sampling_java").join("Sample.java"));
            java.args([&server.spoor.url(listener), service]);
            records(&server, &mut java, shares).await.with_context(|| format!("{service} on {listener}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_remote_sampler_of_opentelemetry_for_node_does_as_it_is_told_by_http() -> Result<()> {
    let modules = node_modules("sampling_node", &scenario("sampling_node")).await?;
    let server = start().await?;
    // It knows no limits of rate.
    for (service, shares) in [("any", ALL_ALIKE), ("by-operation", BY_OPERATION)] {
        for path in ["", "/api"] {
            let mut node = Command::new("node");
            node.env("NODE_PATH", &modules).arg(scenario("sampling_node").join("sample.cjs"));
            node.args([&format!("{}{path}", server.spoor.url("sampling-http")), service]);
            records(&server, &mut node, shares).await.with_context(|| format!("{service} at {path}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_remote_sampler_of_jaegers_python_client_does_as_it_is_told_by_http() -> Result<()> {
    let requirements = scenario("sampling_python").join("requirements.txt");
    let python = python_environment("sampling_python", &requirements).await?;
    let server = start().await?;
    let address = server.spoor.address("sampling-http");
    let (host, port) = address.rsplit_once(':').context("HOST:PORT")?;
    for (service, shares) in [("any", ALL_ALIKE), ("by-operation", BY_OPERATION), ("limited", LIMITED)] {
        let mut client = Command::new(&python);
        client.arg(scenario("sampling_python").join("sample.py")).args([host, port, service]);
        records(&server, &mut client, shares).await.with_context(|| service.to_owned())?;
    }
    Ok(())
}

#[tokio::test]
async fn the_remote_sampler_of_jaegers_node_client_does_as_it_is_told_by_http() -> Result<()> {
    let modules = node_modules("jaeger_client_node", &scenario("jaeger_client_node")).await?;
    let server = start().await?;
    for (service, shares) in [("any", ALL_ALIKE), ("by-operation", BY_OPERATION), ("limited", LIMITED)] {
        let mut node = Command::new("node");
        node.env("NODE_PATH", &modules).arg(scenario("jaeger_client_node").join("sample.cjs"));
        node.args([&server.spoor.address("sampling-http"), service]);
        records(&server, &mut node, shares).await.with_context(|| service.to_owned())?;
    }
    Ok(())
}
