//! Claims about what is sent to Prometheus and what is made of its answers, with a server that speaks its API and does what it is told.
#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use socket2::{Domain, Socket, Type};
use spoor_model::{MetricSeries, SpanKind, SpanMetricsQuery, TimeRange, UnixNanos};
use spoor_storage::{Credentials, MetricsReader, ReadError, ReadErrorKind, RequestContext, Tenant};
use spoor_storage_prometheus::{Config, PrometheusMetrics};

/// A request as received.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    form: BTreeMap<String, String>,
}

/// Answers in turn, the last one again and again; nothing more once there is none.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<(u16, String)>>,
    asked: Mutex<Vec<Asked>>,
}

async fn answer(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = match method {
        Method::GET => uri.query().unwrap_or_default().to_owned(),
        _ => String::from_utf8(body.to_vec()).unwrap(),
    };
    let form = text.split('&').filter_map(|pair| pair.split_once('='));
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let form = form.map(|(name, value)| (decode(name), decode(value))).collect();
    script.asked.lock().unwrap().push(Asked { method, uri, headers, form });
    let next = {
        let mut answers = script.answers.lock().unwrap();
        if answers.len() > 1 { Some(answers.remove(0)) } else { answers.first().cloned() }
    };
    match next {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        None => std::future::pending().await,
    }
}

struct Server {
    script: Arc<Script>,
    url: String,
}

impl Server {
    async fn start(answers: &[(u16, &str)]) -> Self {
        let script = Arc::new(Script::default());
        *script.answers.lock().unwrap() =
            answers.iter().map(|&(status, body)| (status, body.to_owned())).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { script, url }
    }

    fn reader(&self, args: &[&str]) -> PrometheusMetrics {
        reader(&format!("--prometheus.server-url={}", self.url), args)
    }

    fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }
}

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    config: Config,
}

fn reader(url: &str, args: &[&str]) -> PrometheusMetrics {
    let args = ["spoor", url].into_iter().chain(args.iter().copied());
    PrometheusMetrics::open(&Program::parse_from(args).config).unwrap()
}

const NOTHING: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;

fn query() -> SpanMetricsQuery {
    SpanMetricsQuery {
        services: vec!["shop".to_owned()],
        kinds: vec![SpanKind::Server],
        by_operation: false,
        range: TimeRange { start: UnixNanos::from_millis(10_250), end: UnixNanos::from_millis(11_499) },
        step: Duration::from_millis(500),
        rate_per: Duration::from_secs(60),
    }
}

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(20))
}

async fn calls(reader: &PrometheusMetrics) -> Result<Vec<MetricSeries>, ReadError> {
    reader.call_rates(&context(), &query()).await
}

fn values(series: &MetricSeries) -> Vec<Option<f64>> {
    series.points.iter().map(|point| point.value).collect()
}

#[tokio::test]
async fn a_question_is_a_range_query_at_whole_steps() {
    let server = Server::start(&[(200, NOTHING)]).await;
    assert!(calls(&server.reader(&[])).await.unwrap().is_empty());
    let asked = &server.asked()[0];
    assert_eq!((&asked.method, asked.uri.to_string().as_str()), (&Method::POST, "/api/v1/query_range"));
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(asked.headers.get("authorization").is_none());
    let form: Vec<_> = ["start", "end", "step"].map(|name| asked.form[name].as_str()).to_vec();
    assert_eq!(form, ["10.000", "11.000", "0.500"]);
    let expected = r#"sum by (service_name) (rate(traces_span_metrics_calls{service_name=~"shop",span_kind=~"SPAN_KIND_SERVER"}[60s]))"#;
    assert_eq!(asked.form["query"], expected);
    let timeout: u64 = asked.form["timeout"].strip_suffix("ms").unwrap().parse().unwrap();
    assert!((1..=20_000).contains(&timeout), "{timeout}");
}

#[tokio::test]
async fn the_address_may_have_a_path_and_parameters_of_its_own() {
    let server = Server::start(&[(200, NOTHING)]).await;
    let url = format!("--prometheus.server-url={}/prom/team-a/", server.url);
    let reader = reader(&url, &["--prometheus.query.extra-query-params=tenant=a b,dedup=true"]);
    calls(&reader).await.unwrap();
    assert_eq!(server.asked()[0].uri.to_string(), "/prom/team-a/api/v1/query_range?tenant=a%20b&dedup=true");
}

