//! Claims about `POST /api/transform`: a dropped file is shown as it is.

use std::time::Duration;

use futures::StreamExt;

use super::*;

const SPAN: &str = r#"{"traceId":"TRACE","spanId":"00000000000000ID","name":"op","startTimeUnixNano":"1000000","endTimeUnixNano":"3000000"}"#;

fn span(trace: &str, id: &str) -> String {
    SPAN.replace("TRACE", trace).replace("ID", id)
}

fn file(spans: &[String]) -> String {
    let resource = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    format!(
        r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    )
}

#[tokio::test]
async fn a_file_comes_back_as_the_uis_traces_in_its_order_and_unadjusted() {
    let (first, second) = ("000000000000000000000000000000aa", "000000000000000000000000000000bb");
    let spans = [span(first, "01"), span(second, "01"), span(first, "02"), span(first, "02")];
    let port = Port::with_traces(&[]);
    let answer = port.post("/api/transform", &[], file(&spans)).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    let traces = &answer.json()["data"];
    assert_eq!(traces[0]["traceID"], "00000000000000aa");
    assert_eq!(traces[1]["traceID"], "00000000000000bb");
    let ids: Vec<_> = traces[0]["spans"].as_array().unwrap().iter().map(|span| &span["spanID"]).collect();
    assert_eq!(ids, ["0000000000000001", "0000000000000002", "0000000000000002"], "duplicates stay");
    assert_eq!(traces[0]["processes"]["p1"]["serviceName"], "shop");
    assert_eq!(traces[0]["spans"][0]["duration"], 2_000);
}

#[tokio::test]
async fn a_file_without_spans_is_no_trace() {
    let answer = Port::with_traces(&[]).post("/api/transform", &[], r#"{"resourceSpans":[]}"#).await;
    assert_eq!((answer.status, answer.json()["data"].clone()), (StatusCode::OK, serde_json::json!([])));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place_and_its_own_code() {
    let port = Port::with_traces(&[]);
    for (body, encoding, status, says) in [
        ("{", None, StatusCode::BAD_REQUEST, "line 1, column"),
        ("", None, StatusCode::BAD_REQUEST, "OTLP JSON"),
        (r#"{"resourceSpans":{}}"#, None, StatusCode::BAD_REQUEST, "resourceSpans"),
        ("{}", Some("snappy"), StatusCode::UNSUPPORTED_MEDIA_TYPE, "snappy"),
        ("{}", Some("gzip"), StatusCode::BAD_REQUEST, "gzip"),
    ] {
        let headers: Vec<_> = encoding.map(|encoding| ("content-encoding", encoding)).into_iter().collect();
        let answer = port.post("/api/transform", &headers, body).await;
        assert_eq!(answer.status, status, "{body}");
        let message = answer.json()["errors"][0]["msg"].clone();
        assert!(message.as_str().unwrap().contains(says), "{body}: {message}");
    }
    let huge = " ".repeat(v1::TRANSFORM_MAX_BYTES + 1);
    let answer = port.post("/api/transform", &[], huge).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_keeps_no_search_out_and_is_ended_in_time() {
    let port = Port::with_traces(&["--query.max-concurrent-searches=1", "--query.request-timeout=5s"]);
    let begun = futures::stream::iter([Ok::<_, std::convert::Infallible>("{")]);
    let upload = Body::from_stream(begun.chain(futures::stream::pending()));
    let upload = tokio::time::timeout(Duration::from_secs(60), port.post("/api/transform", &[], upload));
    let search = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        port.get("/api/traces?service=service").await
    };
    let (upload, search) = tokio::join!(upload, search);
    assert_eq!(search.status, StatusCode::OK, "{}", search.body);
    let upload = upload.expect("it is not waited for without end");
    assert_eq!(upload.status, StatusCode::REQUEST_TIMEOUT);
    let error = &upload.json()["errors"][0];
    assert_eq!(error["code"], 408);
    assert!(error["msg"].as_str().unwrap().contains("--query.request-timeout"), "{error}");
}

#[tokio::test]
async fn what_nobody_measures_is_answered_in_its_own_shape_and_empty() {
    let port = Port::with_traces(&[]);
    let quality = port.get("/api/quality-metrics?service=a&hours=1").await.json();
    for list in ["scores", "metrics", "clients"] {
        assert_eq!(quality[list], serde_json::json!([]), "{list}");
    }
    let deep = port.get("/api/deep-dependencies?service=a").await.json();
    assert_eq!(deep, serde_json::json!({ "dependencies": [] }));
    for path in ["/api/quality-metrics", "/api/deep-dependencies"] {
        let pretty = port.get(&format!("{path}?prettyPrint=true")).await;
        assert!(pretty.body.starts_with("{\n    \""), "{path}: {}", pretty.body);
        assert_eq!(pretty.json(), port.get(path).await.json(), "{path}");
    }
}
