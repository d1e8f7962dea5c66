//! Stands before a store, and refuses bulks when it is told to: a real server cannot be made to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running proxy on a free port; ends when it is dropped.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    target: String,
    client: reqwest::Client,
    refuses: AtomicBool,
    refused: AtomicU64,
}

impl Proxy {
    /// Passes everything on to `target`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn before(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the proxy")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            client: reqwest::Client::new(),
            refuses: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the proxy ended: {error}");
            }
        });
        Ok(Self { url, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on bulks are answered with 429, or passed on again.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Relaxed);
    }

    /// How many bulks were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if shared.refuses.load(Ordering::Relaxed) && request.uri().path().ends_with("/_bulk") {
        shared.refused.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"error":{"type":"rejected_execution_exception","reason":"queue full"},"status":429}"#;
        let headers = [(header::CONTENT_TYPE, "application/json")];
        return (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response();
    }
    match forward(&shared, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

async fn forward(shared: &Shared, request: Request) -> Result<Response> {
    let (mut head, body) = request.into_parts();
    let url = format!("{}{}", shared.target, head.uri);
    head.headers.remove(header::HOST);
    let body = body.collect().await?.to_bytes();
    let answer = shared.client.request(head.method, url).headers(head.headers).body(body).send().await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    for name in [header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::CONNECTION] {
        response.headers_mut().remove(name);
    }
    *response.body_mut() = Body::from(answer.bytes().await?);
    Ok(response)
}