#[tokio::test]
async fn latencies_are_milliseconds_whatever_prometheus_counts_in() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"service_name":"shop","span_name":"GET /"},"values":[[10,"0.25"],[11,"NaN"]]}]}}"#;
    let server = Server::start(&[(200, body)]).await;
    let by_operation = SpanMetricsQuery { by_operation: true, ..query() };
    let seconds =
        server.reader(&["--prometheus.query.duration-unit=s", "--prometheus.query.normalize-duration=true"]);
    let series = seconds.latencies(&context(), &by_operation, 0.999).await.unwrap();
    assert_eq!(values(&series[0]), [Some(250.0), None, None]);
    assert_eq!((series[0].service.as_str(), series[0].operation.as_deref()), ("shop", Some("GET /")));
    let asked = server.asked().remove(0).form.remove("query").unwrap();
    assert!(asked.starts_with("histogram_quantile(0.999, sum by (service_name,span_name,le) (rate(traces_span_metrics_duration_seconds_bucket{"), "{asked}");
    let millis = server.reader(&[]).latencies(&context(), &by_operation, 0.5).await.unwrap();
    assert_eq!(values(&millis[0]), [Some(0.25), None, None]);
    let refused = seconds.latencies(&context(), &query(), 1.5).await.unwrap_err();
    assert_eq!(refused.kind, ReadErrorKind::Invalid);
}

#[tokio::test]
async fn error_rates_are_asked_for_in_one_question() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"service_name":"shop"},"values":[[10,"0"],[10.5,"0.5"]]}]}}"#;
    let server = Server::start(&[(200, body)]).await;
    let series = server.reader(&[]).error_rates(&context(), &query()).await.unwrap();
    assert_eq!(values(&series[0]), [Some(0.0), Some(0.5), None]);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn the_token_is_that_of_the_user_else_of_the_file_as_it_is_now_else_of_the_address() {
    let server = Server::start(&[(200, NOTHING)]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first\n").unwrap();
    let file = format!("--prometheus.token-file={}", path.display());
    let reader = server.reader(&[&file]);
    let of_user = RequestContext { credentials: Some(Credentials::bearer("users")), ..context() };
    let sent = || server.asked().pop().unwrap().headers["authorization"].to_str().unwrap().to_owned();
    calls(&reader).await.unwrap();
    assert_eq!(sent(), "Bearer first");
    std::fs::write(&path, "second").unwrap();
    calls(&reader).await.unwrap();
    assert_eq!(sent(), "Bearer second");
    reader.call_rates(&of_user, &query()).await.unwrap();
    assert_eq!(sent(), "Bearer users");
    let own = server.reader(&[&file, "--prometheus.token-override-from-context=false"]);
    own.call_rates(&of_user, &query()).await.unwrap();
    assert_eq!(sent(), "Bearer second");
    let url = format!("--prometheus.server-url={}", server.url.replace("http://", "http://ann:secret@"));
    calls(&self::reader(&url, &[])).await.unwrap();
    assert_eq!(sent(), "Basic YW5uOnNlY3JldA==");
    std::fs::remove_file(&path).unwrap();
    let error = calls(&reader).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unavailable);
    assert!(error.to_string().contains("--prometheus.token-file="), "{error}");
}

#[tokio::test]
async fn who_asks_sees_the_series_of_his_tenant_and_no_others() {
    let server = Server::start(&[(200, NOTHING)]).await;
    let reader = server.reader(&["--prometheus.query.tenant-label=org"]);
    let context = RequestContext { tenant: Tenant::new("red"), ..context() };
    reader.call_rates(&context, &query()).await.unwrap();
    reader.error_rates(&context, &query()).await.unwrap();
    reader.latencies(&context, &query(), 0.5).await.unwrap();
    for asked in server.asked() {
        let asked = &asked.form["query"];
        assert_eq!(asked.matches(r#",org="red"}"#).count(), asked.matches('{').count(), "{asked}");
    }
}

#[tokio::test]
async fn where_post_is_not_taken_the_question_goes_by_get() {
    let server = Server::start(&[(405, ""), (200, NOTHING)]).await;
    calls(&server.reader(&["--prometheus.query.extra-query-params=a=b"])).await.unwrap();
    let asked = server.asked();
    assert_eq!((&asked[1].method, asked[1].uri.path()), (&Method::GET, "/api/v1/query_range"));
    assert_eq!((&asked[1].form["query"], asked[1].form["a"].as_str()), (&asked[0].form["query"], "b"));
}

#[tokio::test]
async fn what_prometheus_refuses_is_told_with_its_words_and_a_way_out() {
    let error = |kind: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"its own words"}}"#);
    for (status, body, kind, part) in [
        (400, error("bad_data"), ReadErrorKind::Invalid, "its own words"),
        (422, error("execution"), ReadErrorKind::Invalid, "its own words"),
        (503, error("timeout"), ReadErrorKind::DeadlineExceeded, "its own words"),
        (500, error("internal"), ReadErrorKind::Unavailable, "its own words"),
        (429, "slow down".to_owned(), ReadErrorKind::Busy, "slow down"),
        (401, "who are you".to_owned(), ReadErrorKind::Unavailable, "--prometheus.token-file"),
        (404, "<h1>not here</h1>".to_owned(), ReadErrorKind::Unavailable, "--prometheus.server-url"),
        (302, String::new(), ReadErrorKind::Unavailable, "--prometheus.server-url"),
        (502, String::new(), ReadErrorKind::Unavailable, "an empty answer"),
        (200, "<html>".to_owned(), ReadErrorKind::Incomplete, "<html>"),
    ] {
        let server = Server::start(&[(status, &body)]).await;
        let told = calls(&server.reader(&[])).await.unwrap_err();
        assert_eq!(told.kind, kind, "{status} {body}");
        assert!(told.to_string().contains(part) && told.to_string().contains("ask for call rates"), "{told}");
    }
}

