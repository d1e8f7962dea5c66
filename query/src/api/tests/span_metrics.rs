//! Claims about metrics of spans: parameters and their units, the shape of answers, and what is said when there are none.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spoor_model::{MetricPoint, MetricSeries, SpanKind, SpanMetricsQuery, TimeRange, UnixNanos};
use spoor_storage::{MetricsReader, ReadError, ReadErrorKind, RequestContext};

use super::*;

/// Answers the same series to every question, and remembers what was asked.
#[derive(Default)]
struct FakeMetrics {
    series: Vec<MetricSeries>,
    fails: bool,
    asked: Mutex<Vec<(&'static str, SpanMetricsQuery, f64)>>,
}

impl FakeMetrics {
    fn answer(
        &self,
        what: &'static str,
        query: &SpanMetricsQuery,
        quantile: f64,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.asked.lock().unwrap().push((what, query.clone(), quantile));
        if self.fails {
            return Err(ReadError::new(ReadErrorKind::Invalid, "compute", "too many points"));
        }
        Ok(self.series.clone())
    }
}

#[async_trait]
impl MetricsReader for FakeMetrics {
    fn min_step(&self) -> Duration {
        Duration::from_millis(7)
    }

    async fn latencies(
        &self,
        _: &RequestContext,
        query: &SpanMetricsQuery,
        quantile: f64,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.answer("latencies", query, quantile)
    }

    async fn call_rates(
        &self,
        _: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.answer("calls", query, 0.0)
    }

