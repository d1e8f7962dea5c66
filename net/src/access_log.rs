//! One line a request, for ports whose operator asks for it: who asked for what, how it was answered, how much that was and how long
//! it took. Of a question's parameters the names alone: values are what people search for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use tower::{Layer, Service};

use crate::tenancy::{Tenancy, TenantName};

/// Longer paths are cut in the line.
const LONGEST_PATH: usize = 512;
/// More names are left out, and longer ones cut.
const MOST_NAMES: usize = 32;
const LONGEST_NAME: usize = 64;

/// Logs each request of a port at its end, if it is asked to.
#[derive(Debug, Clone)]
pub struct AccessLogLayer(Option<Tenancy>);

impl AccessLogLayer {
    /// Logs when `enabled`, with the tenant that the rule finds.
    #[must_use]
    pub fn new(enabled: bool, tenancy: &Tenancy) -> Self {
        Self(enabled.then(|| tenancy.clone()))
    }
}

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLog<S>;

    fn layer(&self, inner: S) -> AccessLog<S> {
        AccessLog { inner, tenancy: self.0.clone() }
    }
}

/// See [`AccessLogLayer`].
#[derive(Debug, Clone)]
pub struct AccessLog<S> {
    inner: S,
    tenancy: Option<Tenancy>,
}

impl<S, B, R> Service<Request<B>> for AccessLog<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: Body,
{
    type Response = Response<Logged<R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut line = self.tenancy.as_ref().map(|tenancy| Box::new(Line::begin(&request, tenancy)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if let Some(line) = &mut line {
                // Nobody takes the body of an answer that has none.
                line.whole = line.method == Method::HEAD || response.body().is_end_stream();
                line.status = Some(response.status().as_u16());
                line.note_grpc_status(response.headers());
            }
            Ok(response.map(|body| Logged { body, line }))
        })
    }
}

/// The body of an answer whose request is being logged.
#[derive(Debug)]
pub struct Logged<R> {
    body: R,
    line: Option<Box<Line>>,
}

impl<R: Body<Data = Bytes> + Unpin> Body for Logged<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let ended = match &frame {
            None => true,
            // Nothing comes behind trailers, and nobody asks for it.
            Some(Ok(frame)) => frame.is_trailers() || self.body.is_end_stream(),
            Some(Err(_)) => false,
        };
        if let Some(line) = &mut self.line {
            if let Some(Ok(frame)) = &frame {
                line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                frame.trailers_ref().into_iter().for_each(|trailers| line.note_grpc_status(trailers));
            }
            line.whole = ended;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What is known of a request; it is logged when this is dropped, so that no end is missed.
#[derive(Debug)]
struct Line {
    /// Of the request's trace, whose ids the line bears although it is written behind the answer.
    lines: tracing::Span,
    began: Instant,
    method: Method,
    path: String,
    parameters: String,
    tenant: Option<TenantName>,
    status: Option<u16>,
    grpc_status: Option<String>,
    bytes: u64,
    /// The answer was taken to its end.
    whole: bool,
}

impl Line {
    fn begin<B>(request: &Request<B>, tenancy: &Tenancy) -> Self {
        Self {
            lines: tracing::Span::current(),
            began: Instant::now(),
            method: request.method().clone(),
            path: cut(request.uri().path(), LONGEST_PATH).to_owned(),
            parameters: names(request.uri()),
            tenant: tenancy.admit(request.headers()).ok().flatten(),
            status: None,
            grpc_status: None,
            bytes: 0,
            whole: false,
        }
    }

    fn note_grpc_status(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status").and_then(|status| status.to_str().ok()) {
            self.grpc_status = Some(cut(status, LONGEST_NAME).to_owned());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { lines, method, path, parameters, tenant, status, grpc_status, bytes, whole, began } = self;
        tracing::info!(
            parent: &*lines,
            %method,
            path,
            parameters,
            status,
            grpc_status,
            bytes,
            ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            tenant = tenant.as_ref().map(|TenantName(name)| &**name),
            whole,
            "access"
        );
    }
}

/// The parameters' names, as they stand in the URI.
fn names(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let names = pairs.map(|pair| cut(pair.split('=').next().unwrap_or_default(), LONGEST_NAME));
    names.take(MOST_NAMES).collect::<Vec<_>>().join("&")
}

fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::FutureExt;
    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::captured::captured;

    /// What is logged of a request for that URI, whose answer is read to its end or not at all.
    fn logged(enabled: bool, uri: &str, reads: bool) -> String {
        captured(tracing::Level::INFO, || {
            let layer = AccessLogLayer::new(enabled, &Tenancy::off());
            let mut service = layer.layer(tower::service_fn(async |_: Request<()>| {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
            }));
            let request = Request::builder().uri(uri).body(()).unwrap();
            let answer = service.call(request).now_or_never().expect("nothing to wait for").unwrap();
            if reads {
                let body = answer.into_body().collect().now_or_never().expect("it is there").unwrap();
                assert_eq!(body.to_bytes(), "hello");
            }
        })
    }

    #[test]
    fn a_request_is_one_line_with_the_names_of_its_parameters_and_no_value() {
        let line = logged(true, "/api/traces?service=shop&tag=card:4711&secret", true);
        for part in [
            "method=GET",
            r#"path="/api/traces""#,
            r#"parameters="service&tag&secret""#,
            "status=200",
            "bytes=5",
            "whole=true",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(!line.contains("4711") && !line.contains("shop") && line.lines().count() == 1, "{line}");
    }

    #[test]
    fn an_answer_that_nobody_read_is_logged_as_such_and_nothing_is_unless_asked_for() {
        assert!(logged(true, "/", false).contains("whole=false"));
        assert_eq!(logged(false, "/", true), "");
    }

    #[test]
    fn an_answer_that_was_read_up_to_its_trailers_is_whole() {
        let line = captured(tracing::Level::INFO, || {
            let layer = AccessLogLayer::new(true, &Tenancy::off());
            let mut service = layer.layer(tower::service_fn(async |_: Request<()>| {
                let trailers = HeaderMap::from_iter([(
                    http::HeaderName::from_static("grpc-status"),
                    http::HeaderValue::from_static("0"),
                )]);
                let frames = [Frame::data(Bytes::from_static(b"hello")), Frame::trailers(trailers)];
                let frames = futures::stream::iter(frames.map(Ok::<_, Infallible>));
                Ok::<_, Infallible>(Response::new(http_body_util::StreamBody::new(frames)))
            }));
            let answer = service.call(Request::new(())).now_or_never().expect("nothing to wait for").unwrap();
            let mut body = answer.into_body();
            for _ in 0..2 {
                body.frame().now_or_never().expect("it is there").unwrap().unwrap();
            }
        });
        assert!(line.contains("whole=true") && line.contains(r#"grpc_status="0""#), "{line}");
    }

    #[test]
    fn lines_are_bounded_whatever_is_asked() {
        let uri = format!("/{}?{}&{}", "a".repeat(10_000), "b".repeat(10_000), "c=1&".repeat(1_000));
        let line = logged(true, &uri, true);
        assert!(line.len() < 1_000, "{} bytes", line.len());
    }
}
