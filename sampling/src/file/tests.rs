//! Rules of the file, and what becomes of a source that fails.

use std::fmt::Write;
use std::sync::Mutex;

use axum::Router;
use axum::routing::get;
use clap::{Args, FromArgMatches};
use http::{HeaderMap, StatusCode};

use super::*;
use crate::write_json;

fn config(args: &[&str]) -> FileConfig {
    let command = FileConfig::augment_args(clap::Command::new("test").no_binary_name(true));
    FileConfig::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
}

/// What clients of each service are told, one line each, and the warnings.
fn told(text: &str, services: &[&str], args: &[&str]) -> (String, Vec<String>) {
    let mut warnings = Vec::new();
    let config = config(args);
    let document = Document::read(text.as_bytes(), config.probability(), &mut warnings).unwrap();
    let strategies = resolve::resolve(&document, &config);
    let mut lines = String::new();
    for service in services {
        let strategy = strategies.services.get(*service).unwrap_or(&strategies.default);
        let mut json = Vec::new();
        write_json(&mut json, strategy);
        writeln!(lines, "{service} {}", String::from_utf8(json).unwrap()).unwrap();
    }
    (lines, warnings)
}

const FILE: &str = r#"{
  "default_strategy": {
    "type": "probabilistic", "param": 0.5,
    "operation_strategies": [
      {"operation": "/health", "type": "probabilistic", "param": 0},
      {"operation": "/metrics", "type": "probabilistic", "param": 0.01}
    ]
  },
  "service_strategies": [
    {"service": "foo", "type": "probabilistic", "param": 0.8,
     "operation_strategies": [{"operation": "/metrics", "type": "probabilistic", "param": 1}]},
    {"service": "bar", "type": "ratelimiting", "param": 5},
    {"service": "plain", "type": "probabilistic", "param": 0.1}
  ]
}"#;

