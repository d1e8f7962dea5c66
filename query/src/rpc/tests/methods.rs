//! What each method answers when all goes well.

use opentelemetry_proto::tonic::trace::v1::TracesData;
use spoor_model::{Operation, SpanKind, TraceId};
use spoor_proto::jaeger::{api_v2, api_v3};
use tonic::codec::CompressionEncoding;

use super::*;

fn v2_ids(chunks: &[api_v2::SpansResponseChunk]) -> Vec<(u8, u8)> {
    let spans = chunks.iter().flat_map(|chunk| &chunk.spans);
    spans.map(|span| (span.trace_id[15], span.span_id[7])).collect()
}

fn v3_ids(messages: &[TracesData]) -> Vec<(u8, u8)> {
    let resources = messages.iter().flat_map(|message| &message.resource_spans);
    let spans = resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
    spans.map(|span| (span.trace_id[15], span.span_id[7])).collect()
}

fn search_v3() -> api_v3::TraceQueryParameters {
    api_v3::TraceQueryParameters {
        service_name: "service".into(),
        start_time_min: at(1),
        start_time_max: at(9),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_trace_comes_by_its_id_from_both_services() {
    let mut port = Port::with(traces());
    let request = api_v2::GetTraceRequest { trace_id: id(0xa), ..Default::default() };
    let chunks = all(port.v2.get_trace(request).await.unwrap()).await;
    assert_eq!(v2_ids(&chunks), [(0xa, 1), (0xa, 2)]);
    let process = chunks[0].spans[1].process.as_ref().unwrap();
    assert_eq!(process.service_name, "service", "every span carries its process");
    let short = api_v2::GetTraceRequest { trace_id: id(0xb).slice(8..), ..Default::default() };
    assert_eq!(v2_ids(&all(port.v2.get_trace(short).await.unwrap()).await), [(0xb, 1)]);

    let request = api_v3::GetTraceRequest { trace_id: "A".into(), ..Default::default() };
    let messages = all(port.v3.get_trace(request).await.unwrap()).await;
    assert_eq!(v3_ids(&messages), [(0xa, 1), (0xa, 2)]);
}

#[tokio::test]
async fn a_search_answers_whole_traces_one_message_each() {
    let mut port = Port::with(traces());
    let query = api_v2::TraceQueryParameters { service_name: "service".into(), ..Default::default() };
    let request = api_v2::FindTracesRequest { query: Some(query) };
    let chunks = all(port.v2.find_traces(request).await.unwrap()).await;
    assert_eq!((chunks.len(), v2_ids(&chunks)), (2, vec![(0xa, 1), (0xa, 2), (0xb, 1)]));

    let request = api_v3::FindTracesRequest { query: Some(search_v3()) };
    let messages = all(port.v3.find_traces(request).await.unwrap()).await;
    assert_eq!((messages.len(), v3_ids(&messages)), (2, vec![(0xa, 1), (0xa, 2), (0xb, 1)]));
    let searches = port.reader.searches.lock().unwrap();
    assert_eq!(searches.len(), 2);
    assert_eq!(searches[1].start.start.0, 1_000_000_000);
    assert!(searches.iter().all(|query| query.limit == 100 && query.service.as_deref() == Some("service")));
}

#[tokio::test]
async fn a_search_without_a_hit_is_an_empty_answer() {
    let mut port = Port::with(Script::Parts(Vec::new()));
    let request = api_v3::FindTracesRequest { query: Some(search_v3()) };
    assert!(all(port.v3.find_traces(request).await.unwrap()).await.is_empty());
}

#[tokio::test]
async fn raw_traces_are_not_adjusted() {
    // The child lies outside of its parent, which the adjusted trace says in a warning.
    let late = crate::fixture::batch(
        &[&[]],
        &[
            crate::fixture::SPAN,
            crate::fixture::Span { id: 2, parent: 1, start: 9_000, ..crate::fixture::SPAN },
        ],
    );
    let mut port = Port::with(Script::Parts(vec![late]));
    for (raw_traces, warned) in [(false, true), (true, false)] {
        let request = api_v2::GetTraceRequest { trace_id: id(1), raw_traces, ..Default::default() };
        let chunks = all(port.v2.get_trace(request).await.unwrap()).await;
        let warnings = chunks.iter().flat_map(|chunk| &chunk.spans).any(|span| !span.warnings.is_empty());
        assert_eq!(warnings, warned, "raw_traces: {raw_traces}");
    }
}

#[tokio::test]
async fn the_times_of_a_lookup_are_a_hint() {
    let mut port = Port::with(traces());
    let year_one = at(-62_135_596_800);
    for (start_time, end_time) in [(at(5), at(6)), (at(5), year_one), (year_one, year_one), (at(6), at(5))] {
        let request =
            api_v3::GetTraceRequest { trace_id: "a".into(), start_time, end_time, ..Default::default() };
        assert_eq!(all(port.v3.get_trace(request).await.unwrap()).await.len(), 1);
    }
    let lookups = port.reader.lookups.lock().unwrap();
    let hints: Vec<_> =
        lookups.iter().map(|lookup| lookup.hint.map(|hint| (hint.start.0, hint.end.0))).collect();
    assert_eq!(hints, [Some((5_000_000_000, 6_000_000_000)), Some((5_000_000_000, u64::MAX)), None, None]);
    assert_eq!(lookups[0].trace_id, TraceId(0xa));
}

#[tokio::test]
async fn services_and_operations_are_listed() {
    let reader = FakeReader {
        services: vec!["a".into(), "b".into()],
        operations: vec![
            Operation { name: "get".into(), span_kind: SpanKind::Client },
            Operation { name: "get".into(), span_kind: SpanKind::Server },
            Operation { name: "put".into(), span_kind: SpanKind::Unspecified },
        ],
        ..FakeReader::new(Script::Hang)
    };
    let mut port = Port::new(&[], reader);
    let services = port.v2.get_services(api_v2::GetServicesRequest {}).await.unwrap().into_inner();
    assert_eq!(services.services, ["a", "b"]);
    let services = port.v3.get_services(api_v3::GetServicesRequest {}).await.unwrap().into_inner();
    assert_eq!(services.services, ["a", "b"]);

    let request = api_v2::GetOperationsRequest { service: "a".into(), span_kind: "SERVER".into() };
    let found = port.v2.get_operations(request).await.unwrap().into_inner();
    assert_eq!(found.operation_names, ["get", "put"], "each name once");
    let pairs: Vec<_> =
        found.operations.iter().map(|found| (found.name.as_str(), found.span_kind.as_str())).collect();
    assert_eq!(pairs, [("get", "client"), ("get", "server"), ("put", "")]);
    let request = api_v3::GetOperationsRequest { service: "a".into(), ..Default::default() };
    let found = port.v3.get_operations(request).await.unwrap().into_inner();
    assert_eq!(found.operations.len(), 3);
    let asked = port.reader.operation_queries.lock().unwrap();
    assert_eq!((asked[0].span_kind, asked[1].span_kind), (Some(SpanKind::Server), None));
}

#[tokio::test]
async fn the_users_token_is_passed_on_only_where_that_is_wanted() {
    for (args, token) in [(&["--query.bearer-token-propagation"][..], Some("abc")), (&[][..], None)] {
        let mut port = Port::new(args, FakeReader::new(Script::Hang));
        let mut request = tonic::Request::new(api_v3::GetServicesRequest {});
        request.metadata_mut().insert("bearer.token", "abc".parse().unwrap());
        port.v3.get_services(request).await.unwrap();
        let callers = port.reader.callers.lock().unwrap();
        assert_eq!(callers[0].as_ref().map(|caller| caller.token()), token);
    }
}

#[tokio::test]
async fn an_answer_is_compressed_as_its_question_was() {
    for (encoding, name) in [(CompressionEncoding::Gzip, "gzip"), (CompressionEncoding::Zstd, "zstd")] {
        let port = Port::with(traces());
        let mut client = port.v2.clone().send_compressed(encoding).accept_compressed(encoding);
        let request = api_v2::GetTraceRequest { trace_id: id(0xa), ..Default::default() };
        let answer = client.get_trace(request.clone()).await.unwrap();
        assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), name);
        assert_eq!(v2_ids(&all(answer).await), [(0xa, 1), (0xa, 2)]);

        let mut plain = port.v2.clone().accept_compressed(encoding);
        let answer = plain.get_trace(request).await.unwrap();
        assert_eq!(answer.metadata().get("grpc-encoding"), None, "who could read {name} does not ask for it");
    }
}
