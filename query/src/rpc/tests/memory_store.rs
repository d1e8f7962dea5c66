//! Over a real store: what was written is found, summed up, and linked.

use spoor_model::{DependencyReport, ServiceCalls, SpanBatch, UnixNanos};
use spoor_proto::jaeger::{api_v2, api_v3};
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{DependencyStore, RequestContext, SpanWriter};

use super::*;

pub(super) async fn memory(batches: Vec<SpanBatch>) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    for batch in batches {
        store.write(&context(), &batch).await.unwrap();
    }
    store
}

pub(super) fn context() -> RequestContext {
    RequestContext::with_timeout(std::time::Duration::from_secs(10))
}

fn search() -> Option<api_v3::TraceQueryParameters> {
    Some(api_v3::TraceQueryParameters {
        service_name: "service".into(),
        start_time_min: at(0),
        start_time_max: at(9),
        ..Default::default()
    })
}

#[tokio::test]
async fn summaries_tell_of_found_traces() {
    let store = memory(vec![plain_trace(0xa, 3), plain_trace(0xb, 1)]).await;
    let mut v3 = ClientV3::new(over(&[], Stores::new(store)));
    let request = api_v3::FindTraceSummariesRequest { query: search() };
    let messages = all(v3.find_trace_summaries(request).await.unwrap()).await;
    let mut summaries: Vec<_> = messages.into_iter().flat_map(|message| message.summaries).collect();
    summaries.sort_by(|left, right| left.trace_id.cmp(&right.trace_id));
    let expected = api_v3::TraceSummary {
        trace_id: format!("{:032x}", 0xa),
        root_service_name: "service".into(),
        root_operation_name: "op".into(),
        min_start_time_unix_nano: 1_000_000,
        max_end_time_unix_nano: 1_100_000,
        span_count: 3,
        services: vec![api_v3::ServiceSummary { name: "service".into(), span_count: 3, error_span_count: 0 }],
        ..Default::default()
    };
    assert_eq!((summaries.len(), &summaries[0]), (2, &expected));
}

#[tokio::test]
async fn many_summaries_come_in_messages_of_bounded_size() {
    let store = memory((1..=2_000).map(|trace| plain_trace(trace, 1)).collect()).await;
    let mut v3 = ClientV3::new(over(&[], Stores::new(store)));
    let query = search().map(|query| api_v3::TraceQueryParameters { search_depth: 2_000, ..query });
    let request = api_v3::FindTraceSummariesRequest { query };
    let messages = all(v3.find_trace_summaries(request).await.unwrap()).await;
    assert!(messages.len() > 1);
    assert!(messages.iter().all(|message| prost::Message::encoded_len(message) < 70_000));
    assert_eq!(messages.iter().map(|message| message.summaries.len()).sum::<usize>(), 2_000);
}

#[tokio::test]
async fn dependencies_are_those_of_the_reports_in_the_range() {
    let store = memory(Vec::new()).await;
    let call = ServiceCalls { parent: "a".into(), child: "b".into(), call_count: 3 };
    for source in ["jaeger", "other"] {
        let report = DependencyReport { day: UnixNanos(1), source: source.into(), calls: vec![call.clone()] };
        store.write_dependencies(&context(), &report).await.unwrap();
    }
    let router = over(&[], Stores { dependencies: Some(store.clone()), ..Stores::new(store) });
    let (start_time, end_time) = (at(0), at(1));
    let request = api_v2::GetDependenciesRequest { start_time, end_time };
    let links =
        ClientV2::new(router.clone()).get_dependencies(request).await.unwrap().into_inner().dependencies;
    let pairs: Vec<_> =
        links.iter().map(|link| (link.parent.as_str(), link.child.as_str(), link.call_count)).collect();
    assert_eq!(pairs, [("a", "b", 6)], "whatever saw them");
    let request = api_v3::GetDependenciesRequest { start_time, end_time };
    let links =
        ClientV3::new(router.clone()).get_dependencies(request).await.unwrap().into_inner().dependencies;
    assert_eq!(links, [api_v3::Dependency { parent: "a".into(), child: "b".into(), call_count: 6 }]);
    let request = api_v3::GetDependenciesRequest { start_time: at(5), end_time: at(6) };
    let later = ClientV3::new(router).get_dependencies(request).await.unwrap().into_inner();
    assert!(later.dependencies.is_empty());
}
