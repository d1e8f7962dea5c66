//! The rule before a service: what is not let in never reaches it.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::{Layer, Service};

use super::{Tenancy, TenancyError};

/// How a refusal is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    Http,
    Grpc,
}

/// Guards all of a port; a request that is let in has its [`super::TenantName`] among its extensions.
#[derive(Debug, Clone)]
pub struct TenancyLayer {
    tenancy: Tenancy,
    wording: Wording,
}

impl TenancyLayer {
    /// For HTTP: 401 and a plain text.
    #[must_use]
    pub fn http(tenancy: &Tenancy) -> Self {
        Self { tenancy: tenancy.clone(), wording: Wording::Http }
    }

    /// For gRPC: UNAUTHENTICATED without a tenant, PERMISSION_DENIED with a wrong one.
    #[must_use]
    pub fn grpc(tenancy: &Tenancy) -> Self {
        Self { tenancy: tenancy.clone(), wording: Wording::Grpc }
    }
}

impl<S> Layer<S> for TenancyLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, layer: self.clone() }
    }
}

/// See [`TenancyLayer`].
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    layer: TenancyLayer,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<R>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.layer.tenancy.admit(request.headers()) {
            Ok(tenant) => {
                if let Some(tenant) = tenant {
                    request.extensions_mut().insert(tenant);
                }
                Either::Right(self.inner.call(request))
            }
            Err(error) => Either::Left(ready(Ok(self.layer.wording.refuse(error)))),
        }
    }
}

impl Wording {
    fn refuse<R: From<&'static str>>(self, error: TenancyError) -> Response<R> {
        match self {
            Self::Http => {
                let mut response = Response::new(R::from(error.line()));
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                let text = HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, text);
                let plainly = HeaderValue::from_static("nosniff");
                response.headers_mut().insert(http::header::X_CONTENT_TYPE_OPTIONS, plainly);
                response
            }
            Self::Grpc => {
                let mut response = Response::new(R::from(""));
                let code = HeaderValue::from_static(error.grpc_code());
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(HeaderName::from_static("grpc-status"), code);
                let message = HeaderValue::from_static(error.line().trim_ascii_end());
                headers.insert(HeaderName::from_static("grpc-message"), message);
                response
            }
        }
    }
}

impl TenancyError {
    /// The text as an HTTP answer has it.
    fn line(self) -> &'static str {
        match self {
            Self::Missing => "missing tenant header\n",
            Self::Extra => "extra tenant header\n",
            Self::Unknown => "unknown tenant\n",
        }
    }

    /// The status code of gRPC, as its header has it: 16 UNAUTHENTICATED, 7 PERMISSION_DENIED.
    fn grpc_code(self) -> &'static str {
        match self {
            Self::Missing => "16",
            Self::Extra | Self::Unknown => "7",
        }
    }
}
