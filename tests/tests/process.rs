//! Story: the program's manners. It says what it is, checks its settings, tells whether it is ready, counts, drains.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::{Protocol, SendConfig};
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, binary, eventually};
use tokio::process::Command;

async fn run(args: &[&str]) -> Result<Output> {
    Command::new(binary()?).args(args).output().await.context("run spoor")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn the_all_in_one_answers_health_metrics_version_and_a_page() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    spoor.ready().await?;
    let admin = spoor.url("admin");
    let health: serde_json::Value = reqwest::get(&admin).await?.json().await?;
    ensure!(health["status"] == "Server available" && health["upSince"].is_string(), "{health}");
    let version: serde_json::Value = reqwest::get(format!("{admin}/version")).await?.json().await?;
    ensure!(version["gitVersion"].as_str().is_some_and(|version| version.starts_with('v')), "{version}");

    let classic = reqwest::get(format!("{admin}/metrics")).await?;
    ensure!(
        classic.headers()["content-type"] == "text/plain; version=0.0.4; charset=utf-8",
        "{:?}",
        classic.headers()
    );
    ensure!(
        classic.text().await?.contains("# TYPE spoor_collector_spans_received_total counter"),
        "classic names"
    );
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    ensure!(
        spoor.metrics().await?.sum("spoor_build_info", "commit=") == 1.0,
        "it says what it was built from"
    );
    ensure!(
        spoor.metrics().await?.sum("jaeger_build_info", "revision=") == 1.0,
        "as Jaeger's all-in-one says it"
    );
    let open = reqwest::Client::new().get(format!("{admin}/metrics")).header("accept", accept).send().await?;
    ensure!(
        open.headers()["content-type"].to_str()?.starts_with("application/openmetrics-text; version=1.0.0")
    );
    ensure!(open.text().await?.ends_with("# EOF\n"), "OpenMetrics ends so");

    let page = reqwest::get(spoor.url("query-http")).await?.text().await?;
    ensure!(page.contains("Spoor") && page.contains("/api/services"), "{page}");
    let address = spoor.address("admin");
    let asked = run(&["healthcheck", "--address", &address]).await?;
    ensure!(asked.status.success(), "{}", text(&asked.stderr));
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{ended:?}");
    let asked = run(&["healthcheck", "--address", &address]).await?;
    ensure!(
        asked.status.code() == Some(1) && text(&asked.stderr).contains(&address),
        "{}",
        text(&asked.stderr)
    );
    Ok(())
}

