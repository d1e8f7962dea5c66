//! Story: an Elasticsearch with security switched on takes spans from whoever says who they are: by password, API key, token or
//! certificate. Who may only read reads, and is told why nothing is written; a key that is withdrawn is replaced without a restart.

mod administrator;

use std::time::Duration;

use administrator::Administrator;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::SecuredElasticsearch;

const PATIENCE: Duration = Duration::from_secs(60);
/// The indices of everything this story writes.
const INDICES: &str = "*jaeger-*";
const READERS_PASSWORD: &str = "readers-secret";

async fn start(role: Role, server: &SecuredElasticsearch, prefix: &str, who: &[String]) -> Result<Spoor> {
    let settings = [
        format!("--es.server-urls={}", server.url()),
        format!("--es.version={}", server.version()),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
        "--es.tls.enabled".to_owned(),
    ];
    let patience = (role == Role::Collector).then_some("--collector.write-timeout=3s");
    let settings: Vec<&str> = settings.iter().chain(who).map(String::as_str).chain(patience).collect();
    Spoor::start(role, &settings).await
}

/// Sends one span: the status and the text of the answer.
async fn send(collector: &Spoor) -> Result<(u16, String)> {
    let start = now().0;
    let span = json!({"traceId": format!("{:032x}", 7), "spanId": format!("{:016x}", 1), "name": "op", "kind": 2,
                      "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_000).to_string()});
    let name = json!([{"key": "service.name", "value": {"stringValue": "shop"}}]);
    let body =
        json!({"resourceSpans": [{"resource": {"attributes": name}, "scopeSpans": [{"spans": [span]}]}]});
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    let answer = reqwest::Client::new().post(url).json(&body).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// At once or, while the store makes the indices for it or a new key is not read yet, by and by.
async fn is_stored(collector: &Spoor) -> Result<()> {
    eventually("the span is stored", PATIENCE, || async {
        let (status, answer) = send(collector).await?;
        ensure!(status == 200 && !answer.contains("rejected"), "{status}: {answer}");
        Ok(())
    })
    .await
}

/// The sender is told to come again; whoever runs the collector reads in its log what is wrong.
async fn is_refused(collector: &Spoor, why: &[&str]) -> Result<()> {
    eventually("the write is refused", PATIENCE, || async {
        let (status, answer) = send(collector).await?;
        let log = collector.log();
        let told = log.lines().any(|line| why.iter().all(|part| line.contains(part)));
        ensure!(status == 503 && told, "{status}: {answer}\n{log}");
        Ok(())
    })
    .await
}

/// Roles, a user who may only read, who the client's certificate belongs to, and the ways that need a trial license.
async fn set_up(administrator: &Administrator) -> Result<()> {
    eventually("the store is healthy", PATIENCE, || async {
        administrator.tell("GET /_cluster/health?wait_for_status=yellow&timeout=1s", &Value::Null).await
    })
    .await?;
    let writes = json!({"cluster": ["monitor", "manage_index_templates"], "indices": [{"names": [INDICES], "privileges": ["all"]}]});
    let reads = json!({"cluster": ["monitor"], "indices": [{"names": [INDICES], "privileges": ["read", "view_index_metadata"]}]});
    let client = json!({"enabled": true, "roles": ["writes"], "rules": {"field": {"dn": "CN=spoor-client"}}});
    let reader = json!({"password": READERS_PASSWORD, "roles": ["reads"]});
    for (line, body) in [
        ("POST /_license/start_trial?acknowledge=true", Value::Null),
        ("PUT /_security/role/writes", writes),
        ("PUT /_security/role/reads", reads),
        ("PUT /_security/user/reader", reader),
        ("PUT /_security/role_mapping/client", client),
    ] {
        administrator.tell(line, &body).await?;
    }
    Ok(())
}

async fn new_key(administrator: &Administrator, name: &str) -> Result<String> {
    let answer = administrator.tell("POST /_security/api_key", &json!({"name": name})).await?;
    Ok(answer["encoded"].as_str().context("a key")?.to_owned())
}

/// Writes with these settings and reads what was written; none of the secrets is logged.
async fn writes_and_reads(
    administrator: &Administrator,
    server: &SecuredElasticsearch,
    prefix: &str,
    who: &[String],
    secret: &str,
) -> Result<Spoor> {
    let collector = start(Role::Collector, server, prefix, who).await?;
    collector.ready().await.with_context(|| format!("with {prefix}"))?;
    is_stored(&collector).await.with_context(|| format!("with {prefix}"))?;
    administrator.tell(&format!("POST /{prefix}-*/_refresh"), &Value::Null).await?;
    let query = start(Role::Query, server, prefix, who).await?;
    query.ready().await?;
    let (status, trace) = query.query("/api/traces/7").await?;
    ensure!(status == 200 && trace["data"][0]["spans"][0]["operationName"] == "op", "{prefix}: {trace}");
    let log = [collector.log(), query.log()].concat();
    ensure!(!log.contains(secret), "a secret is logged: {log}");
    Ok(collector)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_who_they_are_is_served_and_who_may_only_read_is_told_why_nothing_is_written()
-> Result<()> {
    let (administrator, server) = Administrator::with_store().await?;
    set_up(&administrator).await?;
    let trusting = format!("--es.tls.ca={}", administrator.path("ca.pem"));
    let with = |flags: &[String]| [std::slice::from_ref(&trusting), flags].concat();

    let password = administrator.file("password", SecuredElasticsearch::PASSWORD)?;
    let user = format!("--es.username={}", SecuredElasticsearch::USER);
    let by_password = with(&[user, format!("--es.password-file={password}")]);
    writes_and_reads(&administrator, &server, "password", &by_password, SecuredElasticsearch::PASSWORD)
        .await?;

    let grant = json!({"grant_type": "client_credentials"});
    let granted = administrator.tell("POST /_security/oauth2/token", &grant).await?;
    let token = granted["access_token"].as_str().context("a token")?;
    let by_token = with(&[format!("--es.token-file={}", administrator.file("token", token)?)]);
    writes_and_reads(&administrator, &server, "token", &by_token, token).await?;
    whoever_asks_is_who_reads(&server, &trusting, token).await?;

    let (certificate, key) = (administrator.path("client.crt"), administrator.path("client.key"));
    let by_certificate = with(&[format!("--es.tls.cert={certificate}"), format!("--es.tls.key={key}")]);
    let secret = std::fs::read_to_string(&key)?;
    let secret = secret.lines().nth(1).context("a key has lines")?;
    writes_and_reads(&administrator, &server, "certificate", &by_certificate, secret).await?;

    let key = new_key(&administrator, "old").await?;
    let by_key = with(&[format!("--es.api-key-file={}", administrator.file("key", &key)?)]);
    let collector = writes_and_reads(&administrator, &server, "key", &by_key, &key).await?;
    a_withdrawn_key_is_replaced(&administrator, &collector).await?;

    let password = administrator.file("readers", READERS_PASSWORD)?;
    let reader = with(&["--es.username=reader".to_owned(), format!("--es.password-file={password}")]);
    a_reader_reads_and_does_not_write(&server, &reader).await
}

/// A query without credentials of its own passes on what its callers bring: who brings nothing, or what nobody gave out, reads nothing.
async fn whoever_asks_is_who_reads(server: &SecuredElasticsearch, trusting: &str, token: &str) -> Result<()> {
    let passing = ["--query.bearer-token-propagation", "--es.bearer-token-propagation", trusting];
    let query = start(Role::Query, server, "token", &passing.map(str::to_owned)).await?;
    let ask = async |token: Option<&str>| -> Result<(u16, String)> {
        let question = reqwest::Client::new().get(format!("{}/api/traces/7", query.url("query-http")));
        let question = match token {
            Some(token) => question.bearer_auth(token),
            None => question,
        };
        let answer = question.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    };
    let (status, answer) = ask(Some(token)).await?;
    ensure!(status == 200 && answer.contains("\"op\""), "with the user's token: {status}: {answer}");
    for stranger in [None, Some("of-nobody")] {
        let (status, answer) = ask(stranger).await?;
        ensure!(status >= 400 && answer.contains("401"), "{stranger:?} reads nothing: {status}: {answer}");
    }
    let log = query.log();
    ensure!(!log.contains(token) && !log.contains("of-nobody"), "a token is logged: {log}");
    Ok(())
}

async fn a_withdrawn_key_is_replaced(administrator: &Administrator, collector: &Spoor) -> Result<()> {
    administrator.tell("DELETE /_security/api_key", &json!({"name": "old"})).await?;
    is_refused(collector, &["401", "check --es.api-key-file"]).await?;
    administrator.file("key", &new_key(administrator, "new").await?)?;
    is_stored(collector).await
}

/// The indices of the first way are there to be read.
async fn a_reader_reads_and_does_not_write(server: &SecuredElasticsearch, reader: &[String]) -> Result<()> {
    let query = start(Role::Query, server, "password", reader).await?;
    query.ready().await?;
    let (status, trace) = query.query("/api/traces/7").await?;
    ensure!(status == 200, "{trace}");
    // As it is, the collector does not get ready, since it may make no templates.
    let collector = start(Role::Collector, server, "password", reader).await?;
    eventually("the role is refused", PATIENCE, || async {
        let answer = reqwest::get(collector.url("admin")).await?;
        let (status, body) = (answer.status().as_u16(), answer.text().await?);
        ensure!(status == 503 && body.contains("403") && body.contains("unauthorized"), "{status}: {body}");
        Ok(())
    })
    .await?;
    // With templates that somebody else made, nothing is stored.
    let more = ["--es.create-index-templates=false".to_owned()];
    let collector = start(Role::Collector, server, "password", &[reader, &more].concat()).await?;
    is_refused(&collector, &["403", "unauthorized for user [reader]"]).await
}
