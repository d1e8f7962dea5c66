//! Spans of this process's own questions to Prometheus: one for each request by HTTP.
//! Facts: OpenTelemetry's semantic conventions for HTTP clients. What is asked for, and Prometheus's words on it, are not in them.

use http::{HeaderName, Method, StatusCode, Uri};
use spoor_tracer::{Attempt, KeyValue, OwnSpan, SpanKind};

use crate::client::Failure;

/// W3C Trace Context: by it Prometheus and what is before it know whose part the request is.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Begins the span of a request to that endpoint, which stands without parameters.
pub(crate) fn begin(parent: &OwnSpan, method: &Method, endpoint: &str) -> Attempt {
    if !parent.is_recorded() {
        return Attempt::of(OwnSpan::default());
    }
    let span = parent.child(SpanKind::Client, method.to_string(), || {
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.to_string()),
            KeyValue::new("url.full", endpoint.to_owned()),
        ];
        if let Ok(uri) = endpoint.parse::<Uri>() {
            attributes.extend(uri.host().map(|host| KeyValue::new("server.address", host.to_owned())));
            attributes.extend(uri.port_u16().map(|port| KeyValue::new("server.port", i64::from(port))));
        }
        attributes
    });
    Attempt::of(span)
}

/// Ends it: the answer is there and has this status, or this is why there is none.
pub(crate) fn end(attempt: Attempt, answered: Result<StatusCode, &Failure>) {
    attempt.end(|span| match answered {
        Ok(status) => {
            span.set(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_u16().to_string(), "Prometheus refused the question");
            }
        }
        Err(Failure::Of(..)) => {
            span.fail("unanswered", "Prometheus was not reached, or its answer did not come whole");
        }
        Err(Failure::NoRoom(_)) => span.fail("no_room", "there was no room for the answer"),
    });
}
