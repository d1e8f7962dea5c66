//! Requests that belong to a trace: what is logged while one is served bears its ids, and where the process traces itself a span is
//! recorded from the request's head to the end of its answer.
//! Facts: OpenTelemetry's semantic conventions for HTTP and RPC spans.

mod answer;
mod route;

use std::task::{Context, Poll};

use futures::TryFutureExt;
use futures::future::{BoxFuture, Either, MapOk};
use http::{HeaderMap, Request, Response, Version, header};
use spoor_tracer::{KeyValue, OwnSpan, Parent, Tracer, is_marked};
use tower::{Layer, Service};
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};

use answer::Ending;
pub use answer::Recorded;
pub use route::named_by_routes;

/// Longer paths and names of clients are cut in a span.
const LONGEST_TEXT: usize = 512;

/// Wraps a port's service. Each request with a valid `traceparent`, and each that is recorded, is served within a log span of its `trace_id` and `span_id`; where
/// something is recorded the service finds its [`OwnSpan`] beside the request. Of a request that brings own traces nothing is recorded.
#[derive(Debug, Clone, Default)]
pub struct TracedLayer {
    tracer: Tracer,
}

impl TracedLayer {
    /// Records what this tracer samples; nothing, where it is off.
    #[must_use]
    pub fn new(tracer: &Tracer) -> Self {
        Self { tracer: tracer.clone() }
    }

    /// A span for a request: empty where none is to be recorded.
    fn begin<B>(&self, request: &Request<B>, caller: Option<Parent>) -> OwnSpan {
        if !self.tracer.is_on() || is_marked(request.headers()) {
            return OwnSpan::default();
        }
        let is_grpc = is_grpc(request.headers());
        // What no route has named; a path of its own would be as many names as there are ids.
        let name = if is_grpc { "_OTHER".to_owned() } else { request.method().to_string() };
        let caller = caller.map(|caller| caller.with_state(request.headers()));
        let span = self.tracer.server(caller.as_ref(), name);
        if span.is_recorded() {
            describe(&span, request, is_grpc);
        }
        span
    }
}

/// See [`TracedLayer`].
#[derive(Debug, Clone)]
pub struct Traced<S> {
    inner: S,
    layer: TracedLayer,
}

impl<S> Layer<S> for TracedLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced { inner, layer: self.clone() }
    }
}

/// An answer of which nothing is recorded.
type Plain<F, R> = MapOk<Instrumented<F>, fn(Response<R>) -> Response<Recorded<R>>>;

impl<S, B, R> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: http_body::Body + 'static,
{
    type Response = Response<Recorded<R>>;
    type Error = S::Error;
    type Future = Either<Plain<S::Future, R>, BoxFuture<'static, Result<Self::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let caller = Parent::of(request.headers());
        let of_caller = caller.as_ref().map(Parent::ids);
        let span = self.layer.begin(&request, caller);
        // Of the highest level, so that it is there for every line, whatever levels are logged.
        let lines = match span.ids().or(of_caller) {
            Some((trace_id, span_id)) => tracing::error_span!("request", %trace_id, %span_id),
            None => Span::none(),
        };
        if !span.is_recorded() {
            let answer = lines.in_scope(|| self.inner.call(request)).instrument(lines);
            let plain: fn(Response<R>) -> Response<Recorded<R>> = |response| response.map(Recorded::plain);
            return Either::Left(answer.map_ok(plain));
        }
        request.extensions_mut().insert(span.clone());
        let ending = Ending::new(span, is_grpc(request.headers()));
        let answer = lines.in_scope(|| self.inner.call(request)).instrument(lines);
        Either::Right(Box::pin(async move {
            // A client that hangs up drops this, which ends the span.
            let ending = ending;
            let response = answer.await?;
            Ok(ending.of(response))
        }))
    }
}

/// Attributes that are known from a request's head. Of its parameters none: values are what people search for.
fn describe<B>(span: &OwnSpan, request: &Request<B>, is_grpc: bool) {
    let text = |key: &'static str, value: &str| KeyValue::new(key, cut(value).to_owned());
    if is_grpc {
        span.set(KeyValue::new("rpc.system", "grpc"));
    } else {
        span.set(text("http.request.method", request.method().as_str()));
        span.set(text("url.path", request.uri().path()));
        if let Some(scheme) = request.uri().scheme_str() {
            span.set(text("url.scheme", scheme));
        }
    }
    let version = match request.version() {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    span.set(KeyValue::new("network.protocol.version", version));
    if let Some(agent) = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        span.set(text("user_agent.original", agent));
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}

#[cfg(test)]
mod tests;