#[tokio::test]
async fn who_does_not_answer_in_time_or_is_not_there_is_told() {
    let server = Server::start(&[]).await;
    let soon = RequestContext::with_timeout(Duration::from_millis(50));
    let late = server.reader(&[]).call_rates(&soon, &query()).await.unwrap_err();
    assert_eq!(late.kind, ReadErrorKind::DeadlineExceeded);
    let url = format!("--prometheus.server-url=http://{}", xtask::servers::free_address().unwrap());
    let gone = calls(&reader(&url, &[])).await.unwrap_err();
    assert_eq!(gone.kind, ReadErrorKind::Unavailable);
    assert!(gone.to_string().contains("refused"), "{gone}");
}

/// The whole time of the question is not waited for.
#[tokio::test]
async fn a_connection_that_does_not_come_about_is_given_up_after_the_time_that_is_set() {
    // Nobody takes connections here, and there is room for none more.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(one) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        waiting.push(one);
    }
    let url = format!("--prometheus.server-url=http://{address}");
    let (began, whole) = (Instant::now(), RequestContext::with_timeout(Duration::from_secs(600)));
    let reader = reader(&url, &["--prometheus.connect-timeout=100ms"]);
    let gone = reader.call_rates(&whole, &query()).await.unwrap_err();
    assert_eq!(gone.kind, ReadErrorKind::Unavailable, "{gone}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?} of the question's 600 s", began.elapsed());
}

#[tokio::test]
async fn each_setting_of_the_questions_changes_them_as_it_says() {
    let server = Server::start(&[(200, NOTHING)]).await;
    let ask = async |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| format!("--prometheus.query.{arg}")).collect();
        let reader = server.reader(&args.iter().map(String::as_str).collect::<Vec<_>>());
        calls(&reader).await.unwrap();
        reader.latencies(&context(), &query(), 0.5).await.unwrap();
        let asked = server.asked();
        [asked.len() - 2, asked.len() - 1].map(|at| asked[at].form["query"].clone())
    };
    let (namespace, normalized) = ("namespace=team_a", "normalize-duration=true");
    for (args, calls, durations) in [
        (&[][..], "(rate(traces_span_metrics_calls{", "(rate(traces_span_metrics_duration_bucket{"),
        (&[namespace], "(rate(team_a_calls{", "(rate(team_a_duration_bucket{"),
        (&["normalize-calls=true"], "_calls_total{", "_duration_bucket{"),
        (&[normalized], "_calls{", "_duration_milliseconds_bucket{"),
        (&[normalized, "duration-unit=s"], "_calls{", "_duration_seconds_bucket{"),
        (&["support-spanmetrics-connector=false"], "(rate(calls{", "(rate(latency_bucket{"),
        (&["replica-label=pod"], "(max without (pod) (rate(", "(max without (pod) (rate("),
    ] {
        let asked = ask(args).await;
        assert!(asked[0].contains(calls) && asked[1].contains(durations), "{args:?}: {asked:#?}");
    }
}

#[tokio::test]
async fn questions_that_make_no_sense_are_not_sent() {
    let server = Server::start(&[(200, NOTHING)]).await;
    let reader = server.reader(&[]);
    for change in [
        |query: &mut SpanMetricsQuery| query.step = Duration::ZERO,
        |query: &mut SpanMetricsQuery| query.services.clear(),
        |query: &mut SpanMetricsQuery| query.range.start = UnixNanos::from_millis(20_000),
        |query: &mut SpanMetricsQuery| query.range.end = UnixNanos::from_millis(100_000_000),
    ] {
        let mut query = query();
        change(&mut query);
        let refused = reader.call_rates(&context(), &query).await.unwrap_err();
        assert_eq!(refused.kind, ReadErrorKind::Invalid, "{query:?}");
    }
    assert!(server.asked().is_empty());
    assert_eq!(reader.min_step(), Duration::from_millis(1));
}
