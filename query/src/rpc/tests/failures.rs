//! What is refused and what fails: codes, texts, and whether asking again helps.

use spoor_proto::jaeger::{api_v2, api_v3};
use spoor_storage::ReadErrorKind;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::*;

async fn trace_v2(port: &mut Port, trace_id: bytes::Bytes) -> Status {
    port.v2.get_trace(api_v2::GetTraceRequest { trace_id, ..Default::default() }).await.unwrap_err()
}

async fn trace_v3(port: &mut Port, trace_id: &str) -> Status {
    let request = api_v3::GetTraceRequest { trace_id: trace_id.into(), ..Default::default() };
    port.v3.get_trace(request).await.unwrap_err()
}

#[tokio::test]
async fn ids_that_name_no_trace_are_refused_and_unknown_ones_not_found() {
    let mut port = Port::with(traces());
    for bad in [bytes::Bytes::new(), id(0), id(1).slice(1..), id(0).slice(8..)] {
        assert_eq!(trace_v2(&mut port, bad).await.code(), Code::InvalidArgument);
    }
    for bad in ["", "0", "x", "1234567890123456789012345678901234"] {
        let refused = trace_v3(&mut port, bad).await;
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("trace_id"), "{refused}");
    }
    for unknown in [trace_v2(&mut port, id(9)).await, trace_v3(&mut port, "9").await] {
        assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, "trace not found"));
    }
}

#[tokio::test]
async fn a_search_that_makes_no_sense_is_refused() {
    let mut port = Port::with(traces());
    let missing = port.v2.find_traces(api_v2::FindTracesRequest::default()).await.unwrap_err();
    assert_eq!(missing.code(), Code::InvalidArgument);
    let query = Some(api_v3::TraceQueryParameters::default());
    let untimed = port.v3.find_traces(api_v3::FindTracesRequest { query: query.clone() }).await.unwrap_err();
    assert_eq!(untimed.code(), Code::InvalidArgument);
    let untimed = port.v3.find_trace_summaries(api_v3::FindTraceSummariesRequest { query }).await;
    assert_eq!(untimed.unwrap_err().code(), Code::InvalidArgument);
    assert!(port.reader.searches.lock().unwrap().is_empty(), "the store is not asked");
    let request = api_v3::GetOperationsRequest { span_kind: "best".into(), ..Default::default() };
    let refused = port.v3.get_operations(request).await.unwrap_err();
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("span_kind"), "{refused}");
}