/// The store and the collectors that they would talk to need not be there: a role says what it is from its start.
#[tokio::test]
async fn every_role_says_what_it_was_built_from_under_the_name_of_jaegers_program() -> Result<()> {
    for (role, name, more) in [
        (Role::Agent, "jaeger_agent_build_info", "--reporter.grpc.host-port=127.0.0.1:1"),
        (Role::Collector, "jaeger_collector_build_info", "--es.server-urls=http://127.0.0.1:1"),
        (Role::Ingester, "jaeger_ingester_build_info", "--kafka.consumer.brokers=127.0.0.1:1"),
        (Role::Query, "jaeger_query_build_info", "--es.server-urls=http://127.0.0.1:1"),
    ] {
        let spoor = Spoor::start(role, &[more]).await?;
        let metrics = spoor.metrics().await?;
        ensure!(metrics.sum(name, "revision=") == 1.0, "{name}");
        ensure!(metrics.sum("spoor_build_info", "commit=") == 1.0, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn every_wire_of_the_generator_reaches_the_all_in_one() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    for (protocol, listener) in [
        ("otlp-grpc", "otlp-grpc"),
        ("otlp-http", "otlp-http"),
        ("otlp-http-json", "otlp-http"),
        ("jaeger-grpc", "jaeger-grpc"),
        ("jaeger-http", "jaeger-http"),
    ] {
        let args = ["generate", "--traces=20", "--protocol", protocol, "--endpoint", &spoor.url(listener)];
        let output = run(&args).await?;
        let said = text(&output.stdout);
        ensure!(
            output.status.success() && said.contains("acknowledged"),
            "{protocol}: {said}{}",
            text(&output.stderr)
        );
    }
    let (status, services) = spoor.query("/api/services").await?;
    ensure!(status == 200 && services["total"].as_u64().is_some_and(|total| total > 10), "{services}");
    let service = services["data"][0].as_str().context("a service")?;
    let (status, found) = spoor.query(&format!("/api/traces?service={service}&limit=3")).await?;
    ensure!(status == 200 && found["data"].as_array().is_some_and(|traces| !traces.is_empty()), "{found}");
    Ok(())
}

#[tokio::test]
async fn a_stop_signal_finishes_the_work_in_flight() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    // Nobody is there after the stop: a repetition would only wait.
    let config = SendConfig { retry_for: Duration::ZERO, ..to(&spoor, Protocol::OtlpGrpc, 4) };
    let load = tokio::spawn(async move { send(&config, requests(1, 60_000, 200)).await });
    eventually("spans are stored", Duration::from_secs(30), || async {
        ensure!(spoor.metrics().await?.sum("spoor_collector_spans_stored_total", "") > 0.0);
        Ok(())
    })
    .await?;
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{ended:?}");
    let report = load.await??;
    ensure!(report.unknown.requests == 0, "every request got an answer or was never taken: {report}");
    Ok(())
}

#[tokio::test]
async fn the_service_manager_is_told_of_the_start_and_of_the_stop_though_the_store_is_down() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path)?;
    let path = path.to_str().context("a temporary folder has a plain name")?;
    let port = xtask::servers::free_port()?;
    let dead = format!("--es.server-urls=http://127.0.0.1:{port}");
    let spoor = Spoor::start_with(Role::Collector, &[&dead], &[("NOTIFY_SOCKET", path)]).await?;
    ensure!(notification(&socket).await?.contains("READY=1"), "the start is done when the ports are open");
    ensure!(reqwest::get(spoor.url("admin")).await?.status() == 503, "the admin port tells of the store");
    let parts = ["\"store\"", "no connection to", &format!(":{port}"), "--es.server-urls"];
    eventually("it says which, and what to look at", Duration::from_secs(30), || async {
        let told = reqwest::get(spoor.url("admin")).await?.text().await?;
        parts.iter().all(|part| told.contains(part)).then_some(()).context(told)
    })
    .await?;
    spoor.terminate()?;
    ensure!(notification(&socket).await?.contains("STOPPING=1"), "then the stop");
    Ok(())
}

async fn notification(socket: &tokio::net::UnixDatagram) -> Result<String> {
    let mut buffer = [0; 256];
    let read = tokio::time::timeout(Duration::from_secs(30), socket.recv(&mut buffer));
    let length = read.await.context("no notification came")??;
    Ok(text(&buffer[..length]))
}

#[tokio::test]
async fn what_is_logged_within_a_traced_request_bears_its_ids() -> Result<()> {
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    // Nothing listens there: the search fails and is logged.
    let dead = format!("--es.server-urls=http://127.0.0.1:{}", xtask::servers::free_port()?);
    let query = Spoor::start(Role::Query, &[&dead, "--query.request-timeout=2s"]).await?;
    let url = format!("{}/api/services", query.url("query-http"));
    let parent = format!("00-{trace_id}-b7ad6b7169203331-01");
    let answer = reqwest::Client::new().get(url).header("traceparent", parent).send().await?;
    ensure!(answer.status().is_server_error(), "{}", answer.status());
    let log = query.log();
    let line = log
        .lines()
        .find(|line| line.contains(trace_id))
        .with_context(|| format!("no line of the trace in\n{log}"))?;
    let line: serde_json::Value = serde_json::from_str(line)?;
    ensure!(line["trace_id"] == trace_id && line["span_id"] == "b7ad6b7169203331", "{line}");
    ensure!(line["service_name"] == "spoor-query" && line["level"].is_string(), "{line}");
    Ok(())
}

#[tokio::test]
async fn settings_are_checked_and_shown_with_their_origin() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("spoor.yaml");
    std::fs::write(
        &file,
        "es:\n  index-prefix: from-file\n  username: me\n  password: hush\nlog-level: debug\n",
    )?;
    let output = Command::new(binary()?)
        .args(["collector", "--print-config", "--es.num-shards=7", "--config-file"])
        .arg(&file)
        .env("ES_NUM_REPLICAS", "3")
        .output()
        .await?;
    let shown = text(&output.stdout);
    for line in [
        "es.num-shards: \"7\" # flag",
        "es.num-replicas: \"3\" # environment ES_NUM_REPLICAS",
        "es.index-prefix: \"from-file\" # file",
        "collector.otlp.grpc.host-port: \":4317\" # default",
    ] {
        ensure!(shown.contains(line), "{line} is not in\n{shown}{}", text(&output.stderr));
    }
    ensure!(!shown.contains("hush") && shown.contains("es.password: '***'"), "secrets are masked:\n{shown}");

    let checked = run(&["query", "--check-config"]).await?;
    ensure!(checked.status.success(), "{}", text(&checked.stderr));
    let mut checked = Command::new(binary()?);
    let empty = checked.args(["query", "--check-config"]).env("CONFIG_FILE", "").env("ES_NUM_SHARDS", "");
    let checked = empty.env("ES_USE_ALIASES", "").output().await?;
    ensure!(checked.status.success(), "an empty variable is not set: {}", text(&checked.stderr));
    Ok(())
}

