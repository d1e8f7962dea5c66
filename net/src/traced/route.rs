//! Names of spans: the route that took the request, which are few, not its path, which are as many as there are ids.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use spoor_tracer::{KeyValue, OwnSpan, Tracer};

/// The router, whose routes name the spans of their requests where `tracer` records any; elsewhere it is as it was.
pub fn named_by_routes(router: Router, tracer: &Tracer) -> Router {
    if tracer.is_on() { router.layer(from_fn(name)) } else { router }
}

async fn name(request: Request, next: Next) -> Response {
    let span = OwnSpan::of(request.extensions());
    if span.is_recorded()
        && let Some(route) = request.extensions().get::<MatchedPath>()
    {
        let route = route.as_str();
        if super::is_grpc(request.headers()) {
            name_call(&span, route);
        } else {
            span.set(KeyValue::new("http.route", route.to_owned()));
            span.rename(format!("{} {route}", request.method()));
        }
    }
    next.run(request).await
}

/// `/package.Service/Method`; of a service that is one route as a whole the service alone is known.
fn name_call(span: &OwnSpan, route: &str) {
    let call = route.trim_start_matches('/');
    let (service, method) = call.split_once('/').unwrap_or((call, ""));
    span.set(KeyValue::new("rpc.service", service.to_owned()));
    if method.is_empty() || method.starts_with('{') {
        span.rename(service.to_owned());
    } else {
        span.set(KeyValue::new("rpc.method", method.to_owned()));
        span.rename(call.to_owned());
    }
}