#[tokio::test]
async fn dependencies_need_both_times_in_their_order() {
    let mut port = Port::with(traces());
    for (start_time, end_time) in [(None, at(1)), (at(1), None), (at(-62_135_596_800), at(1)), (at(1), at(1))]
    {
        let request = api_v2::GetDependenciesRequest { start_time, end_time };
        assert_eq!(port.v2.get_dependencies(request).await.unwrap_err().code(), Code::InvalidArgument);
        let request = api_v3::GetDependenciesRequest { start_time, end_time };
        assert_eq!(port.v3.get_dependencies(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn each_kind_of_failure_has_its_code_and_only_lack_of_room_says_when_to_ask_again() {
    for (kind, code) in [
        (ReadErrorKind::Invalid, Code::InvalidArgument),
        (ReadErrorKind::Busy, Code::ResourceExhausted),
        (ReadErrorKind::Unavailable, Code::Unavailable),
        (ReadErrorKind::DeadlineExceeded, Code::DeadlineExceeded),
        (ReadErrorKind::Incomplete, Code::Internal),
    ] {
        let mut port = Port::with(Script::Fail(kind));
        for failed in [
            trace_v2(&mut port, id(1)).await,
            trace_v3(&mut port, "1").await,
            port.v2.get_services(api_v2::GetServicesRequest {}).await.unwrap_err(),
        ] {
            assert_eq!(failed.code(), code, "{failed}");
            assert!(failed.message().contains("it was told to fail"), "{failed}");
            assert_eq!(failed.get_details_retry_info().is_some(), code == Code::ResourceExhausted);
        }
    }
}

#[tokio::test]
async fn a_trace_that_breaks_off_is_an_error_and_not_a_shorter_trace() {
    let script = Script::FailAfter(vec![plain_trace(0xa, 2)], ReadErrorKind::Incomplete);
    assert_eq!(trace_v3(&mut Port::with(script), "a").await.code(), Code::Internal);
}

#[tokio::test(start_paused = true)]
async fn the_clients_patience_is_the_deadline_when_it_is_shorter_than_ours() {
    for (patience, args) in [
        (Some("250m"), &[][..]),
        (None, &["--query.request-timeout=2s"]),
        (Some("9H"), &["--query.request-timeout=2s"]),
    ] {
        let mut port = Port::new(args, FakeReader::new(Script::Hang));
        let mut request =
            tonic::Request::new(api_v3::GetTraceRequest { trace_id: "a".into(), ..Default::default() });
        if let Some(patience) = patience {
            request.metadata_mut().insert("grpc-timeout", patience.parse().unwrap());
        }
        let asked = tokio::time::Instant::now();
        let late = port.v3.get_trace(request).await.unwrap_err();
        assert_eq!(late.code(), Code::DeadlineExceeded, "{late}");
        let waited = asked.elapsed().as_millis();
        let expected = if patience == Some("250m") { 1..=300 } else { 1_500..=2_100 };
        assert!(expected.contains(&waited), "{waited} ms with {patience:?}");
    }
}

#[tokio::test]
async fn an_answer_that_a_limit_shortened_says_so_behind_what_there_is() {
    let parts = (1..=40).map(|trace| plain_trace(trace, 1_000)).collect();
    let mut port = Port::new(&["--query.max-answer-bytes=1MiB"], FakeReader::new(Script::Parts(parts)));
    let query = api_v2::TraceQueryParameters { service_name: "service".into(), ..Default::default() };
    let request = api_v2::FindTracesRequest { query: Some(query) };
    let mut answer = port.v2.find_traces(request).await.unwrap().into_inner();
    let mut chunks = 0;
    let end = loop {
        match answer.message().await {
            Ok(Some(_)) => chunks += 1,
            Ok(None) => panic!("it ended as if it were whole"),
            Err(end) => break end,
        }
    };
    assert!(chunks > 0);
    assert!(
        end.code() == Code::ResourceExhausted && end.message().contains("--query.max-answer-bytes"),
        "{end}"
    );
}

#[tokio::test]
async fn more_than_one_token_is_refused() {
    let mut port = Port::new(&["--query.bearer-token-propagation"], FakeReader::new(Script::Hang));
    let mut request = tonic::Request::new(api_v3::GetServicesRequest {});
    request.metadata_mut().append("bearer.token", "abc".parse().unwrap());
    request.metadata_mut().append("bearer.token", "def".parse().unwrap());
    let refused = port.v3.get_services(request).await.unwrap_err();
    assert!(
        refused.code() == Code::InvalidArgument && refused.message().contains("bearer.token"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_method_that_is_not_here_is_unimplemented_and_a_browser_gets_415() {
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt;
    let router = over(&[], Stores::new(Arc::new(FakeReader::new(Script::Hang))));
    let ask = async |path: &str, content_type: &str| {
        let request =
            Request::post(path).header("content-type", content_type).body(axum::body::Body::empty());
        router.clone().oneshot(request.unwrap()).await.unwrap()
    };
    let unknown = ask("/jaeger.api_v3.QueryService/FindSpans", "application/grpc").await;
    assert_eq!(unknown.headers()["grpc-status"], "12");
    let browser = ask("/jaeger.api_v3.QueryService/GetServices", "application/json").await;
    assert_eq!(browser.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_message_about_a_long_value_is_no_longer_than_every_client_takes() {
    let mut port = Port::with(traces());
    let request = api_v3::GetOperationsRequest { span_kind: "é".repeat(100_000), ..Default::default() };
    let refused = port.v3.get_operations(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let message = refused.message();
    assert!(
        message.starts_with("span_kind \"é") && message.ends_with('…') && message.len() < 1_100,
        "{refused}"
    );
}

#[tokio::test]
async fn a_question_that_is_no_message_or_too_long_is_refused() {
    let mut port = Port::with(traces());
    let long = api_v3::GetOperationsRequest { service: "x".repeat(2 << 20), ..Default::default() };
    assert_eq!(port.v3.get_operations(long).await.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_does_not_come_is_given_up() {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;
    let router = over(&[], Stores::new(Arc::new(FakeReader::new(Script::Hang))));
    for path in ["/jaeger.api_v2.QueryService/GetServices", "/grpc.health.v1.Health/Check"] {
        let never = futures::stream::pending::<Result<bytes::Bytes, io::Error>>();
        let request = Request::post(path).header("content-type", "application/grpc");
        let answer = router.clone().oneshot(request.body(Body::from_stream(never)).unwrap()).await.unwrap();
        assert_ne!(answer.headers()["grpc-status"], "0", "{path}");
    }
}
