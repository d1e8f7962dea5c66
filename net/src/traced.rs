//! Requests that belong to a caller's trace: what is logged while one is served bears its ids.
//! Fact: W3C Trace Context, header `traceparent` = `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`.

use std::task::{Context, Poll};

use http::{HeaderMap, Request};
use tower::{Layer, Service};
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};

/// Wraps a service so that each request with a valid `traceparent` is served within a log span of its `trace_id` and `span_id`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracedLayer;

/// See [`TracedLayer`].
#[derive(Debug, Clone)]
pub struct Traced<S>(S);

impl<S> Layer<S> for TracedLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced(inner)
    }
}

impl<S, B> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Of the highest level, so that it is there for every line, whatever levels are logged.
        let span = match trace_parent(request.headers()) {
            Some((trace_id, span_id)) => tracing::error_span!("request", trace_id, span_id),
            None => Span::none(),
        };
        self.0.call(request).instrument(span)
    }
}

/// Trace id and span id of the caller, as lower-case hex; `None` without a valid header.
fn trace_parent(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let valid = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace_id, 32)
        && is_hex(span_id, 16)
        && is_hex(flags, 2);
    (valid && !is_zero(trace_id) && !is_zero(span_id)).then_some((trace_id, span_id))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_bear_the_ids_whatever_levels_are_logged() {
        let captured = Captured::default();
        let target = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::ERROR)
            .with_writer(move || target.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut service = TracedLayer.layer(tower::service_fn(async |_: Request<()>| {
                tracing::error!("it broke");
                Ok::<_, Infallible>(())
            }));
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let request = Request::builder().header("traceparent", parent).body(()).unwrap();
            service.call(request).now_or_never().expect("nothing to wait for").unwrap();
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("0af7651916cd43dd8448eb211c80319c") && text.contains("it broke"), "{text}");
    }

    fn parsed(value: &str) -> Option<(String, String)> {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), value.parse().unwrap())]);
        trace_parent(&headers).map(|(trace_id, span_id)| (trace_id.to_owned(), span_id.to_owned()))
    }

    #[test]
    fn takes_the_ids_of_a_valid_header_and_nothing_else() {
        let ids = Some(("0af7651916cd43dd8448eb211c80319c".to_owned(), "b7ad6b7169203331".to_owned()));
        assert_eq!(parsed("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ids);
        assert_eq!(parsed("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-future"), ids);
        for bad in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
