//! Claims about what browsers get: a hosted UI and its files, whose paths are never the API's.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::stores::Archive;

/// As in the UI's builds of all ages; what surrounds it is ours.
const INDEX: &str = r#"<html><head>
<base href="/" data-inject-target="BASE_URL" />
<script>
  // JAEGER_CONFIG_JS
  const TO_BE_SWALLOWED = 1;
  const JAEGER_CONFIG = DEFAULT_CONFIG;
  const JAEGER_STORAGE_CAPABILITIES = DEFAULT_STORAGE_CAPABILITIES;
  const JAEGER_BACKEND_CAPABILITIES = DEFAULT_BACKEND_CAPABILITIES;
  const JAEGER_VERSION = DEFAULT_VERSION;
</script></head></html>
"#;

fn build() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), INDEX).unwrap();
    std::fs::create_dir(directory.path().join("static")).unwrap();
    std::fs::write(directory.path().join("static/a.js"), "'a'").unwrap();
    directory
}

fn hosting(directory: &Path, args: &[&str]) -> Port {
    let files = format!("--query.static-files={}", directory.display());
    Port::with_traces(&[&[files.as_str()], args].concat())
}

#[tokio::test]
async fn every_path_that_is_none_of_the_apis_is_the_ui() {
    let directory = build();
    let port = hosting(directory.path(), &[]);
    for path in [
        "/",
        "/search?service=a",
        "/trace/a...b",
        "/dependencies",
        "/favicon.ico",
        "/static",
        "/apis",
        "//",
        "/%00",
    ] {
        let answer = port.get(path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(answer.body.contains("JAEGER_VERSION = {};"), "{path}");
    }
    assert_eq!(port.get("/static/a.js").await.body, "'a'");
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/ai/chat",
        "/static/none.js",
        "/static/../index.html",
        "/static/%2e%2e/index.html",
        "/static//a.js",
    ] {
        let answer = port.get(path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NOT_FOUND, "404 page not found\n"),
            "{path}"
        );
    }
    for (method, path) in [("POST", "/search"), ("DELETE", "/static/a.js"), ("POST", "/api/ai/chat")] {
        assert_eq!(port.ask(method, path).await.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
}

#[tokio::test]
async fn below_a_base_path_the_ui_is_there_and_nowhere_else() {
    let directory = build();
    let port = hosting(directory.path(), &["--query.base-path=/team/jaeger"]);
    for path in ["/team/jaeger/", "/team/jaeger/search"] {
        let answer = port.get(path).await;
        assert!(answer.body.contains(r#"<base href="/team/jaeger/""#), "{path}: {}", answer.body);
    }
    assert_eq!(port.get("/team/jaeger/static/a.js").await.body, "'a'");
    let answer = port.get("/team/jaeger?x=1").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::TEMPORARY_REDIRECT, Some("/team/jaeger/?x=1")),
        "newer UIs take what comes before the last slash for their base"
    );
    for path in ["/", "/static/a.js", "/team/jaegers", "/api/ai/chat", "/team/jaeger/api/ai/chat"] {
        let answer = port.get(path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NOT_FOUND, "404 page not found\n"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_ui_learns_what_the_stores_can_do() {
    let directory = build();
    let config = config(&[&format!("--query.static-files={}", directory.path().display())]);
    let page = async |stores: Stores| {
        let port = Port { router: over(&config, stores), reader: Arc::new(FakeReader::new(Script::Hang)) };
        port.get("/").await.body
    };
    let reader = Arc::new(FakeReader::new(Script::Hang));
    let store = Arc::new(spoor_storage::memory::MemoryStore::new(
        &spoor_storage::memory::Config::default(),
        &mut Registry::default(),
    ));
    let plain = page(Stores::new(reader.clone())).await;
    assert!(
        plain.contains(r#"JAEGER_STORAGE_CAPABILITIES = {"archiveStorage":false,"metricsStorage":false};"#),
        "{plain}"
    );
    let archive = Some(Archive { reader: store.clone(), writer: store.clone() });
    let able = page(Stores { archive, ..Stores::new(store) }).await;
    assert!(
        able.contains(r#"JAEGER_STORAGE_CAPABILITIES = {"archiveStorage":true,"metricsStorage":false};"#),
        "{able}"
    );
    assert!(able.contains(r#""searchWithoutServiceName":true,"aiAssistant":false};"#), "{able}");
}

#[tokio::test]
async fn what_operators_tell_the_ui_is_written_into_it() {
    let directory = build();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        format!("--query.ui-config={}", path.display())
    };
    let json = hosting(directory.path(), &[&file("ui.json", r#"{"menu":[]}"#)]).get("/").await.body;
    assert!(json.contains(r#"JAEGER_CONFIG = {"menu":[]};"#) && json.contains("TO_BE_SWALLOWED"), "{json}");
    let script = file("ui.js", "function UIConfig() { return {} }");
    let script = hosting(directory.path(), &[&script]).get("/").await.body;
    assert!(script.contains("<script>\nfunction UIConfig() { return {} }\n"), "{script}");
    assert!(script.contains("JAEGER_CONFIG = DEFAULT_CONFIG;") && !script.contains("TO_BE_SWALLOWED"));
}

#[tokio::test]
async fn the_page_of_service_dependencies_gets_no_page_for_data() {
    let directory = build();
    let port = hosting(directory.path(), &["--query.base-path=/jaeger"]);
    let answer = port.get("/jaeger/analytics/v1/dependencies?service=a&operation=b&start=1&end=2").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert_eq!(answer.json(), serde_json::json!({ "dependencies": [] }));
}

#[tokio::test]
async fn without_a_ui_one_page_says_how_to_add_one() {
    let port = Port::with_traces(&[]);
    for path in ["/", "/static/a.js"] {
        let answer = port.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("--query.static-files=") && !answer.body.contains("<script"));
    }
}

#[tokio::test]
async fn whatever_can_be_got_can_be_asked_for_by_its_head() {
    let directory = build();
    let port = hosting(directory.path(), &[]);
    for path in [
        "/static/a.js",
        "/api/services",
        "/api/traces?service=a",
        "/api/traces/a",
        "/api/traces/c",
        "/api/none",
    ] {
        let (got, head) = (port.get(path).await, port.ask("HEAD", path).await);
        assert_eq!(
            (head.status, head.header("content-type")),
            (got.status, got.header("content-type")),
            "{path}"
        );
    }
    for path in ["/api/traces?service=a", "/api/services", "/static/a.js"] {
        assert_eq!(port.ask("HEAD", path).await.body, "", "{path}");
    }
}
