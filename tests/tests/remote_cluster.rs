//! Story: spans lie in two clusters, of OpenSearch or of Elasticsearch, and one query process reads both. When the remote one is gone, no answer is shorter
//! without saying so, unless the store has been told to pass it over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::{OpenSearchCluster, OtherServer};

const PREFIX: &str = "remote";
const PATIENCE: Duration = Duration::from_secs(60);
/// Traces: only here, only there, and with a span in each cluster.
const HERE: u64 = 1;
const THERE: u64 = 2;
const BOTH: u64 = 3;
const WINDOW: &str = "query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";

fn settings(server: &str) -> Vec<String> {
    vec![
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={PREFIX}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ]
}

async fn start(role: Role, settings: &[String]) -> Result<Spoor> {
    Spoor::start(role, &settings.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// One span of each trace, of a service and an operation, written by a collector of the cluster's own; searches find them.
async fn fill(server: &str, service: &str, operation: &str, traces: [(u64, u64); 2]) -> Result<()> {
    let collector = start(Role::Collector, &settings(server)).await?;
    collector.ready().await?;
    let start = now().0;
    let span = |(trace, id): (u64, u64)| {
        json!({"traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "name": operation, "kind": 2,
               "startTimeUnixNano": (start + id).to_string(), "endTimeUnixNano": (start + 1_000_000).to_string()})
    };
    let name = json!([{"key": "service.name", "value": {"stringValue": service}}]);
    let scopes = json!([{"spans": traces.map(span)}]);
    let body = json!({"resourceSpans": [{"resource": {"attributes": name}, "scopeSpans": scopes}]});
    let client = reqwest::Client::new();
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    client.post(url).json(&body).send().await?.error_for_status()?;
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    let link = json!({"timestamp": time_of(start)?, "dependencies": [{"parent": service, "child": operation, "callCount": 1}]});
    let day = &time_of(start)?[..10];
    let url = format!("{server}/{PREFIX}-jaeger-dependencies-{day}/_doc");
    client.post(url).json(&link).send().await?.error_for_status()?;
    client.post(format!("{server}/{PREFIX}-*/_refresh")).send().await?.error_for_status()?;
    Ok(())
}

fn time_of(nanos: u64) -> Result<String> {
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(nanos.into())?;
    Ok(moment.format(&time::format_description::well_known::Rfc3339)?)
}

/// Tells a cluster what to know of another one.
async fn tell(server: &str, remote: Value) -> Result<()> {
    let body = json!({"persistent": {"cluster.remote.east": remote}});
    let url = format!("{server}/_cluster/settings");
    reqwest::Client::new().put(url).json(&body).send().await?.error_for_status()?;
    Ok(())
}

/// The values at `field` of all objects in the answer's list, sorted, each as often as it is told.
fn all_of(answer: &Value, list: &str, field: &str) -> Vec<String> {
    let objects = answer.pointer(list).and_then(Value::as_array).into_iter().flatten();
    let text = |object: &Value| object.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut all: Vec<String> = objects.map(text).collect();
    all.sort_unstable();
    all
}

async fn asked(query: &Spoor, path: &str) -> Result<Value> {
    let (status, answer) = query.query(path).await?;
    ensure!(status == 200, "{path}: {status}: {answer}");
    Ok(answer)
}

/// Every question brings what lies here, and what lies in the remote cluster.
async fn both_are_read(query: &Spoor) -> Result<()> {
    for (trace, operations) in [(HERE, &["near"][..]), (THERE, &["far"]), (BOTH, &["far", "near"])] {
        let answer = asked(query, &format!("/api/traces/{trace:032x}")).await?;
        ensure!(all_of(&answer, "/data/0/spans", "/operationName") == operations, "{trace}: {answer}");
    }
    let services = asked(query, "/api/services").await?;
    ensure!(services["data"] == json!(["shop", "stock"]), "{services}");
    for (service, operation, traces) in [("shop", "near", [HERE, BOTH]), ("stock", "far", [THERE, BOTH])] {
        let operations = asked(query, &format!("/api/operations?service={service}")).await?;
        ensure!(all_of(&operations, "/data", "/name") == [operation], "{operations}");
        let found = asked(query, &format!("/api/traces?service={service}&lookback=1h&limit=10")).await?;
        ensure!(
            all_of(&found, "/data", "/traceID") == traces.map(|trace| format!("{trace:016x}")),
            "{found}"
        );
    }
    let summaries = asked(query, &format!("/api/v3/trace-summaries?{WINDOW}&query.searchDepth=10")).await?;
    let counts = summaries["summaries"].as_array().context("summaries")?.iter();
    let mut counts: Vec<_> =
        counts.map(|summary| (summary["traceId"].as_str(), &summary["spanCount"])).collect();
    counts.sort_unstable_by_key(|(trace, _)| *trace);
    let counts: Vec<_> = counts.into_iter().map(|(_, spans)| spans.clone()).collect();
    ensure!(json!(counts) == json!([1, 1, 2]), "{summaries}");
    let links = asked(query, "/api/dependencies?lookback=86400000").await?;
    ensure!(all_of(&links, "/data", "/parent") == ["shop", "stock"], "{links}");
    Ok(())
}

/// Whatever is asked is refused, with this in the reason.
async fn nothing_is_answered_in_part(query: &Spoor, reason: &str) -> Result<()> {
    for path in [
        format!("/api/traces/{HERE:032x}"),
        "/api/services".to_owned(),
        "/api/operations?service=shop".to_owned(),
        "/api/traces?service=shop&lookback=1h".to_owned(),
        format!("/api/v3/trace-summaries?{WINDOW}&query.searchDepth=10"),
        "/api/dependencies?lookback=86400000".to_owned(),
    ] {
        let (status, answer) = query.query(&path).await?;
        ensure!(status >= 500 && answer.to_string().contains(reason), "{path}: {status}: {answer}");
    }
    Ok(())
}

/// Waits until the admin port gives this status, and a reason with this in it.
async fn health(query: &Spoor, wanted: u16, reason: &str) -> Result<()> {
    eventually("the state of the process", PATIENCE, || async {
        let answer = reqwest::get(query.url("admin")).await?;
        let (status, body) = (answer.status().as_u16(), answer.text().await?);
        ensure!(status == wanted && body.contains(reason), "{status}: {body}");
        Ok(())
    })
    .await
}

/// A cluster of one node.
enum Cluster {
    OpenSearch(OpenSearchCluster),
    Elasticsearch(OtherServer),
}

impl Cluster {
    fn opensearch() -> Result<Self> {
        OpenSearchCluster::start(1).map(Self::OpenSearch)
    }

    fn elasticsearch() -> Result<Self> {
        OtherServer::start("elasticsearch-8").map(Self::Elasticsearch)
    }

    fn url(&self) -> String {
        match self {
            Self::OpenSearch(cluster) => cluster.urls()[0].clone(),
            Self::Elasticsearch(server) => server.url().to_owned(),
        }
    }

    /// What another cluster has to know of it.
    fn seeds(&self) -> Vec<String> {
        match self {
            Self::OpenSearch(cluster) => cluster.transport_addresses(),
            Self::Elasticsearch(server) => vec![server.transport_address()],
        }
    }

    fn kill(&mut self) -> Result<()> {
        match self {
            Self::OpenSearch(cluster) => cluster.kill(0),
            Self::Elasticsearch(server) => server.kill(),
        }
    }

    fn start_again(&mut self) -> Result<()> {
        match self {
            Self::OpenSearch(cluster) => cluster.start_again(0),
            Self::Elasticsearch(server) => server.start_again(),
        }
    }
}

async fn two(start: fn() -> Result<Cluster>) -> Result<(Cluster, Cluster)> {
    let (home, east) = tokio::join!(tokio::task::spawn_blocking(start), tokio::task::spawn_blocking(start));
    Ok((home??, east??))
}

/// One line of servers after the other: two of a kind are as many as a small machine starts in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_cluster_is_read_and_its_loss_is_never_a_shorter_answer_unless_the_store_was_told_so()
-> Result<()> {
    for (line, start) in
        [("OpenSearch", Cluster::opensearch as fn() -> _), ("Elasticsearch", Cluster::elasticsearch)]
    {
        let (home, east) = two(start).await?;
        story(&home, east).await.context(line)?;
    }
    Ok(())
}

async fn story(home: &Cluster, mut east: Cluster) -> Result<()> {
    let (here, there) = (home.url(), east.url());
    let filled = tokio::join!(
        fill(&here, "shop", "near", [(HERE, 1), (BOTH, 2)]),
        fill(&there, "stock", "far", [(THERE, 3), (BOTH, 4)])
    );
    filled.0.and(filled.1)?;

    let more = ["--es.remote-read-clusters=east", "--query.request-timeout=10s"].map(str::to_owned);
    let query = start(Role::Query, &[settings(&here), more.to_vec()].concat()).await?;
    // Nobody has told the store of the cluster yet.
    health(&query, 503, "cluster.remote.east.seeds").await?;
    nothing_is_answered_in_part(&query, "cluster.remote.east.seeds").await?;
    tell(&here, json!({"seeds": east.seeds()})).await?;
    health(&query, 200, "").await?;
    both_are_read(&query).await?;

    // Elasticsearch from 8.15 on passes clusters over that are away, unless it is told otherwise.
    tell(&here, json!({"skip_unavailable": false})).await?;
    east = tokio::task::spawn_blocking(move || east.kill().map(|()| east)).await??;
    // The first question that fails has the store looked at; from then on the reason says what is lost.
    nothing_is_answered_in_part(&query, "").await?;
    health(&query, 503, "skip_unavailable").await?;
    nothing_is_answered_in_part(&query, "\\\"east\\\"").await?;

    tell(&here, json!({"skip_unavailable": true})).await?;
    health(&query, 200, "").await?;
    let found = asked(&query, "/api/traces?service=shop&lookback=1h").await?;
    let here_alone = [HERE, BOTH].map(|trace| format!("{trace:016x}"));
    ensure!(all_of(&found, "/data", "/traceID") == here_alone, "{found}");
    let services = asked(&query, "/api/services").await?;
    ensure!(services["data"] == json!(["shop"]), "{services}");
    ensure!(query.log().contains("answers are without what lies there"), "{}", query.log());

    tell(&here, json!({"skip_unavailable": false})).await?;
    let _east = tokio::task::spawn_blocking(move || east.start_again().map(|()| east)).await??;
    eventually("both clusters are read again", PATIENCE, || both_are_read(&query)).await
}
