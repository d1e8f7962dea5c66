//! A file, or an address.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::percent_decode_str;
use tokio::io::AsyncReadExt;

use super::redirect;

/// The largest file of strategies, in bytes.
const MOST_BYTES: usize = 4 << 20;

/// How long an address may take, as in Jaeger.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Strategies that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file.
    #[error(transparent)]
    File(std::io::Error),
    /// The file or answer.
    #[error("it has more than {MOST_BYTES} bytes, which no strategies need")]
    TooLarge,
    /// The address is none.
    #[error("{0}")]
    Address(String),
    /// TLS could not be set up.
    #[error("prepare TLS: {0}")]
    Tls(std::io::Error),
    /// Nobody answers there, or what comes breaks off.
    #[error("{0}")]
    Connection(String),
    /// Nobody answers in time.
    #[error("it has not answered within {TIMEOUT:?}")]
    Late,
    /// It sends on to where nobody goes.
    #[error("{0}")]
    Redirect(&'static str),
    /// An answer that is none.
    #[error("it answers {0}; strategies come with 200")]
    Status(StatusCode),
}

impl SourceError {
    /// Whether the same source may have strategies a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Late => true,
            Self::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::File(_) | Self::TooLarge | Self::Address(_) | Self::Tls(_) | Self::Redirect(_) => false,
        }
    }
}

/// Where strategies are read.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf),
    Url(Box<Address>),
}

#[derive(Debug)]
pub(super) struct Address {
    uri: Uri,
    /// `Basic …`, marked as sensitive.
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Source {
    /// An address when it has a scheme and a host, else a file.
    pub(super) fn new(place: &Path) -> Result<Self, SourceError> {
        match place.to_str().filter(|text| text.contains("://")) {
            Some(text) => Ok(Self::Url(Box::new(Address::new(text)?))),
            None => Ok(Self::File(place.to_owned())),
        }
    }

    pub(super) async fn read(&self) -> Result<Vec<u8>, SourceError> {
        match self {
            Self::File(path) => {
                let file = tokio::fs::File::open(path).await.map_err(SourceError::File)?;
                let (mut bytes, most) = (Vec::new(), MOST_BYTES as u64 + 1);
                file.take(most).read_to_end(&mut bytes).await.map_err(SourceError::File)?;
                if bytes.len() > MOST_BYTES { Err(SourceError::TooLarge) } else { Ok(bytes) }
            }
            Self::Url(address) => {
                tokio::time::timeout(TIMEOUT, address.read()).await.map_err(|_| SourceError::Late)?
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(address) => write!(f, "{}", address.uri),
        }
    }
}

/// The file or address without a password.
pub(super) fn shown(place: &Path) -> String {
    let text = place.display().to_string();
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}***{}", &text[..scheme + 3], &text[at..]),
        _ => text,
    }
}

impl Address {
    fn new(text: &str) -> Result<Self, SourceError> {
        let wrong = || {
            SourceError::Address(
                "write the address like http://host:8080/strategies.json, or a path".to_owned(),
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        if !matches!(scheme, "http" | "https") {
            return Err(wrong());
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (user, host) = match rest[..end].rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, &rest[..end]),
        };
        let uri: Uri = format!("{scheme}://{host}{}", &rest[end..]).parse().map_err(|_| wrong())?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_platform_verifier(rustls::crypto::ring::default_provider())
            .map_err(SourceError::Tls)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // A question now and then: no connection is kept for the next one.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { uri, authorization: user.map(basic).transpose()?, client })
    }

    /// Goes where it is sent on to.
    async fn read(&self) -> Result<Vec<u8>, SourceError> {
        let (mut uri, mut authorization) = (self.uri.clone(), self.authorization.as_ref());
        for _ in 0..=redirect::MOST {
            let response = self.ask(uri.clone(), authorization).await?;
            if !redirect::is_one(response.status()) {
                return document_of(response).await;
            }
            let next = redirect::target(&uri, response.headers())?;
            // Once the way has left the place that the password is for, it does not come back.
            authorization = authorization.filter(|_| redirect::is_same_place(&uri, &next));
            uri = next;
        }
        Err(SourceError::Redirect("it sends on more than 5 times"))
    }

    async fn ask(
        &self,
        uri: Uri,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, SourceError> {
        let mut request = Request::get(uri);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|error| SourceError::Address(error.to_string()))?;
        self.client.request(request).await.map_err(|error| broken(&error))
    }
}

async fn document_of(response: Response<Incoming>) -> Result<Vec<u8>, SourceError> {
    if response.status() != StatusCode::OK {
        return Err(SourceError::Status(response.status()));
    }
    match Limited::new(response.into_body(), MOST_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(SourceError::TooLarge),
        Err(error) => Err(broken(&*error)),
    }
}

/// The innermost cause says most.
fn broken(error: &(dyn std::error::Error + 'static)) -> SourceError {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    SourceError::Connection(format!("nobody answers there: {inner}"))
}

fn basic(user: &str) -> Result<HeaderValue, SourceError> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let pair = [decode(name), b":".to_vec(), decode(password)].concat();
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| SourceError::Address("the user in the address cannot be sent in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}