    async fn error_rates(
        &self,
        _: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.answer("errors", query, 0.0)
    }
}

fn port(metrics: &Arc<FakeMetrics>) -> Port {
    let reader = Arc::new(FakeReader::new(Script::Hang));
    let stores = Stores { span_metrics: Some(metrics.clone()), ..Stores::new(reader.clone()) };
    Port { router: over(&config(&[]), stores), reader }
}

fn series(operation: Option<&str>) -> MetricSeries {
    let point = |millis, value| MetricPoint { time: UnixNanos::from_millis(millis), value };
    MetricSeries {
        service: "shop \"1\"".to_owned(),
        operation: operation.map(str::to_owned),
        points: vec![point(1_704_067_200_000, Some(0.0)), point(1_704_067_200_500, None)],
    }
}

#[tokio::test]
async fn a_family_has_the_shape_that_the_ui_reads() {
    let metrics = Arc::new(FakeMetrics { series: vec![series(None)], ..FakeMetrics::default() });
    let answer = port(&metrics).get("/api/metrics/latencies?service=shop&quantile=0.95").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert_eq!(
        answer.body,
        r#"{"name":"service_latencies","type":"GAUGE","help":"0.95th quantile latency, grouped by service","metrics":[{"labels":[{"name":"service_name","value":"shop \"1\""}],"metricPoints":[{"gaugeValue":{"doubleValue":0},"timestamp":"2024-01-01T00:00:00Z"},{"gaugeValue":{"doubleValue":"NaN"},"timestamp":"2024-01-01T00:00:00.500Z"}]}]}"#
    );
}

#[tokio::test]
async fn names_and_helps_tell_the_metric_and_the_grouping() {
    let metrics = Arc::new(FakeMetrics { series: vec![series(Some("GET /"))], ..FakeMetrics::default() });
    let port = port(&metrics);
    for (path, name, help) in [
        ("latencies?quantile=0.5&", "latencies", "0.50th quantile latency, grouped by service"),
        ("calls?", "call_rate", "calls/sec, grouped by service"),
        (
            "errors?",
            "error_rate",
            "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service",
        ),
    ] {
        let plain = port.get(&format!("/api/metrics/{path}service=a")).await.json();
        assert_eq!((&plain["name"], &plain["help"]), (&format!("service_{name}").into(), &help.into()));
        let grouped = port.get(&format!("/api/metrics/{path}service=a&groupByOperation=true")).await.json();
        assert_eq!(grouped["name"], format!("service_operation_{name}"));
        assert_eq!(grouped["help"], format!("{help} & operation"));
        assert_eq!(
            grouped["metrics"][0]["labels"][1],
            serde_json::json!({"name": "operation", "value": "GET /"})
        );
    }
}

#[tokio::test]
async fn no_series_are_an_empty_list_and_no_error() {
    let metrics = Arc::new(FakeMetrics::default());
    let answer = port(&metrics).get("/api/metrics/calls?service=nobody").await;
    assert_eq!((answer.status, &answer.json()["metrics"]), (StatusCode::OK, &serde_json::json!([])));
}

#[tokio::test]
async fn parameters_are_milliseconds_and_have_jaegers_defaults() {
    let metrics = Arc::new(FakeMetrics::default());
    let port = port(&metrics);
    port.get(
        "/api/metrics/latencies?service=AT&T&service=b&quantile=0.999&groupByOperation=1&spanKind=Client&spanKind=unspecified\
         &endTs=10000&lookback=4000&step=500&ratePer=90000",
    )
    .await;
    port.get("/api/metrics/errors?service=a").await;
    let asked = metrics.asked.lock().unwrap();
    let (what, query, quantile) = &asked[0];
    assert_eq!((*what, *quantile), ("latencies", 0.999));
    let expected = SpanMetricsQuery {
        services: vec!["AT&T".to_owned(), "b".to_owned()],
        kinds: vec![SpanKind::Client, SpanKind::Unspecified],
        by_operation: true,
        range: TimeRange { start: UnixNanos::from_millis(6_000), end: UnixNanos::from_millis(10_000) },
        step: Duration::from_millis(500),
        rate_per: Duration::from_secs(90),
    };
    assert_eq!(query, &expected);
    let (_, query, _) = &asked[1];
    assert_eq!((&query.kinds[..], query.by_operation), (&[SpanKind::Server][..], false));
    assert_eq!((query.step, query.rate_per), (Duration::from_secs(5), Duration::from_secs(600)));
    assert_eq!(query.range.end.since(query.range.start), Duration::from_secs(3_600));
}

#[tokio::test]
async fn bad_parameters_are_400_and_named_whether_metrics_are_on_or_not() {
    let metrics = Arc::new(FakeMetrics::default());
    for port in [port(&metrics), Port::with_traces(&[])] {
        for (query, message) in [
            ("calls", "unable to parse param 'service': please provide at least one service name"),
            ("calls?service=", "unable to parse param 'service': please provide at least one service name"),
            ("latencies?service=a", "unable to parse param 'quantile': "),
            ("latencies?service=a&quantile=x", "unable to parse param 'quantile': "),
            ("latencies?service=a&quantile=1.5", "unable to parse param 'quantile': "),
            ("latencies?service=a&quantile=NaN", "unable to parse param 'quantile': "),
            ("calls?service=a&spanKind=x", "unable to parse param 'spanKind': unsupported span kind: 'x'"),
            ("calls?service=a&spanKind=", "unable to parse param 'spanKind': "),
            ("calls?service=a&groupByOperation=x", "unable to parse param 'groupByOperation': "),
            ("calls?service=a&endTs=1.5", "unable to parse param 'endTs': "),
            ("errors?service=a&lookback=1h", "unable to parse param 'lookback': "),
            ("errors?service=a&step=-1", "unable to parse param 'step': "),
            ("errors?service=a&ratePer=x", "unable to parse param 'ratePer': "),
        ] {
            let answer = port.get(&format!("/api/metrics/{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.body);
            let json = answer.json();
            assert!(json["errors"][0]["msg"].as_str().unwrap().starts_with(message), "{query}: {json}");
        }
    }
    assert!(metrics.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn metrics_that_are_off_are_501_in_jaegers_words() {
    let port = Port::with_traces(&[]);
    for path in ["latencies?service=a&quantile=0.5", "calls?service=a", "errors?service=a", "minstep"] {
        let answer = port.get(&format!("/api/metrics/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
        assert_eq!(
            answer.body,
            "{\"data\":null,\"total\":0,\"limit\":0,\"offset\":0,\"errors\":[{\"code\":501,\"msg\":\"metrics querying is currently disabled\"}]}\n"
        );
    }
}

#[tokio::test]
async fn the_shortest_step_comes_in_the_envelope() {
    let answer = port(&Arc::new(FakeMetrics::default())).get("/api/metrics/minstep").await;
    assert_eq!(answer.body, r#"{"data":7,"total":0,"limit":0,"offset":0,"errors":null}"#);
}

#[tokio::test]
async fn what_the_store_refuses_is_400() {
    let metrics = Arc::new(FakeMetrics { fails: true, ..FakeMetrics::default() });
    let answer = port(&metrics).get("/api/metrics/calls?service=a").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("compute: too many points"), "{}", answer.body);
}
