//! Story: `spoor retention policy` brings a lifecycle policy to what is wanted, once, on a server with ILM and on one with ISM, and leaves somebody
//! else's alone. The servers are scripted: those that tests can have know neither.

use std::process::Output;
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use spoor_tests::binary;
use tokio::net::TcpListener;
use tokio::process::Command;

/// A server with one place for a policy.
struct Server {
    greeting: Value,
    policy: Mutex<Option<Value>>,
    written: Mutex<u32>,
}

impl Server {
    /// Listens; its address.
    async fn start(version: &str, tagline: &str) -> Result<(Arc<Self>, String)> {
        let greeting = json!({"version": {"number": version}, "tagline": tagline});
        let server = Arc::new(Self { greeting, policy: Mutex::default(), written: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((server, address))
    }

    fn written(&self) -> u32 {
        self.written.lock().map(|count| *count).unwrap_or_default()
    }
}

async fn answer(State(server): State<Arc<Server>>, method: Method, uri: Uri, body: String) -> Response {
    let (path, mut held) = (uri.path(), server.policy.lock().expect("no test panics with it"));
    let is_ism = path == "/_plugins/_ism/policies/traces";
    match (method, held.as_ref()) {
        (Method::GET, _) if path == "/" => Json(server.greeting.clone()).into_response(),
        (Method::GET, Some(policy)) if is_ism => {
            Json(json!({"_id": "traces", "_seq_no": 3, "_primary_term": 1, "policy": policy})).into_response()
        }
        (Method::GET, Some(policy)) if path == "/_ilm/policy/traces" => {
            Json(json!({"traces": {"version": 1, "policy": policy}})).into_response()
        }
        (Method::PUT, before) if is_ism || path == "/_ilm/policy/traces" => {
            let query = before.filter(|_| is_ism).map(|_| "if_seq_no=3&if_primary_term=1");
            if uri.query() != query {
                return (StatusCode::CONFLICT, "another version").into_response();
            }
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            *held = Some(body["policy"].clone());
            *server.written.lock().expect("no test panics with it") += 1;
            Json(json!({"acknowledged": true})).into_response()
        }
        _ => (StatusCode::NOT_FOUND, Json(json!({"error": "no such policy"}))).into_response(),
    }
}

async fn policy(address: &str, args: &[&str]) -> Result<Output> {
    let command = Command::new(binary()?)
        .args(["retention", "policy", "--es.ilm-policy-name=traces", "--es.index-prefix=prod"])
        .arg(format!("--es.server-urls={address}"))
        .args(args)
        .output();
    Ok(command.await?)
}

fn ends_with(output: &Output, status: i32, said: &str) -> Result<()> {
    let all =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.code() == Some(status) && all.contains(said), "{}: {all}", output.status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_written_once_checked_and_replaced_where_it_is_ours() -> Result<()> {
    for (version, tagline) in [("8.5.0", "You Know, for Search"), ("3.8.0", "The OpenSearch Project")] {
        let (server, address) = Server::start(version, tagline).await?;
        let check = ["--retention.days=14", "--check"];
        ends_with(&policy(&address, &check).await?, 4, "is not there")?;
        ends_with(&policy(&address, &["--retention.days=14"]).await?, 0, "was written")?;
        ends_with(&policy(&address, &["--retention.days=14"]).await?, 0, "is as it is wanted")?;
        ends_with(&policy(&address, &check).await?, 0, "is as it is wanted")?;
        ensure!(server.written() == 1, "twice is as once");

        let differs = policy(&address, &["--retention.days=7", "--check", "--output=json"]).await?;
        let report: Value = serde_json::from_slice(&differs.stdout)?;
        ensure!(differs.status.code() == Some(4) && report["state"] == "differs", "{report}");
        let difference = &report["differences"][0];
        ensure!(difference["is"] == "\"14d\"" && difference["wanted"] == "\"7d\"", "{report}");
        ensure!(server.written() == 1, "a check writes nothing");
        ends_with(&policy(&address, &["--retention.days=7"]).await?, 0, "in the place of another")?;
        ensure!(server.written() == 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_policy_is_replaced_only_by_force() -> Result<()> {
    let (server, address) = Server::start("8.5.0", "You Know, for Search").await?;
    *server.policy.lock().expect("no test panics with it") =
        Some(json!({"phases": {"hot": {"min_age": "0ms", "actions": {}}}}));
    ends_with(&policy(&address, &["--retention.days=14"]).await?, 1, "--force")?;
    ensure!(server.written() == 0);
    ends_with(&policy(&address, &["--retention.days=14", "--force"]).await?, 0, "in the place of another")?;
    ends_with(&policy(&address, &["--retention.days=14", "--check"]).await?, 0, "is as it is wanted")?;
    ends_with(
        &policy(&address, &["--retention.days=14", "--check", "--force"]).await?,
        2,
        "--retention.check",
    )?;
    ends_with(&policy(&address, &[]).await?, 2, "--retention.days")?;
    let never = ["--retention.days=14", "--retention.conditions={}"];
    ends_with(&policy(&address, &never).await?, 1, "without a condition")
}
