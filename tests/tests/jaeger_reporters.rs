//! Story: applications with clients and exporters made for Jaeger, from their registries as they are, report to Spoor instead, by every wire
//! that they know; what they recorded comes back complete through Jaeger's API.
//! What each script prints is described in `spoor_tests::recorded`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use spoor_tests::recorded::sends_and_reads_back;
use spoor_tests::{Role, Spoor, jars, node_modules, python_environment};
use tokio::process::Command;
use tokio::sync::OnceCell;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

async fn collector() -> Result<Spoor> {
    Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await
}

async fn agent_of(collector: &Spoor) -> Result<Spoor> {
    let target = format!("--reporter.grpc.host-port={}", collector.address("jaeger-grpc"));
    Spoor::start(Role::Agent, &[&target]).await
}

async fn by_node(name: &str, args: &[&str]) -> Result<Command> {
    let modules = node_modules(name, &scenario(name)).await?;
    let mut client = Command::new("node");
    client.env("NODE_PATH", modules).arg(scenario(name).join("send.cjs")).args(args);
    Ok(client)
}

async fn by_python(wire: &str, address: &str) -> Result<Command> {
    static MADE: OnceCell<PathBuf> = OnceCell::const_new();
    let scenario = scenario("jaeger_exporter_python");
    let requirements = scenario.join("requirements.txt");
    let python = MADE.get_or_try_init(|| python_environment("jaeger_exporter_python", &requirements)).await?;
    let mut client = Command::new(python);
    client.args(["-W", "ignore"]).arg(scenario.join("send.py"));
    client.args([wire, address, &format!("python {wire}/ü")]);
    Ok(client)
}

#[tokio::test]
async fn jaegers_node_client_sends_by_udp_and_by_http() -> Result<()> {
    from_node("jaeger_client_node").await
}

#[tokio::test]
async fn opentelemetrys_node_exporter_for_jaeger_sends_by_udp_and_by_http() -> Result<()> {
    from_node("jaeger_exporter_node").await
}

async fn from_node(name: &str) -> Result<()> {
    let collector = collector().await?;
    let agent = agent_of(&collector).await?;
    let address = agent.address("jaeger-binary");
    let (host, port) = address.rsplit_once(':').context("HOST:PORT")?;
    let mut client = by_node(name, &["udp", host, port, "node udp/ü"]).await?;
    sends_and_reads_back(&collector, &mut client).await.context("by UDP")?;
    let url = format!("{}/api/traces", collector.url("jaeger-http"));
    let mut client = by_node(name, &["http", &url, "-", "node http/ü"]).await?;
    sends_and_reads_back(&collector, &mut client).await.map(drop).context("by HTTP")
}

#[tokio::test]
async fn jaegers_java_client_sends_by_udp_and_by_http() -> Result<()> {
    let scenario = scenario("jaeger_client_java");
    let jars = jars("jaeger_client_java", &scenario).await?;
    let collector = collector().await?;
    let agent = agent_of(&collector).await?;
    let address = agent.address("jaeger-compact");
    let (host, port) = address.rsplit_once(':').context("HOST:PORT")?;
    let url = format!("{}/api/traces", collector.url("jaeger-http"));
    for args in [["udp", host, port, "java udp/ü"], ["http", &url, "-", "java http/ü"]] {
        let mut client = Command::new("java");
        client.args(["-Xmx64m", "-cp"]).arg(jars.join("*")).arg(scenario.join("Send.java")).args(args);
        sends_and_reads_back(&collector, &mut client).await.with_context(|| format!("by {}", args[0]))?;
    }
    Ok(())
}

#[tokio::test]
async fn opentelemetrys_python_exporter_sends_thrift_by_http() -> Result<()> {
    let collector = collector().await?;
    let mut client = by_python("http", &collector.url("jaeger-http")).await?;
    sends_and_reads_back(&collector, &mut client).await.map(drop)
}

#[tokio::test]
async fn opentelemetrys_python_exporter_sends_thrift_by_udp() -> Result<()> {
    let collector = collector().await?;
    let agent = agent_of(&collector).await?;
    let mut client = by_python("udp", &agent.address("jaeger-compact")).await?;
    sends_and_reads_back(&collector, &mut client).await.map(drop)
}

#[tokio::test]
async fn opentelemetrys_python_exporter_sends_protobuf_by_grpc() -> Result<()> {
    let collector = collector().await?;
    let mut client = by_python("grpc", &collector.address("jaeger-grpc")).await?;
    sends_and_reads_back(&collector, &mut client).await.map(drop)
}
