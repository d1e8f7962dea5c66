//! One question to Prometheus: sent, answered by the deadline within a bound, or an error that says what to do.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use crate::answer;
use crate::body::Pieces;
use crate::token::Authorization;
use crate::{Config, ServerUrl, own_span, tls};

/// The largest answer: half a million points with much of everything around them.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// More of an error is not read: it is for people.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Shorter than what servers and proxies in between allow an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// TLS to an address that goes without.
    #[error(
        "--prometheus.tls.enabled: --prometheus.server-url does not begin with https://, so nothing would be encrypted"
    )]
    NothingToEncrypt,
    /// Settings of TLS.
    #[error(transparent)]
    Tls(#[from] spoor_tls::TlsError),
}

/// The way to Prometheus.
#[derive(Debug)]
pub(crate) struct Client {
    server: ServerUrl,
    connections: Connections,
    authorization: Authorization,
    /// `name=value` pairs for the address, encoded; may be empty.
    extra: String,
}

/// With TLS where the address asks for it.
#[derive(Debug)]
enum Connections {
    Plain(Pool<HttpConnector, Full<Bytes>>),
    Tls(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Connections {
    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        match self {
            Self::Plain(pool) => pool.request(request).await,
            Self::Tls(pool) => pool.request(request).await,
        }
    }
}

/// Points of time in ms, and the expression that is computed at each.
#[derive(Debug)]
pub(crate) struct RangeQuestion {
    pub(crate) expression: String,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) step_ms: u64,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self, OpenError> {
        tls::check(config)?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.connect_timeout).filter(|timeout| !timeout.is_zero()));
        let mut builder = Pool::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
        let connections = if config.server_url.is_https() {
            Connections::Tls(builder.build(tls::client(&config.tls).connector(tcp)?))
        } else {
            Connections::Plain(builder.build(tcp))
        };
        let extra = &config.query.extra_parameters.0;
        Ok(Self {
            server: config.server_url.clone(),
            connections,
            authorization: Authorization::new(config),
            extra: form(extra.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        })
    }

    /// The body of a successful answer.
    pub(crate) async fn ask(
        &self,
        context: &RequestContext,
        question: &RangeQuestion,
        attempted: &str,
    ) -> Result<Pieces, ReadError> {
        let failed = |kind, why: String| ReadError::new(kind, attempted, why);
        if context.remaining().is_zero() {
            let why = "the deadline had passed before the question".to_owned();
            return Err(failed(ReadErrorKind::DeadlineExceeded, why));
        }
        let answered = tokio::time::timeout(context.remaining(), self.exchange(context, question));
        let Ok(answered) = answered.await else {
            let why = format!("Prometheus at {} did not answer in time", self.server);
            return Err(failed(ReadErrorKind::DeadlineExceeded, why));
        };
        answered.map_err(|failure| match failure {
            Failure::NoRoom(error) => error,
            Failure::Of(kind, why) => failed(kind, format!("Prometheus at {}: {why}", self.server)),
        })
    }

    /// By `POST`, which has room for long questions; by `GET` where something in between takes no other, as Prometheus's own client
    /// does it.
    async fn exchange(&self, context: &RequestContext, question: &RangeQuestion) -> Result<Pieces, Failure> {
        let authorization = self.authorization.header(context.credentials.as_ref()).await;
        let authorization = authorization.map_err(|why| Failure::Of(ReadErrorKind::Unavailable, why))?;
        let form = question.form(context.remaining());
        let (mut status, mut body) = self.send(context, Method::POST, &form, authorization.as_ref()).await?;
        if matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            (status, body) = self.send(context, Method::GET, &form, authorization.as_ref()).await?;
        }
        if status == StatusCode::OK {
            Ok(body)
        } else {
            Err(refusal(status, &body.beginning(MAX_ERROR_BYTES)))
        }
    }

    async fn send(
        &self,
        context: &RequestContext,
        method: Method,
        form: &str,
        authorization: Option<&HeaderValue>,
    ) -> Result<(StatusCode, Pieces), Failure> {
        let unavailable = |why: String| Failure::Of(ReadErrorKind::Unavailable, why);
        let posts = method == Method::POST;
        let in_address: Vec<&str> = [self.extra.as_str(), if posts { "" } else { form }]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let mut address = self.server.join("/api/v1/query_range");
        let attempt = own_span::begin(&context.own_span, &method, &address);
        if !in_address.is_empty() {
            address = format!("{address}?{}", in_address.join("&"));
        }
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("spoor/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if posts {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(traceparent) = attempt.span().traceparent() {
            request = request.header(own_span::TRACEPARENT, traceparent);
        }
        let body = if posts { Bytes::copy_from_slice(form.as_bytes()) } else { Bytes::new() };
        let request = request.body(Full::new(body)).map_err(|error| unavailable(error.to_string()))?;
        let answered = self.answered(context, request).await;
        own_span::end(attempt, answered.as_ref().map(|(status, _)| *status));
        answered
    }

    async fn answered(
        &self,
        context: &RequestContext,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Pieces), Failure> {
        let sent = self.connections.send(request).await;
        let response = sent.map_err(|error| Failure::Of(ReadErrorKind::Unavailable, with_causes(&error)))?;
        let (status, body) = (response.status(), response.into_body());
        let body = if status == StatusCode::OK { whole(body, context).await } else { beginning(body).await };
        body.map(|body| (status, body))
    }
}