#[test]
fn services_inherit_the_defaults_operations_that_they_do_not_override() {
    let (lines, warnings) = told(FILE, &["foo", "bar", "plain", "unknown"], &[]);
    assert_eq!(warnings, [""; 0]);
    let expected = r#"foo {"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.8},"operationSampling":{"defaultSamplingProbability":0.8,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"/metrics","probabilisticSampling":{"samplingRate":1}},{"operation":"/health","probabilisticSampling":{"samplingRate":0}}],"defaultUpperBoundTracesPerSecond":0}}
bar {"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"/health","probabilisticSampling":{"samplingRate":0}},{"operation":"/metrics","probabilisticSampling":{"samplingRate":0.01}}],"defaultUpperBoundTracesPerSecond":0}}
plain {"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.1},"operationSampling":{"defaultSamplingProbability":0.1,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"/health","probabilisticSampling":{"samplingRate":0}},{"operation":"/metrics","probabilisticSampling":{"samplingRate":0.01}}],"defaultUpperBoundTracesPerSecond":0}}
unknown {"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"/health","probabilisticSampling":{"samplingRate":0}},{"operation":"/metrics","probabilisticSampling":{"samplingRate":0.01}}],"defaultUpperBoundTracesPerSecond":0}}
"#;
    assert_eq!(lines, expected);
}

#[test]
fn services_that_limit_their_rate_inherit_nothing_where_the_fix_is_off() {
    let (lines, _) = told(FILE, &["bar"], &["--sampling.strategies.bugfix-5270=false"]);
    let alone = r#"bar {"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#;
    assert_eq!(lines.trim_end(), alone);
    let with_own = r#"{"default_strategy": {"operation_strategies": [{"operation": "a", "type": "probabilistic", "param": 1}]},
        "service_strategies": [{"service": "bar", "type": "ratelimiting", "param": 5, "operation_strategies":
            [{"operation": "b", "type": "probabilistic", "param": 1}]}]}"#;
    let (lines, _) = told(with_own, &["bar"], &["--sampling.strategies.bugfix-5270=false"]);
    assert!(lines.contains(r#""operation":"a""#) && lines.contains(r#""operation":"b""#), "{lines}");
}

#[test]
fn what_is_strange_is_read_as_jaeger_reads_it_and_told_with_its_place() {
    let text = r#"{"Default_Strategy": {"param": 1}, "defaults": 1, "service_strategies": [
        {"service": "half", "type": "ratelimiting", "param": 0.5},
        {"service": "odd", "type": "const", "param": 1, "operation_strategies": [
            {"operation": "a", "type": "ratelimiting", "param": 1},
            {"operation": "b", "type": "adaptive", "rate": 3}]},
        {"service": "wide", "type": "probabilistic", "param": 3},
        {"service": "wide", "type": "ratelimiting", "param": 1e20},
        null]}"#;
    let (lines, warnings) = told(text, &["half", "odd", "wide", "other"], &[]);
    let expected = r#"half {"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0}}
odd {"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001},"operationSampling":{"defaultSamplingProbability":0.001,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"b","probabilisticSampling":{"samplingRate":0.001}}],"defaultUpperBoundTracesPerSecond":0}}
wide {"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":2147483647}}
other {"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001}}
"#;
    assert_eq!(lines, expected);
    let starts = [
        "defaults means nothing",
        "default_strategy.type: \"\" is neither",
        "service_strategies[0].param: 0.5 traces per second are 0",
        "service_strategies[1].type: \"const\" is neither",
        "service_strategies[1].operation_strategies[0]: an operation's type can only be",
        "service_strategies[1].operation_strategies[1].rate means nothing",
        "service_strategies[1].operation_strategies[1].type: \"adaptive\" is neither",
        "service_strategies[2].param: 3 is no probability",
        "service_strategies[3].param: 100000000000000000000 traces",
        "service_strategies[3]: the service \"wide\" is there twice",
    ];
    assert_eq!(warnings.len(), starts.len(), "{warnings:#?}");
    for (warning, start) in warnings.iter().zip(starts) {
        assert!(warning.starts_with(start), "{warning}: not {start}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, place) in [
        ("{", "it is not JSON: EOF"),
        ("[]", "the document is a list; it must be an object"),
        (r#"{"service_strategies": {}}"#, "service_strategies is an object; it must be a list"),
        (
            r#"{"service_strategies": [{}, {"param": "1"}]}"#,
            "service_strategies[1].param is a text; it must be a number",
        ),
        (r#"{"default_strategy": {"type": 1}}"#, "default_strategy.type is a number; it must be a text"),
        (
            r#"{"default_strategy": {"operation_strategies": [true]}}"#,
            "default_strategy.operation_strategies[0] is true or false; it must be an object",
        ),
    ] {
        let error = Document::read(text.as_bytes(), 0.001, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
    assert_eq!(Document::read(b"null", 0.001, &mut Vec::new()).unwrap(), Document::default());
}

async fn probability(strategies: &FileStrategies) -> String {
    let mut json = Vec::new();
    write_json(&mut json, &strategies.strategy("any").await.unwrap());
    let json = String::from_utf8(json).unwrap();
    json.split_once("samplingRate\":").unwrap().1.trim_end_matches('}').to_owned()
}

fn document(probability: &str) -> String {
    format!(r#"{{"default_strategy": {{"type": "probabilistic", "param": {probability}}}}}"#)
}

#[tokio::test]
async fn a_file_that_goes_bad_changes_nothing_and_one_that_changes_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strategies.json");
    let argument = format!("--sampling.strategies-file={}", path.display());
    let open = || async { FileStrategies::open(&config(&[&argument]), FileMetrics::default()).await };
    let missing = open().await.unwrap_err().to_string();
    assert!(missing.contains("strategies.json: No such file"), "{missing}");
    std::fs::write(&path, "{").unwrap();
    assert!(open().await.unwrap_err().to_string().contains("it is not JSON"));
    std::fs::write(&path, document("0.5")).unwrap();
    let strategies = open().await.unwrap();
    assert_eq!(probability(&strategies).await, "0.5");
    std::fs::write(&path, "{").unwrap();
    strategies.read_again().await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    strategies.read_again().await.unwrap_err();
    assert_eq!(probability(&strategies).await, "0.5", "the last good one");
    std::fs::write(&path, document("0.25")).unwrap();
    strategies.read_again().await.unwrap();
    assert_eq!(probability(&strategies).await, "0.25");
}

/// Serves what the text says, with the status beside it.
async fn serve(answer: Arc<Mutex<(StatusCode, String)>>) -> String {
    let handler = move || async move { answer.lock().unwrap().clone() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/s.json", get(handler))).await });
    format!("http://ann:hush@{address}/s.json")
}

#[tokio::test]
async fn an_address_that_has_nothing_yet_is_asked_until_it_has_and_keeps_its_last_word() {
    let answer = Arc::new(Mutex::new((StatusCode::SERVICE_UNAVAILABLE, String::new())));
    let url = serve(Arc::clone(&answer)).await;
    let argument = format!("--sampling.strategies-file={url}");
    let settings = config(&[&argument, "--sampling.strategies-reload-interval=5ms"]);
    let strategies = Arc::new(FileStrategies::open(&settings, FileMetrics::default()).await.unwrap());
    assert_eq!(probability(&strategies).await, "0.001", "the default");
    let shutdown = CancellationToken::new();
    let (fresh, ends) = (Arc::clone(&strategies), shutdown.clone());
    let keeping = tokio::spawn(async move { fresh.keep_fresh(ends).await });
    *answer.lock().unwrap() = (StatusCode::OK, document("0.5"));
    while probability(&strategies).await != "0.5" {
        tokio::task::yield_now().await;
    }
    *answer.lock().unwrap() = (StatusCode::SERVICE_UNAVAILABLE, document("1"));
    strategies.read_again().await.unwrap_err();
    assert_eq!(probability(&strategies).await, "0.5");
    shutdown.cancel();
    keeping.await.unwrap();
}

#[tokio::test]
async fn an_address_that_has_something_else_is_an_error_at_the_start_without_its_password() {
    let answer = Arc::new(Mutex::new((StatusCode::NOT_FOUND, "no".to_owned())));
    let url = serve(Arc::clone(&answer)).await;
    let open = async |place: &str| {
        let settings = config(&[&format!("--sampling.strategies-file={place}")]);
        FileStrategies::open(&settings, FileMetrics::default()).await.unwrap_err().to_string()
    };
    let not_found = open(&url).await;
    *answer.lock().unwrap() = (StatusCode::OK, "[]".to_owned());
    let no_strategies = open(&url).await;
    let no_address = open("ftp://ann:hush@host/s.json").await;
    for (error, says) in [
        (not_found, "it answers 404 Not Found"),
        (no_strategies, "the document is a list"),
        (no_address, "write the address like http"),
    ] {
        assert!(error.contains(says) && !error.contains("hush"), "{error}");
    }
}

/// Serves a path that sends on to a place, and notes with which user each path was asked for.
async fn sends_on(to: &str, asked: Arc<Mutex<Vec<bool>>>) -> String {
    let to = to.to_owned();
    let handler = move |headers: HeaderMap| async move {
        asked.lock().unwrap().push(headers.contains_key("authorization"));
        (StatusCode::FOUND, [("location", to)])
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(get(handler))).await });
    format!("http://ann:hush@{address}/moved")
}

#[tokio::test]
async fn an_address_that_sends_on_is_followed_a_few_times_and_only_its_own_place_hears_the_password() {
    let answer = Arc::new(Mutex::new((StatusCode::OK, document("0.5"))));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let second = sends_on(&serve(answer).await, Arc::clone(&asked)).await;
    let first = sends_on(&second, Arc::clone(&asked)).await;
    let settings = config(&[&format!("--sampling.strategies-file={first}")]);
    let strategies = FileStrategies::open(&settings, FileMetrics::default()).await.unwrap();
    assert_eq!(probability(&strategies).await, "0.5");
    assert_eq!(*asked.lock().unwrap(), [true, false]);

    asked.lock().unwrap().clear();
    let circle = sends_on("/moved", Arc::clone(&asked)).await;
    let settings = config(&[&format!("--sampling.strategies-file={circle}")]);
    let error = FileStrategies::open(&settings, FileMetrics::default()).await.unwrap_err().to_string();
    assert!(error.contains("more than 5 times") && !error.contains("hush"), "{error}");
    assert_eq!(*asked.lock().unwrap(), [true; 6]);
}
