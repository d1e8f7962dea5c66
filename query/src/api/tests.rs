//! Claims about the HTTP port: paths, parameters, codes, texts, headers; as a client sees them.

mod archive;
mod connection;
mod dependencies;
mod encodings;
mod errors;
mod front;
mod live;
mod memory_store;
mod routes;
mod span_metrics;
mod tenancy;
mod transform;
mod v3;
mod v3_errors;
mod v3_filter;
mod v3_paging;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use clap::Parser;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use spoor_net::tenancy::TenancyConfig;
use tower::ServiceExt;

use super::*;
use crate::fixture::{FakeReader, Script, plain_trace};
use crate::metrics::Metrics;
use crate::stores::Stores;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    query: Config,

    #[command(flatten)]
    tenancy: TenancyConfig,
}

fn config(args: &[&str]) -> Config {
    parse(args).query
}

fn parse(args: &[&str]) -> Program {
    Program::parse_from(std::iter::once(&"spoor").chain(args))
}

/// The HTTP port's routes over these stores.
fn over(config: &Config, stores: Stores) -> Router {
    behind(&Tenancy::off(), config, stores)
}

/// The same behind the guard.
fn behind(tenancy: &Tenancy, config: &Config, stores: Stores) -> Router {
    let service = Service::new(config, stores, Metrics::register(&mut Registry::default()));
    router(config, Arc::new(service), Ui::open(&config.ui, &config.base_path, "{}").unwrap(), tenancy)
}

/// A port over a fake store.
struct Port {
    router: Router,
    reader: Arc<FakeReader>,
}

/// An answer as received.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Port {
    fn new(args: &[&str], reader: FakeReader) -> Self {
        let (config, reader) = (config(args), Arc::new(reader));
        Self { router: over(&config, Stores::new(reader.clone())), reader }
    }

    fn with_traces(args: &[&str]) -> Self {
        Self::new(args, FakeReader::new(Script::Parts(vec![plain_trace(0xa, 2), plain_trace(0xb, 1)])))
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body).unwrap() }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).await
    }
}
