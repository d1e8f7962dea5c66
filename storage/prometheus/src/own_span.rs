//! Spans of this process's own questions to Prometheus: one for each request by HTTP.
//! Facts: OpenTelemetry's semantic conventions for HTTP clients. What is asked for, and Prometheus's words on it, are not in them.

use http::{HeaderName, Method, StatusCode, Uri};
use spoor_tracer::{KeyValue, OwnSpan, SpanKind};

use crate::client::Failure;

/// W3C Trace Context: by it Prometheus and what is before it know whose part the request is.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Begins the span of a request to that endpoint, which stands without parameters.
pub(crate) fn begin(parent: &OwnSpan, method: &Method, endpoint: &str) -> OwnSpan {
    if !parent.is_recorded() {
        return OwnSpan::default();
    }
    parent.child(SpanKind::Client, method.to_string(), || {
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.to_string()),
            KeyValue::new("url.full", endpoint.to_owned()),
        ];
        if let Ok(uri) = endpoint.parse::<Uri>() {
            attributes.extend(uri.host().map(|host| KeyValue::new("server.address", host.to_owned())));
            attributes.extend(uri.port_u16().map(|port| KeyValue::new("server.port", i64::from(port))));
        }
        attributes
    })
}

/// Ends a span, in whatever way its request does.
pub(crate) struct Ending {
    span: OwnSpan,
    is_over: bool,
}

impl Ending {
    pub(crate) fn of(span: OwnSpan) -> Self {
        Self { span, is_over: false }
    }

    /// The answer is there and has this status, or this is why there is none.
    pub(crate) fn by(mut self, answered: Result<StatusCode, &Failure>) {
        self.is_over = true;
        match answered {
            Ok(status) => self.note(status),
            Err(Failure::Of(..)) => {
                self.span.fail("unanswered", "Prometheus was not reached, or its answer did not come whole");
            }
            Err(Failure::NoRoom(_)) => self.span.fail("no_room", "there was no room for the answer"),
        }
    }

    fn note(&self, status: StatusCode) {
        if !self.span.is_recorded() {
            return;
        }
        self.span.set(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_client_error() || status.is_server_error() {
            self.span.fail(status.as_u16().to_string(), "Prometheus refused the question");
        }
    }
}

/// One that is given up in the middle has had no time left, or nobody waits for it any more.
impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_over {
            self.span.fail("given_up", "there was no answer while anybody waited for it");
        }
        self.span.end();
    }
}
