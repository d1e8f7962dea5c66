//! The story of two query servers behind nginx, with the configuration that is shipped: one of them is killed under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use spoor_load::Protocol;
use spoor_tests::nginx::Nginx;
use spoor_tests::traffic::{keys_of, now, requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, eventually, refresh, unique_prefix};

const CLIENTS: usize = 8;
/// Answers before one server is killed, and again after.
const ANSWERS: usize = 400;
/// A trace whose answer is larger than 50 MB: so many spans with so long a text.
const LARGE_SPANS: usize = 6_000;
const LARGE_TEXT: usize = 9_000;
const LARGE: &str = "000000000000000000000000001a46e0";

#[tokio::test(flavor = "multi_thread")]
async fn a_query_server_may_be_killed_under_load_and_no_question_fails() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("nginx");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
        "--query.base-path=/jaeger".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let traces = fill(&settings[..4]).await?;
    refresh(&server, &prefix).await?;
    let first = Spoor::start(Role::Query, &settings).await?;
    let second = Spoor::start(Role::Query, &settings).await?;
    first.ready().await?;
    second.ready().await?;
    let ports = xtask::servers::free_ports(2)?;
    let names = [
        ("query-1:16686", first.address("query-http")),
        ("query-2:16686", second.address("query-http")),
        ("query-1:16685", first.address("query-grpc")),
        ("query-2:16685", second.address("query-grpc")),
        ("listen 80;", format!("listen 127.0.0.1:{};", ports[0])),
        ("listen 16685 http2;", format!("listen 127.0.0.1:{} http2;", ports[1])),
    ];
    let nginx = Nginx::start("query.conf", &names, &ports).await?;
    let site = format!("http://127.0.0.1:{}/jaeger", ports[0]);

    the_base_path_is_kept(&site).await?;
    a_large_answer_passes(&site).await?;
    let grpc = format!("http://127.0.0.1:{}", ports[1]);
    let load = Load::start(&site, &grpc, &traces);
    load.answers(ANSWERS).await?;
    first.kill().await?;
    load.answers(load.so_far() + ANSWERS).await?;
    load.end().await?;

    drop(second);
    let down = reqwest::get(format!("{site}/api/services")).await?;
    ensure!(down.status().is_server_error(), "nobody is left, and nginx says so: {}", down.status());
    let status = services_by_grpc(&grpc).await.expect_err("nobody is left");
    ensure!(format!("{status:#}").contains("Unavailable"), "gRPC's own status: {status:#}");
    nginx.stop().await?;
    delete_indices(&server, &prefix).await
}

/// Small traces, whose ids are answered, and a large one.
async fn fill(settings: &[&str]) -> Result<Vec<String>> {
    let collector = Spoor::start(Role::Collector, settings).await?;
    collector.ready().await?;
    let report = send(&to(&collector, Protocol::OtlpGrpc, 2), requests(5, 4_000, 100)).await?;
    let mut traces: Vec<String> =
        keys_of(&report, |_| true).iter().map(|(trace, _)| trace.to_string()).collect();
    traces.dedup();
    let http = reqwest::Client::new();
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    for first in (0..LARGE_SPANS).step_by(300) {
        let spans: Vec<_> = (first..first + 300).map(large_span).collect();
        let service = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "large"}}]});
        let request = json!({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": spans}]}]});
        http.post(&url).json(&request).send().await?.error_for_status()?;
    }
    collector.stop().await?;
    Ok(traces)
}

fn large_span(number: usize) -> serde_json::Value {
    let start = now().0 - 60_000_000_000 + number as u64 * 1_000_000;
    let text = format!("{number:08}").repeat(LARGE_TEXT / 8);
    json!({
        "traceId": LARGE, "spanId": format!("{:016x}", number + 1), "name": "large",
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 5_000_000).to_string(),
        "attributes": [{"key": "text", "value": {"stringValue": text}}],
    })
}

