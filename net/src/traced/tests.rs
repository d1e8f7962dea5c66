//! Claims about lines and spans of requests.

use std::convert::Infallible;

use futures::FutureExt;
use http_body_util::{Empty, Full};

use super::*;
use crate::captured::captured;

#[test]
fn lines_bear_the_ids_whatever_levels_are_logged() {
    let text = captured(tracing::Level::ERROR, || {
        let mut service = TracedLayer::default().layer(tower::service_fn(async |request: Request<()>| {
            tracing::error!("it broke");
            assert!(!OwnSpan::of(request.extensions()).is_recorded(), "nobody asked for it");
            Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::new())))
        }));
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = Request::builder().header("traceparent", parent).body(()).unwrap();
        service.call(request).now_or_never().expect("nothing to wait for").unwrap();
    });
    assert!(text.contains("0af7651916cd43dd8448eb211c80319c") && text.contains("it broke"), "{text}");
}

#[test]
fn a_request_without_a_trace_has_lines_without_ids() {
    let mut service = TracedLayer::default().layer(tower::service_fn(async |_: Request<()>| {
        assert!(Span::current().is_none());
        Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
    }));
    service.call(Request::new(())).now_or_never().expect("nothing to wait for").unwrap();
}

#[test]
fn what_is_begun_at_the_call_belongs_to_the_request_too() {
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        let mut service = TracedLayer::default().layer(tower::service_fn(|_: Request<()>| {
            let at_the_call = Span::current();
            async move {
                assert!(!at_the_call.is_none());
                assert_eq!(at_the_call.id(), Span::current().id());
                Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
            }
        }));
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = Request::builder().header("traceparent", parent).body(()).unwrap();
        service.call(request).now_or_never().expect("nothing to wait for").unwrap();
    });
}
