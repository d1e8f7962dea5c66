//! The way to the store: HTTP/1.1 requests with raw bodies to one of several nodes, answers as bytes, errors as sentences.
//! Why not the official client crate is in docs/adr/0003-http-client-for-elasticsearch.md.

mod body;
mod error;
mod node_url;
mod nodes;
mod transport;
mod version;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

pub(crate) use body::Chunks;
pub(crate) use error::{Cause, Error, FailedShard, Fault, Refusal, ServerError, bounded};
pub use node_url::{NodeUrl, ParseNodeUrlError};
pub use version::Server;

use node_url::basic_authorization;
use nodes::Nodes;
use transport::Transport;

use crate::{Config, OpenError};

/// The largest answer taken, in bytes.
const MAX_ANSWER_BYTES: usize = 128 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bulks and multi-searches. Elasticsearch's vendor type is refused by OpenSearch with 406.
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Sends requests to the store.
#[derive(Debug)]
pub(crate) struct Client {
    transport: Transport,
    nodes: Nodes,
    authorization: Option<HeaderValue>,
    timeout: Option<Duration>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Starts with `/`, percent-encoded where needed.
    pub(crate) path_and_query: String,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Chunks,
    /// True when another node may be asked even if this one may have done the work already.
    pub(crate) repeatable: bool,
    /// The beginning of the sentence in an error.
    pub(crate) attempted: String,
}

impl Request {
    pub(crate) fn get(path_and_query: impl Into<String>, attempted: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path_and_query: path_and_query.into(),
            content_type: None,
            body: Chunks::default(),
            repeatable: true,
            attempted: attempted.into(),
        }
    }

    /// A question with a JSON body.
    pub(crate) fn search(
        path_and_query: impl Into<String>,
        body: Vec<u8>,
        attempted: impl Into<String>,
    ) -> Self {
        Self {
            method: Method::POST,
            content_type: Some(JSON),
            body: body.into(),
            ..Self::get(path_and_query, attempted)
        }
    }

    /// Sets something, by a JSON body; setting it twice is the same.
    pub(crate) fn put(
        path_and_query: impl Into<String>,
        body: Vec<u8>,
        attempted: impl Into<String>,
    ) -> Self {
        Self { method: Method::PUT, ..Self::search(path_and_query, body, attempted) }
    }

    /// Sends lines of JSON.
    pub(crate) fn lines(
        path_and_query: impl Into<String>,
        body: Chunks,
        attempted: impl Into<String>,
    ) -> Self {
        Self { method: Method::POST, content_type: Some(LINES), body, ..Self::get(path_and_query, attempted) }
    }

    /// Asks no second node once the first may have begun the work.
    pub(crate) fn once(self) -> Self {
        Self { repeatable: false, ..self }
    }
}

/// A 2xx answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) node: String,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The error for an answer that is not what was asked for.
    pub(crate) fn malformed(&self, attempted: &str, what: &str) -> Error {
        Error {
            attempted: attempted.to_owned(),
            fault: Fault { node: self.node.clone(), cause: Cause::Malformed(bounded(what)) },
        }
    }
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self, OpenError> {
        if config.connection.server_urls.is_empty() {
            return Err(OpenError::NoServers);
        }
        let https = config.connection.server_urls.iter().any(NodeUrl::is_https);
        let authorization = if config.connection.username.is_empty() {
            None
        } else {
            Some(
                basic_authorization(&config.connection.username, &config.connection.password)
                    .ok_or(OpenError::Credentials)?,
            )
        };
        Ok(Self {
            transport: Transport::new(https)?,
            nodes: Nodes::new(config.connection.server_urls.clone()),
            authorization,
            timeout: (!config.connection.timeout.is_zero()).then_some(config.connection.timeout),
        })
    }

    /// Sends the request and waits for a 2xx answer until the deadline (or `--es.timeout`, if that is earlier). A node that
    /// cannot be reached is set aside and the next one asked; a repeatable request moves on after 502, 503 and 504, too.
    pub(crate) async fn send(&self, request: Request, deadline: Instant) -> Result<Reply, Error> {
        let own_limit =
            self.timeout.map(|timeout| Instant::now() + timeout).filter(|&limit| limit < deadline);
        let deadline = own_limit.unwrap_or(deadline);
        let order = self.nodes.order(Instant::now());
        let last = order.len() - 1;
        let mut result = Err(Cause::TimedOut);
        let mut node = String::new();
        for (position, index) in order.into_iter().enumerate() {
            node = self.nodes.url(index).to_string();
            result = self.send_to(index, &request, deadline).await;
            match &result {
                Ok(_) => self.nodes.succeeded(index),
                Err(cause) if is_node_failure(cause) => self.nodes.failed(index, Instant::now()),
                Err(_) => {}
            }
            if position == last || !result.as_ref().is_err_and(|cause| may_move_on(cause, request.repeatable))
            {
                break;
            }
        }
        match result {
            Ok(body) => Ok(Reply { node, body }),
            Err(Cause::TimedOut) if own_limit.is_some() => {
                Err(Error { attempted: request.attempted, fault: Fault { node, cause: Cause::OwnTimeOut } })
            }
            Err(cause) => Err(Error { attempted: request.attempted, fault: Fault { node, cause } }),
        }
    }

    async fn send_to(&self, index: usize, request: &Request, deadline: Instant) -> Result<Bytes, Cause> {
        let url = self.nodes.url(index);
        let uri = url.join(&request.path_and_query).ok_or_else(|| {
            Cause::Malformed(format!("the address {url}{} is not valid", bounded(&request.path_and_query)))
        })?;
        let authorization = url.authorization().or_else(|| self.authorization.clone());
        let exchange = self.exchange(uri, authorization, request);
        tokio::time::timeout_at(deadline.into(), exchange).await.unwrap_or(Err(Cause::TimedOut))
    }

    async fn exchange(
        &self,
        uri: Uri,
        authorization: Option<HeaderValue>,
        request: &Request,
    ) -> Result<Bytes, Cause> {
        let mut message = http::Request::new(request.body.clone());
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = uri;
        let headers = message.headers_mut();
        headers.insert(ACCEPT, JSON);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("spoor/", env!("CARGO_PKG_VERSION"))));
        if let Some(content_type) = &request.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        let (head, body) = self.transport.send(message).await?;
        let body = transport::read_body(body, MAX_ANSWER_BYTES).await?;
        if head.status.is_success() {
            return Ok(body);
        }
        Err(Cause::Status(Refusal {
            status: head.status,
            reason: error::reason_of(&body),
            retry_after: retry_after(&head.headers),
        }))
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The node itself is in trouble, not the request.
fn is_node_failure(cause: &Cause) -> bool {
    match cause {
        Cause::Connect(_) | Cause::Broken(_) | Cause::TimedOut | Cause::OwnTimeOut => true,
        Cause::Status(refusal) => is_gateway_trouble(refusal.status),
        Cause::TooLarge(_) | Cause::Malformed(_) => false,
    }
}

fn may_move_on(cause: &Cause, repeatable: bool) -> bool {
    match cause {
        Cause::Connect(_) => true,
        Cause::Broken(_) => repeatable,
        Cause::Status(refusal) => repeatable && is_gateway_trouble(refusal.status),
        Cause::TimedOut | Cause::OwnTimeOut | Cause::TooLarge(_) | Cause::Malformed(_) => false,
    }
}

fn is_gateway_trouble(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
