//! The way to the store: HTTP/1.1 requests with raw bodies to one of several nodes, answers as bytes, errors as sentences.
//! Why not the official client crate is in docs/adr/0003-http-client-for-elasticsearch.md.

mod auth;
mod body;
mod compression;
mod error;
mod exchange;
mod node_url;
mod nodes;
mod own_span;
mod request;
mod settings_error;
mod sniff;
mod tls;
mod transport;
mod version;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::StatusCode;
use spoor_storage::{Credentials, RequestContext};
use spoor_tracer::OwnSpan;

pub(crate) use auth::check_writer;
pub(crate) use body::Chunks;
pub(crate) use error::{Cause, Error, FailedShard, Fault, Refusal, ServerError, bounded};
pub use node_url::{NodeUrl, ParseNodeUrlError};
pub(crate) use request::{MAX_ANSWER_BYTES, Reply, Request};
pub use settings_error::ConnectionError;
pub use version::Server;

use auth::Auth;
use compression::Compressor;
use nodes::Nodes;
use transport::Transport;

use crate::{Config, CustomHeader, OpenError, QuestionMethod, RequestLog, SniffingConfig};

/// Sends requests to the store.
#[derive(Debug)]
pub(crate) struct Client {
    transport: Transport,
    nodes: Nodes,
    auth: Auth,
    compressor: Compressor,
    headers: Vec<CustomHeader>,
    question_method: QuestionMethod,
    log: RequestLog,
    timeout: Option<Duration>,
    skips_verification: bool,
    sniffing: SniffingConfig,
    sniffer: OnceLock<tokio::task::AbortHandle>,
}

impl Client {
    /// Checks the settings and reads the files that they name; touches no network.
    pub(crate) fn new(config: &Config) -> Result<Self, OpenError> {
        let config = &config.connection;
        if config.server_urls.is_empty() {
            return Err(OpenError::NoServers);
        }
        sniff::check(config)?;
        Ok(Self {
            auth: Auth::new(config)?,
            transport: Transport::new(config)?,
            nodes: Nodes::new(config.server_urls.clone(), !config.disable_health_check),
            compressor: Compressor::new(config.compression),
            headers: config.custom_headers.clone(),
            question_method: config.question_method,
            log: config.log_level,
            timeout: (!config.timeout.is_zero()).then_some(config.timeout),
            skips_verification: config.tls.skip_host_verify,
            sniffing: config.sniffing.clone(),
            sniffer: OnceLock::new(),
        })
    }

    /// Says what is to be said at start, and begins the work in the background, if there is any. Needs a Tokio runtime around it.
    pub(crate) fn start(self: &Arc<Self>) {
        if self.skips_verification {
            tracing::warn!(
                "--es.tls.skip-host-verify: the store's certificate is not checked; whoever is in between can read and change all"
            );
        }
        self.start_sniffing();
    }

    /// Sends the request as our own and waits for a 2xx answer until the deadline (or `--es.timeout`, if that is earlier). A node
    /// that cannot be reached is set aside and the next one asked; a repeatable request moves on after 502, 503 and 504, too.
    pub(crate) async fn send(&self, request: Request, deadline: Instant) -> Result<Reply, Error> {
        self.send_within(&OwnSpan::default(), request, deadline).await
    }

    /// As [`Client::send`], as a part of what is recorded in `own_span`.
    pub(crate) async fn send_within(
        &self,
        own_span: &OwnSpan,
        request: Request,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        self.send_as((None, own_span), request, deadline).await
    }

    /// As [`Client::send`] for a caller: until its deadline and, with `--es.bearer-token-propagation`, under its token.
    pub(crate) async fn send_for(&self, caller: &RequestContext, request: Request) -> Result<Reply, Error> {
        self.send_as((caller.credentials.as_ref(), &caller.own_span), request, caller.deadline).await
    }

    async fn send_as(
        &self,
        (caller, own_span): (Option<&Credentials>, &OwnSpan),
        request: Request,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let own_limit =
            self.timeout.map(|timeout| Instant::now() + timeout).filter(|&limit| limit < deadline);
        let deadline = own_limit.unwrap_or(deadline);
        let order = self.nodes.order(Instant::now());
        let last = order.len() - 1;
        let mut exchange = self.exchange(caller, &request);
        let mut result = Err(Cause::TimedOut);
        let mut url = String::new();
        for (position, node) in order.into_iter().enumerate() {
            url = node.url.to_string();
            let begun = Instant::now();
            let attempt =
                own_span::begin(own_span, &self.method(&request), &request.path_and_query, &node.url);
            exchange.within(attempt.span());
            result = tokio::time::timeout_at(deadline.into(), exchange.with(&node))
                .await
                .unwrap_or(Err(Cause::TimedOut));
            own_span::end(attempt, result.as_ref());
            self.log(&request, &url, begun, result.as_ref().map(bytes::Bytes::len));
            match &result {
                Ok(_) => node.succeeded(),
                Err(cause) if is_node_failure(cause) => node.failed(Instant::now()),
                Err(_) => {}
            }
            if position == last || !result.as_ref().is_err_and(|cause| may_move_on(cause, request.repeatable))
            {
                break;
            }
        }
        let cause = match result {
            Ok(body) => return Ok(Reply { node: url, body }),
            Err(Cause::TimedOut) if own_limit.is_some() => Cause::OwnTimeOut,
            Err(cause) => cause,
        };
        Err(Error { attempted: request.attempted, fault: Fault { node: url, cause } })
    }

    /// What `--es.log-level` asks for.
    fn log(&self, request: &Request, node: &str, begun: Instant, result: Result<usize, &Cause>) {
        let Request { path_and_query, body, .. } = request;
        let method = self.method(request);
        let (path, sent, took) = (bounded(path_and_query), body.len(), begun.elapsed());
        match result {
            Ok(received) if self.log >= RequestLog::Debug => {
                tracing::info!(%method, node, path, sent, received, ?took, "the store answered");
            }
            Err(cause) if self.log >= RequestLog::Info => {
                let error = error::Told { node, cause }.to_string();
                tracing::info!(%method, node, path, sent, ?took, error, "a request to the store failed");
            }
            _ => {}
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(sniffer) = self.sniffer.get() {
            sniffer.abort();
        }
    }
}

/// The node itself is in trouble, not the request.
fn is_node_failure(cause: &Cause) -> bool {
    match cause {
        Cause::Connect(_) | Cause::Broken(_) | Cause::TimedOut | Cause::OwnTimeOut => true,
        Cause::Status(refusal) => is_gateway_trouble(refusal.status),
        Cause::Token | Cause::TooLarge(_) | Cause::Malformed(_) => false,
    }
}

fn may_move_on(cause: &Cause, repeatable: bool) -> bool {
    match cause {
        Cause::Connect(_) => true,
        Cause::Broken(_) => repeatable,
        Cause::Status(refusal) => repeatable && is_gateway_trouble(refusal.status),
        Cause::TimedOut | Cause::OwnTimeOut | Cause::Token | Cause::TooLarge(_) | Cause::Malformed(_) => {
            false
        }
    }
}

fn is_gateway_trouble(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
