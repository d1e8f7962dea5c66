//! How a recorded request ended: the span goes on until its answer has been sent, or nobody takes it any more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use spoor_tracer::{KeyValue, OwnSpan};
use tonic::Code;

/// A span that ends with this, and what is known of the answer by then.
#[derive(Debug)]
pub(super) struct Ending {
    span: OwnSpan,
    is_grpc: bool,
    /// By gRPC the verdict stands behind the answer.
    grpc_status: Option<Code>,
}

impl Ending {
    pub(super) fn new(span: OwnSpan, is_grpc: bool) -> Self {
        Self { span, is_grpc, grpc_status: None }
    }

    /// Goes along with the answer.
    pub(super) fn of<R>(mut self, response: Response<R>) -> Response<Recorded<R>> {
        let status = response.status();
        self.note(response.headers());
        if !self.is_grpc {
            self.span.set(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if status.is_server_error() {
                self.span.fail(status.as_u16().to_string(), status.canonical_reason().unwrap_or_default());
            }
        } else if status != StatusCode::OK {
            self.span.fail(status.as_u16().to_string(), "the answer is none of gRPC's");
        }
        response.map(|body| Recorded { body, ending: Some(Box::new(self)) })
    }

    fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.grpc_status = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(code) = self.grpc_status {
            self.span.set(KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)));
            if is_servers_fault(code) {
                self.span.fail((code as i32).to_string(), code.description());
            }
        }
        self.span.end();
    }
}

/// By the conventions, other codes are no errors of a server: its client asked for what cannot be.
fn is_servers_fault(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// The body of an answer, and the span that ends with it, if one is recorded.
#[derive(Debug)]
pub struct Recorded<R> {
    body: R,
    ending: Option<Box<Ending>>,
}

impl<R> Recorded<R> {
    /// Of which nothing is recorded.
    pub(super) fn plain(body: R) -> Self {
        Self { body, ending: None }
    }
}

impl<R: Body<Data = Bytes> + Unpin> Body for Recorded<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let (Some(ending), Some(Ok(frame))) = (&mut self.ending, &frame)
            && let Some(trailers) = frame.trailers_ref()
        {
            ending.note(trailers);
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
