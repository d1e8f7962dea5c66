//! Strategies by HTTP, as clients of Jaeger and OpenTelemetry ask. Routes, codes and texts:
//! `jaegertracing/jaeger pkg/clientcfg/clientcfghttp/handler.go`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::metrics::Failed;
use crate::{HttpMetrics, Strategy, StrategyProvider, write_json, write_legacy_json};

/// What Jaeger's collector and agent say of baggage restrictions, which neither has.
const NO_BAGGAGE: &str = "baggage not implemented";

#[derive(Clone)]
struct Shared {
    provider: Arc<dyn StrategyProvider>,
    metrics: HttpMetrics,
}

/// The collector's routes, beside the others of port 14268: `/api/sampling` and `/api/baggageRestrictions`.
pub fn collector_routes(provider: Arc<dyn StrategyProvider>, metrics: HttpMetrics) -> Router {
    Router::new()
        .route("/api/sampling", get(sampling))
        .route("/api/baggageRestrictions", get(baggage))
        .with_state(Shared { provider, metrics })
}

/// The routes of port 5778: `/sampling`, `/` in the legacy shape, and `/baggageRestrictions` as Jaeger's agent has them; and the
/// collector's, which newer Jaegers answer there as well.
pub fn agent_routes(provider: Arc<dyn StrategyProvider>, metrics: HttpMetrics) -> Router {
    let routes = Router::new()
        .route("/sampling", get(sampling))
        .route("/", get(legacy_sampling))
        .route("/baggageRestrictions", get(baggage))
        .with_state(Shared { provider: Arc::clone(&provider), metrics: metrics.clone() });
    routes.merge(collector_routes(provider, metrics))
}

async fn sampling(State(shared): State<Shared>, uri: Uri) -> Response {
    let strategy = match shared.ask(&uri).await {
        Ok(strategy) => strategy,
        Err(refusal) => return refusal,
    };
    let mut body = Vec::new();
    write_json(&mut body, &strategy);
    shared.metrics.answered("sampling");
    json(body)
}

async fn legacy_sampling(State(shared): State<Shared>, uri: Uri) -> Response {
    let strategy = match shared.ask(&uri).await {
        Ok(strategy) => strategy,
        Err(refusal) => return refusal,
    };
    let mut body = Vec::new();
    if let Err(error) = write_legacy_json(&mut body, &strategy) {
        shared.metrics.failed(Failed::Shape);
        return refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot marshall to JSON: {error}"));
    }
    shared.metrics.answered("sampling-legacy");
    json(body)
}

async fn baggage(State(shared): State<Shared>, uri: Uri) -> Response {
    if let Err(refusal) = shared.service(&uri) {
        return refusal;
    }
    shared.metrics.failed(Failed::Provider);
    shared.provider.no_baggage();
    refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("collector error: {NO_BAGGAGE}"))
}

impl Shared {
    #[expect(clippy::result_large_err, reason = "an answer either way")]
    fn service(&self, uri: &Uri) -> Result<String, Response> {
        let pairs = uri.query().unwrap_or_default().split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut services =
            pairs.filter(|(name, _)| decoded(name) == "service").map(|(_, value)| decoded(value));
        match (services.next(), services.next()) {
            (Some(service), None) => Ok(service),
            _ => {
                self.metrics.failed(Failed::Request);
                Err(refused(StatusCode::BAD_REQUEST, "'service' parameter must be provided once"))
            }
        }
    }

    async fn ask(&self, uri: &Uri) -> Result<Arc<Strategy>, Response> {
        let service = self.service(uri)?;
        self.provider.strategy(&service).await.map_err(|error| {
            self.metrics.failed(Failed::Provider);
            refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("collector error: {error}"))
        })
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// As Go's `http.Error`: plain text with a line's end.
fn refused(status: StatusCode, text: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, format!("{text}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use axum::body::Body;
    use http_body_util::BodyExt;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use tower::ServiceExt;

    use super::*;
    use crate::{Sampler, StrategyError};

    struct Told;

    #[async_trait]
    impl StrategyProvider for Told {
        async fn strategy(&self, service: &str) -> Result<Arc<Strategy>, StrategyError> {
            match service {
                "broken" => Err(StrategyError("no collector".to_owned())),
                "wide" => Ok(Arc::new(Strategy {
                    sampler: Some(Sampler::RateLimiting(40_000)),
                    per_operation: None,
                })),
                "a shop&co" | "" => Ok(Arc::new(Strategy::probabilistic(0.25))),
                other => panic!("asked for {other:?}"),
            }
        }
    }

    async fn ask(router: &Router, method: &str, path: &str) -> (u16, String, String) {
        let request = http::Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_strategy_is_told_under_each_path_in_its_shape() {
        let routes = agent_routes(Arc::new(Told), HttpMetrics::default());
        let text = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}"#;
        let told = (200, "application/json".to_owned(), text.to_owned());
        for path in
            ["/sampling?service=a+shop%26co", "/api/sampling?x=1&service=a%20shop%26co", "/sampling?service="]
        {
            assert_eq!(ask(&routes, "GET", path).await, told, "{path}");
        }
        let legacy = ask(&routes, "GET", "/?service=").await.2;
        assert_eq!(legacy, r#"{"strategyType":0,"probabilisticSampling":{"samplingRate":0.25}}"#);
        let of_collector = collector_routes(Arc::new(Told), HttpMetrics::default());
        assert_eq!(ask(&of_collector, "GET", "/api/sampling?service=").await, told);
        assert_eq!(ask(&of_collector, "GET", "/sampling?service=").await.0, 404);
        assert_eq!(ask(&of_collector, "POST", "/api/sampling?service=").await.0, 405);
    }

    #[tokio::test]
    async fn refusals_have_jaegers_codes_and_texts_and_are_counted() {
        let mut registry = Registry::default();
        let metrics = HttpMetrics::register(registry.sub_registry_with_prefix("jaeger_agent"));
        let routes = agent_routes(Arc::new(Told), metrics);
        let once = "'service' parameter must be provided once\n";
        for (path, status, text) in [
            ("/sampling", 400, once),
            ("/sampling?service=a&service=b", 400, once),
            ("/?Service=a", 400, once),
            ("/baggageRestrictions", 400, once),
            ("/sampling?service=broken", 500, "collector error: no collector\n"),
            ("/baggageRestrictions?service=x", 500, "collector error: baggage not implemented\n"),
            (
                "/?service=wide",
                500,
                "cannot marshall to JSON: 40000 traces per second are more than the legacy format can say, which has 16 bits for them\n",
            ),
        ] {
            let expected = (status, "text/plain; charset=utf-8".to_owned(), text.to_owned());
            assert_eq!(ask(&routes, "GET", path).await, expected, "{path}");
        }
        ask(&routes, "GET", "/sampling?service=wide").await;
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "jaeger_agent_http_server_requests_total{type=\"sampling\"} 1",
            "jaeger_agent_http_server_requests_total{type=\"sampling-legacy\"} 0",
            "jaeger_agent_http_server_errors_total{source=\"all\",status=\"4xx\"} 4",
            "jaeger_agent_http_server_errors_total{source=\"collector-proxy\",status=\"5xx\"} 2",
            "jaeger_agent_http_server_errors_total{source=\"thrift\",status=\"5xx\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