async fn the_base_path_is_kept(site: &str) -> Result<()> {
    let page = reqwest::get(site).await?.error_for_status()?;
    ensure!(page.url().path() == "/jaeger/", "the redirect goes to the page: {}", page.url());
    let page = page.text().await?;
    ensure!(page.contains("/jaeger/"), "the page's links are below the base path: {page}");
    let unknown = reqwest::get(format!("{site}/api/nothing")).await?;
    ensure!(unknown.status() == 404, "{unknown:?}");
    let slash = reqwest::get(format!("{site}/api/services/a%2Fb/operations")).await?.error_for_status()?;
    ensure!(slash.text().await?.contains(r#""data":null"#), "an encoded slash arrives as it was sent");
    Ok(())
}

async fn a_large_answer_passes(site: &str) -> Result<()> {
    let answer = reqwest::get(format!("{site}/api/traces/{LARGE}?raw=true")).await?.error_for_status()?;
    let answer: serde_json::Value = {
        let bytes = answer.bytes().await?;
        ensure!(bytes.len() > 50_000_000, "the answer has {} bytes", bytes.len());
        serde_json::from_slice(&bytes)?
    };
    let spans = answer["data"][0]["spans"].as_array().map_or(0, Vec::len);
    ensure!(spans == LARGE_SPANS, "{spans} of {LARGE_SPANS} spans came");
    Ok(())
}

async fn services_by_grpc(url: &str) -> Result<usize> {
    use spoor_proto::jaeger::api_v3::GetServicesRequest;
    use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient;
    let channel = tonic::transport::Endpoint::from_shared(url.to_owned())?.connect().await?;
    let mut client = QueryServiceClient::new(channel);
    let answer = client
        .get_services(GetServicesRequest {})
        .await
        .map_err(|status| anyhow::anyhow!("{:?}: {}", status.code(), status.message()))?;
    Ok(answer.into_inner().services.len())
}

/// Failures after which nginx leaves a server alone (`max_fails` of the configuration).
const MAX_FAILS: usize = 2;

/// As gRPC's clients have to: nginx keeps no question to ask another server, so that one which was under way on a server that went, or was
/// sent on a connection kept from before, is UNAVAILABLE, or INTERNAL where its answer had begun, and is asked again: as often as nginx takes to
/// notice.
async fn services_by_patient_grpc(url: &str) -> Result<usize> {
    let mut left = MAX_FAILS;
    loop {
        match services_by_grpc(url).await {
            Err(error)
                if left > 0
                    && ["Unavailable", "Internal"].iter().any(|code| error.to_string().starts_with(code)) =>
            {
                left -= 1;
            }
            answer => return answer,
        }
    }
}

/// Clients that ask one question after the other until they are told to stop; any failed one is an error of theirs.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Load {
    fn start(site: &str, grpc: &str, traces: &[String]) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |number: usize| {
            let (stop, answers) = (stop.clone(), answers.clone());
            let (site, grpc, traces) = (site.to_owned(), grpc.to_owned(), traces.to_vec());
            tokio::spawn(async move {
                for turn in number.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    ask(&site, &grpc, &traces, turn)
                        .await
                        .with_context(|| format!("question {turn} of client {number}"))?;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, answers, clients }
    }

    fn so_far(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Waits until there were so many answers, or a client gave up.
    async fn answers(&self, count: usize) -> Result<()> {
        eventually("clients get their answers", Duration::from_secs(120), || async {
            let so_far = self.so_far();
            let ended = self.clients.iter().any(tokio::task::JoinHandle::is_finished);
            ensure!(so_far >= count || ended, "{so_far} of {count} answers");
            Ok(())
        })
        .await
    }

    async fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await??;
        }
        Ok(())
    }
}

async fn ask(site: &str, grpc: &str, traces: &[String], turn: usize) -> Result<()> {
    let trace = &traces[turn % traces.len()];
    let path = match turn % 4 {
        0 => "/api/services".to_owned(),
        1 => format!("/api/traces/{trace}"),
        2 => format!("/api/v3/traces/{trace}"),
        _ => {
            ensure!(services_by_patient_grpc(grpc).await? > 1, "services are listed by gRPC");
            return Ok(());
        }
    };
    let answer: serde_json::Value =
        reqwest::get(format!("{site}{path}")).await?.error_for_status()?.json().await.context(path)?;
    ensure!(answer.is_object(), "{answer}");
    Ok(())
}
