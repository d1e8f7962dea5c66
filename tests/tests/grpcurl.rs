//! Story: somebody looks at the query's gRPC port with grpcurl, unmodified, who has no .proto files: reflection tells what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Deserializer, Value, json};
use spoor_load::Protocol;
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor};
use tokio::process::Command;

const V2: &str = "jaeger.api_v2.QueryService";
const V3: &str = "jaeger.api_v3.QueryService";

/// grpcurl before the query's port of one process.
struct Grpcurl {
    program: PathBuf,
    address: String,
}

impl Grpcurl {
    async fn before(spoor: &Spoor) -> Result<Self> {
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/grpcurl/requirements.txt");
        let interpreter = spoor_tests::python_environment("grpcurl", &requirements).await?;
        Ok(Self { program: interpreter.with_file_name("grpcurl"), address: spoor.address("query-grpc") })
    }

    /// Its arguments are flags, the address, and what is asked for.
    async fn run(&self, flags: &[&str], asked: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("-plaintext").args(flags).arg(&self.address).args(asked);
        let output = command.output().await.context("run grpcurl")?;
        let (said, complained) =
            (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
        ensure!(output.status.success(), "grpcurl {flags:?} {asked:?}: {said}{complained}");
        Ok(said)
    }

    async fn lines(&self, asked: &[&str]) -> Result<Vec<String>> {
        Ok(self.run(&[], asked).await?.lines().map(str::to_owned).collect())
    }

    /// Calls a method; its answers, one after the other.
    async fn call(&self, service: &str, method: &str, request: &Value) -> Result<Vec<Value>> {
        let said = self.run(&["-d", &request.to_string()], &[&format!("{service}/{method}")]).await?;
        Deserializer::from_str(&said).into_iter().collect::<Result<_, _>>().context("answers are JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_lists_describes_and_calls_both_services() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let report = send(&to(&spoor, Protocol::OtlpGrpc, 1), requests(41, 300, 50)).await?;
    let sent = keys_of(&report, |_| true);
    let (trace, _) = *sent.first().context("spans were sent")?;
    // Bytes are in base64 in grpcurl's JSON.
    let spans: BTreeSet<String> = sent
        .iter()
        .filter(|(of, _)| *of == trace)
        .map(|(_, span)| STANDARD.encode(span.to_bytes()))
        .collect();
    let grpcurl = Grpcurl::before(&spoor).await?;

    let services = grpcurl.lines(&["list"]).await?;
    ensure!([V2, V3, "grpc.health.v1.Health"].iter().all(|name| services.contains(&(*name).to_owned())));
    let methods = |service: &str| {
        ["FindTraces", "GetDependencies", "GetOperations", "GetServices", "GetTrace"]
            .map(|name| format!("{service}.{name}"))
    };
    for service in [V2, V3] {
        let listed = grpcurl.lines(&["list", service]).await?;
        ensure!(methods(service).iter().all(|method| listed.contains(method)), "{listed:?}");
    }
    let described = grpcurl.run(&[], &["describe", "jaeger.api_v2.Span"]).await?;
    ensure!(described.contains("bytes trace_id = 1") && described.contains("start_time = 6"), "{described}");

    let (_, known) = spoor.query("/api/services").await?;
    for service in [V2, V3] {
        let answer = grpcurl.call(service, "GetServices", &json!({})).await?;
        ensure!(answer.len() == 1 && answer[0]["services"] == known["data"], "{service}: {answer:?}");
    }
    let by_id = json!({"trace_id": STANDARD.encode(trace.to_bytes())});
    let chunks = grpcurl.call(V2, "GetTrace", &by_id).await?;
    ensure!(ids(&chunks, &["spans"]) == spans, "{chunks:?}");
    let by_id = json!({"trace_id": trace.to_string()});
    let messages = grpcurl.call(V3, "GetTrace", &by_id).await?;
    ensure!(ids(&messages, &["resourceSpans", "scopeSpans", "spans"]) == spans, "{messages:?}");

    let unknown = grpcurl.call(V3, "GetTrace", &json!({"trace_id": "7"})).await.expect_err("nobody knows it");
    ensure!(unknown.to_string().contains("Code: NotFound"), "{unknown}");
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}

/// The ids of the spans in all answers, where the path of lists leads.
fn ids(answers: &[Value], path: &[&str]) -> BTreeSet<String> {
    let Some((name, rest)) = path.split_first() else {
        let id = |span: &Value| span["spanId"].as_str().unwrap_or_default().to_owned();
        return answers.iter().map(id).collect();
    };
    let below = |answer: &Value| ids(answer[name].as_array().map_or(&[], Vec::as_slice), rest);
    answers.iter().flat_map(below).collect()
}