#[tokio::test]
async fn a_password_in_a_refused_url_is_not_repeated() -> Result<()> {
    let output = run(&["collector", "--es.server-urls=http://me:hu/sh@host"]).await?;
    let said = text(&output.stderr);
    ensure!(!output.status.success() && said.contains("es.server-urls") && !said.contains("hu/sh"), "{said}");
    Ok(())
}

#[tokio::test]
async fn wrong_settings_are_refused_with_what_to_do() -> Result<()> {
    for (args, expected) in [
        (&["collector", "--cassandra.servers=x"][..], "--span-storage.type=elasticsearch"),
        (&["collector", "--es.server-urlz=x"][..], "--es.server-urls"),
        (&["collector", "--span-storage.type=memory"][..], "all-in-one"),
        (&["collector", "--collector.tags=novalue"][..], "collector.tags"),
        (&["query", "--check-config", "--span-storage.type=memory"][..], "all-in-one"),
        (&["query", "--es.version=6"][..], "es.version"),
        (&["query", "--log-level=["][..], "log-level"),
        (&["query", "--query.http-server.host-port=nowhere"][..], "query.http-server.host-port"),
        (&["all-in-one", "--config-file=missing.yaml"][..], "missing.yaml"),
    ] {
        let output = tokio::time::timeout(Duration::from_secs(30), run(args))
            .await
            .with_context(|| format!("{args:?} runs"))??;
        let said = text(&output.stderr);
        ensure!(!output.status.success() && said.contains(expected), "{args:?} said {said}");
    }
    Ok(())
}

#[tokio::test]
async fn what_adaptive_sampling_would_ignore_is_refused_wherever_it_is_set() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("spoor.yaml");
    std::fs::write(&file, "sampling.default-sampling-probability: 0.5\n")?;
    let (file, flag) =
        (format!("--config-file={}", file.display()), "--sampling.default-sampling-probability=1");
    let variable = ("SAMPLING_DEFAULT_SAMPLING_PROBABILITY", "0.001");
    for role in ["collector", "all-in-one"] {
        let check = || -> Result<Command> {
            let mut command = Command::new(binary()?);
            command.args([role, "--check-config"]);
            Ok(command)
        };
        for kind in ["adaptive", "file"] {
            for (source, mut command) in [("file", check()?), ("flag", check()?), ("environment", check()?)] {
                let command = match source {
                    "file" => command.arg(&file),
                    "flag" => command.arg(flag),
                    _ => command.env(variable.0, variable.1),
                };
                let output = command.env("SAMPLING_CONFIG_TYPE", kind).output().await?;
                let said = text(&output.stderr);
                let is_refused = said.contains("--sampling.initial-sampling-probability instead");
                ensure!(
                    output.status.success() == (kind == "file") && is_refused == (kind == "adaptive"),
                    "{role}, {kind}, from the {source}: {said}"
                );
            }
        }
        let output = check()?.env("SAMPLING_CONFIG_TYPE", "adaptive").output().await?;
        ensure!(output.status.success(), "{}", text(&output.stderr));
    }
    Ok(())
}

#[tokio::test]
async fn a_port_in_use_is_named_before_any_work() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?;
    let flag = format!("--query.http-server.host-port={port}");
    let mut args = vec!["all-in-one", "--span-storage.type=memory", "--admin.http.host-port=127.0.0.1:0"];
    args.extend(Role::AllInOne.ports());
    let output = run(&[&args[..args.len() - 1], &[&flag]].concat()).await?;
    let said = text(&output.stderr);
    ensure!(
        !output.status.success()
            && said.contains("query.http-server.host-port")
            && said.contains(&port.to_string()),
        "{said}"
    );
    Ok(())
}