/// Why there is no answer.
pub(crate) enum Failure {
    /// Prometheus, or the way to it.
    Of(ReadErrorKind, String),
    /// There is no room for the answer.
    NoRoom(ReadError),
}

fn broke_off(error: &hyper::Error) -> Failure {
    Failure::Of(ReadErrorKind::Unavailable, format!("the answer broke off: {}", with_causes(error)))
}

/// The body of an answer. It has room as it comes, and not more than there is for any.
async fn whole(mut body: Incoming, context: &RequestContext) -> Result<Pieces, Failure> {
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broke_off(&error))?;
        let Ok(piece) = frame.into_data() else { continue };
        pieces.push(piece);
        if pieces.bytes() > MAX_ANSWER_BYTES {
            let why = format!(
                "the answer is larger than {MAX_ANSWER_BYTES} bytes; ask for fewer services, a shorter time or a longer step"
            );
            return Err(Failure::Of(ReadErrorKind::Invalid, why));
        }
        context.takes(pieces.bytes()).map_err(Failure::NoRoom)?;
    }
    Ok(pieces)
}

/// The first bytes of an error.
async fn beginning(mut body: Incoming) -> Result<Pieces, Failure> {
    let mut pieces = Pieces::default();
    while pieces.bytes() < MAX_ERROR_BYTES
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| broke_off(&error))?;
        frame.into_data().into_iter().for_each(|piece| pieces.push(piece));
    }
    Ok(pieces)
}

impl RangeQuestion {
    fn form(&self, timeout: Duration) -> String {
        let seconds = |millis: u64| format!("{}.{:03}", millis / 1_000, millis % 1_000);
        let timeout = format!("{}ms", timeout.as_millis().max(1));
        form([
            ("query", self.expression.as_str()),
            ("start", &seconds(self.first_ms)),
            ("end", &seconds(self.last_ms)),
            ("step", &seconds(self.step_ms)),
            ("timeout", &timeout),
        ])
    }
}

fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut form = String::new();
    for (name, value) in pairs {
        let separator = if form.is_empty() { "" } else { "&" };
        let (name, value) =
            (utf8_percent_encode(name, NON_ALPHANUMERIC), utf8_percent_encode(value, NON_ALPHANUMERIC));
        // Writing to memory does not fail.
        let _ = write!(form, "{separator}{name}={value}");
    }
    form
}

/// What an answer other than 200 means to whoever asked.
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let (error_type, told) = answer::error_of(body);
    let kind = match (error_type.as_str(), status.as_u16()) {
        ("timeout" | "canceled", _) => ReadErrorKind::DeadlineExceeded,
        ("bad_data" | "execution", _) => ReadErrorKind::Invalid,
        (_, 429) => ReadErrorKind::Busy,
        _ => ReadErrorKind::Unavailable,
    };
    let advice = match status.as_u16() {
        401 | 403 => {
            "; check --prometheus.token-file, or that users' tokens are passed on (--query.bearer-token-propagation)"
        }
        404 | 300..=399 => "; there is no Prometheus API under --prometheus.server-url",
        _ => "",
    };
    Failure::Of(kind, format!("it answered {status}: {told}{advice}"))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}
