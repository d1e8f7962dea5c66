//! The story of the doors: who comes in (TLS, certificates of clients, tenants), and what is written down of those who did.

mod certificates;
mod grpc;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use spoor_tests::authority::Authority;
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, binary, eventually};
use tokio::process::Command;

const MEMORY: &str = "--span-storage.type=memory";

/// One span as OTLP's JSON.
fn span(trace: &str, service: &str) -> Value {
    let time = now().0.to_string();
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"spans": [{
            "traceId": trace, "spanId": "eee19b7ec3c1b174", "name": "checkout", "startTimeUnixNano": time, "endTimeUnixNano": time,
            "attributes": [{"key": "card", "value": {"stringValue": "sesame"}}],
        }]}],
    }]})
}

async fn post(spoor: &Spoor, tenant: Option<&str>, span: &Value) -> Result<u16> {
    let request = Client::new().post(format!("{}/v1/traces", spoor.url("otlp-http"))).json(span);
    let request = tenant.into_iter().fold(request, |request, tenant| request.header("x-tenant", tenant));
    Ok(request.send().await?.status().as_u16())
}

async fn get(spoor: &Spoor, tenants: &[&str], path: &str) -> Result<(u16, String)> {
    let request = Client::new().get(format!("{}{path}", spoor.url("query-http")));
    let request = tenants.iter().fold(request, |request, tenant| request.header("x-tenant", *tenant));
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_see_their_own_traces_and_nobody_else_sees_anything() -> Result<()> {
    let spoor = Spoor::start(
        Role::AllInOne,
        &[
            MEMORY,
            "--multi-tenancy.enabled",
            "--multi-tenancy.tenants=red,blue",
            "--reporter.grpc.tenant=red",
        ],
    )
    .await?;
    spoor.ready().await?;
    let trace = "5b8efff798038103d269b633813fc60c";
    ensure!(post(&spoor, Some("red"), &span(trace, "reds")).await? == 200, "a tenant's span is taken");
    ensure!(post(&spoor, None, &span(trace, "nobodys")).await? == 401, "nobody's is not");
    ensure!(post(&spoor, Some("green"), &span(trace, "greens")).await? == 401, "nor a stranger's");

    let (status, services) = get(&spoor, &["red"], "/api/services").await?;
    ensure!(status == 200 && services.contains(r#"["reds"]"#), "{status} {services}");
    let (status, _) = get(&spoor, &["red"], &format!("/api/traces/{trace}")).await?;
    ensure!(status == 200, "its own trace: {status}");
    let (status, services) = get(&spoor, &["blue"], "/api/services").await?;
    ensure!(status == 200 && !services.contains("reds"), "{status} {services}");
    let (status, _) = get(&spoor, &["blue"], &format!("/api/traces/{trace}")).await?;
    ensure!(status == 404, "another's trace: {status}");
    for (tenants, text) in [
        (&[][..], "missing tenant header\n"),
        (&["green"], "unknown tenant\n"),
        (&["red", "blue"], "extra tenant header\n"),
    ] {
        for path in ["/", "/search", "/api/services", "/api/nothing"] {
            let refused = get(&spoor, tenants, path).await?;
            ensure!(refused == (401, text.to_owned()), "{path} {tenants:?}: {refused:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_under_a_running_query() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("query", "old.test")?;
    let flags = authority.flags("query.http", "query");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let spoor = Spoor::start(
        Role::AllInOne,
        &[&[MEMORY, "--query.http.tls.reload-interval=50ms"], &flags[..]].concat(),
    )
    .await?;
    spoor.ready().await?;
    let address = spoor.address("query-http");
    let ask = async |name| authority.get(&address, "/api/services", name, None).await;
    ensure!(ask("old.test").await?.0 == 200, "the first certificate");
    ensure!(ask("new.test").await.is_err(), "is of no other name");
    let plain = reqwest::get(spoor.url("query-http")).await;
    ensure!(plain.is_err(), "nothing is served in plain: {plain:?}");
    authority.issue("query", "new.test")?;
    eventually("the renewed certificate", Duration::from_secs(20), || async {
        ask("new.test").await.map(drop)
    })
    .await?;
    // The port has the new one a moment before it is told.
    eventually("and it is told", Duration::from_secs(20), || async {
        ensure!(spoor.log().contains("the TLS files have changed"), "{}", spoor.log());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_with_an_authority_of_clients_serve_its_clients_alone() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("server", "server.test")?;
    authority.issue("client", "client.test")?;
    let ports = [
        ("query.http", "query-http", "/api/services"),
        ("collector.otlp.http", "otlp-http", "/nothing"),
        ("collector.zipkin", "zipkin", "/nothing"),
    ];
    let mut flags = vec![MEMORY.to_owned(), "--collector.zipkin.host-port=127.0.0.1:0".to_owned()];
    for (port, ..) in ports {
        flags.extend(authority.flags(port, "server"));
        flags.push(format!("--{port}.tls.client-ca={}", authority.path("ca")));
    }
    let spoor = Spoor::start(Role::AllInOne, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    spoor.ready().await?;
    for (port, listener, path) in ports {
        let address = spoor.address(listener);
        let answer = authority.get(&address, path, "server.test", Some("client")).await?;
        ensure!(answer.0 < 500, "{port}: {answer:?}");
        let refused = authority.get(&address, path, "server.test", None).await;
        ensure!(refused.is_err(), "{port} serves a client without a certificate: {refused:?}");
    }
    Ok(())
}

#[tokio::test]
async fn half_a_setting_of_tls_stops_the_start_and_says_what_is_missing() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("server", "server.test")?;
    let ports = [
        "query.http",
        "collector.grpc",
        "collector.otlp.grpc",
        "collector.otlp.http",
        "collector.zipkin",
        "admin.http",
    ];
    for port in ports {
        let [enabled, cert, _] = authority.flags(port, "server");
        for (args, hint) in [
            (&[&enabled, &cert][..], format!("--{port}.tls.key=FILE")),
            (&[&cert], format!("no effect without --{port}.tls.enabled")),
        ] {
            let output =
                Command::new(binary()?).args(["all-in-one", "--check-config"]).args(args).output().await?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(!output.status.success() && said.contains(&hint), "{args:?}: {said}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_of_questions_and_of_none_of_their_values() -> Result<()> {
    let spoor =
        Spoor::start(Role::AllInOne, &[MEMORY, "--query.access-log", "--query.slow-query-threshold=1ns"])
            .await?;
    spoor.ready().await?;
    ensure!(post(&spoor, None, &span("5b8efff798038103d269b633813fc60c", "hush")).await? == 200);
    let search = "/api/traces?service=hush&tags=%7B%22card%22%3A%22sesame%22%7D&lookback=1h&limit=7";
    let (status, answer) = get(&spoor, &[], search).await?;
    ensure!(status == 200 && answer.contains("sesame"), "{status} {answer}");
    let lines = || {
        let log = spoor.log();
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let with = |message: &str| lines.iter().find(|line| line["message"] == message).cloned();
        with("access").zip(with("a slow question")).context(log)
    };
    eventually("both lines", Duration::from_secs(20), || async { lines().map(drop) }).await?;
    let (access, slow) = lines()?;
    ensure!(
        access["path"] == "/api/traces" && access["parameters"] == "service&tags&lookback&limit",
        "{access}"
    );
    ensure!(
        access["status"] == 200 && access["bytes"] == answer.len() && access["whole"] == true,
        "{access}"
    );
    let shape = slow["question"].as_str().context("a question has a shape")?;
    ensure!(shape == "find_traces by service tags=1 window=172800s limit=7", "{shape}");
    ensure!(slow["succeeded"] == true && slow["traces"] == 1 && slow["spans"] == 1, "{slow}");
    let raw = "/api/traces/5b8efff798038103d269b633813fc60c?raw=true";
    let (status, answer) = get(&spoor, &[], raw).await?;
    ensure!(status == 200 && answer.contains("sesame"), "{status} {answer}");
    eventually("the trace that was sent as it was read", Duration::from_secs(20), || async {
        let log = spoor.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let slow = lines.find(|line| line["question"] == "get_trace ids=1 raw").context("it is not there")?;
        ensure!(slow["succeeded"] == true && slow["traces"] == 1 && slow["spans"] == 1, "{slow}");
        Ok(())
    })
    .await?;
    let log = spoor.log();
    ensure!(!log.contains("sesame") && !log.contains("hush"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_asks_an_admin_port_that_speaks_tls() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("admin", "admin.test")?;
    authority.issue("probe", "probe.test")?;
    let mut flags = vec![MEMORY.to_owned(), format!("--admin.http.tls.client-ca={}", authority.path("ca"))];
    flags.extend(authority.flags("admin.http", "admin"));
    let spoor = Spoor::start(Role::AllInOne, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let address = spoor.address("admin");
    let file = |flag: &str, name: &str| format!("--tls.{flag}={}", authority.path(name));
    let (ca, cert, key) = (file("ca", "ca"), file("cert", "probe.crt"), file("key", "probe.key"));
    let check = async |args: &[&str]| {
        Command::new(binary()?)
            .args(["healthcheck", "--address", &address])
            .args(args)
            .output()
            .await
            .context("run it")
    };
    let name = "--tls.server-name=admin.test";
    eventually("the check says yes", Duration::from_secs(20), || async {
        let output = check(&[&ca, name, &cert, &key]).await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })
    .await?;
    for (args, about) in [
        (&[][..], "http://"),
        (&[&*ca, name], "https://"),
        (&[&*ca, &*cert, &*key], "certificate"),
        (&[&*key, name], "--tls.ca"),
        (&[&*file("ca", "probe.key"), name, &*cert, &*key], "--tls.ca="),
    ] {
        let output = check(args).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && said.contains(about), "{args:?}: {said}");
        ensure!(!said.contains("PRIVATE KEY"), "{said}");
    }
    Ok(())
}
