//! A Prometheus of our own, which answers well, or anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use fastrand::Rng;
use serde_json::json;

pub(crate) struct Prometheus {
    pub(crate) url: String,
    asked: Arc<AtomicU64>,
}

/// How many questions have come, and what the nonsense is drawn from.
type Role = (Arc<AtomicU64>, Option<u64>);

impl Prometheus {
    pub(crate) async fn that_answers_well() -> Result<Self> {
        Self::start(None).await
    }

    pub(crate) async fn that_answers_anything(seed: u64) -> Result<Self> {
        Self::start(Some(seed)).await
    }

    async fn start(nonsense: Option<u64>) -> Result<Self> {
        let asked = Arc::new(AtomicU64::new(0));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state((Arc::clone(&asked), nonsense));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, asked })
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer(State((asked, nonsense)): State<Role>, question: String) -> Response {
    let number = asked.fetch_add(1, Ordering::SeqCst);
    let Some(seed) = nonsense else { return Response::new(Body::from(good(&question))) };
    let mut random = Rng::with_seed(seed.wrapping_add(number));
    let mut response = Response::new(body(&mut random, &question));
    let statuses = [200, 200, 200, 200, 204, 302, 400, 401, 404, 422, 429, 500, 503];
    let status = StatusCode::from_u16(random.choice(statuses).unwrap_or(200));
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    if random.u8(..4) == 0 {
        response.headers_mut().insert("retry-after", HeaderValue::from_static("-1"));
        response.headers_mut().insert("location", HeaderValue::from_static("http://127.0.0.1:1/"));
        response.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
    }
    response
}

fn start(question: &str) -> f64 {
    let start = question.split('&').find_map(|pair| pair.strip_prefix("start="));
    start.and_then(|start| start.replace("%2E", ".").parse().ok()).unwrap_or_default()
}

/// One series with a point at the first step.
fn good(question: &str) -> String {
    let series =
        json!({"metric": {"service_name": "a", "span_name": "b"}, "values": [[start(question), "2.5"]]});
    json!({"status": "success", "data": {"resultType": "matrix", "result": [series]}}).to_string()
}

fn body(random: &mut Rng, question: &str) -> Body {
    let mut good = good(question).into_bytes();
    match random.u8(..12) {
        0 => Body::empty(),
        1 => Body::from("<html>login</html>"),
        2 => Body::from("[".repeat(200_000)),
        3 => Body::from(r#"{"a":"#.repeat(50_000)),
        4 => Body::from((0..random.usize(..5_000)).map(|_| random.u8(..)).collect::<Vec<_>>()),
        5 => Body::from(good[..good.len() - random.usize(1..good.len())].to_vec()),
        6 => {
            let at = random.usize(..good.len());
            good[at] = random.u8(..);
            Body::from(good)
        }
        7 => Body::from(values(r#"[1e308,"1"],[-1,"2"],[NaN,"3"]"#)),
        8 => Body::from(values(&format!(r#"[{},"{}"]"#, start(question), "9".repeat(5_000)))),
        9 => Body::from(values(r#"[1],[],["1","2","3"]"#)),
        10 => Body::from(r#"{"status":"error","errorType":"execution","error":"its own words"}"#),
        // Breaks off in the middle.
        _ => Body::from_stream(futures::stream::iter([
            Ok(Bytes::from(good)),
            Err(std::io::Error::other("the end of it")),
        ])),
    }
}

fn values(values: &str) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{values}]}}]}}}}"#
    )
}
