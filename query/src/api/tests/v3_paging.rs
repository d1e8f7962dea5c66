//! Claims about pages of API v3, over a store with many traces: following them names every trace once, newest first.

use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{RequestContext, SpanWriter};

use super::*;
use crate::fixture::{SPAN, Span, batch};

const WINDOW: &str = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";

/// A port over a store with `traces` traces of three spans each, of which some begin in one microsecond.
async fn port(traces: u64, args: &[&str]) -> Port {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    let context = RequestContext::with_timeout(std::time::Duration::from_secs(10));
    let base = params::now().micros() - 10_000_000;
    for trace in 1..=traces {
        let start = base + trace / 3 * 10;
        let span =
            |id| Span { trace: trace.into(), id, parent: id / 2, start: start - id, name: "wanted", ..SPAN };
        let newer = Span { id: 9, parent: 77, start: start + 5_000 - trace, name: "other", ..span(3) };
        store.write(&context, &batch(&[&[]], &[span(1), span(2), newer])).await.unwrap();
    }
    Port { router: over(&config(args), Stores::new(store)), reader: Arc::new(FakeReader::new(Script::Hang)) }
}

/// The ids on a page, in order, each once however often it stands there.
fn ids(route: &str, page: &Value) -> Vec<String> {
    let id = |span: &Value| span["traceId"].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = if route == "trace-summaries" {
        page["summaries"].as_array().unwrap().iter().map(id).collect()
    } else {
        let resources = page["result"]["resourceSpans"].as_array().unwrap();
        resources
            .iter()
            .flat_map(|resource| resource["scopeSpans"][0]["spans"].as_array().unwrap())
            .map(id)
            .collect()
    };
    ids.dedup();
    ids
}

/// The pages' ids, following the tokens, and the last page.
async fn follow(port: &Port, route: &str, query: &str) -> (Vec<Vec<String>>, Value) {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let answer = port.get(&format!("/api/v3/{route}?{WINDOW}&{query}&query.pageToken={token}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let page = answer.json();
        pages.push(ids(route, &page));
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return (pages, page),
        }
        assert!(pages.len() < 1_000, "the pages do not end");
    }
}

/// Newest first, and of one microsecond by id.
fn expected(traces: u64) -> Vec<String> {
    let mut order: Vec<u64> = (1..=traces).collect();
    order.sort_by_key(|trace| (std::cmp::Reverse(trace / 3), *trace));
    order.into_iter().map(|trace| format!("{trace:032x}")).collect()
}

#[tokio::test]
async fn a_page_whose_traces_have_all_gone_is_not_the_end() {
    let path = format!("/api/v3/traces?{WINDOW}&query.serviceName=service&query.searchDepth=2");
    let found = async |gone: std::ops::RangeInclusive<u128>| {
        let traces = (1..=5).map(|trace| plain_trace(trace, 1)).collect();
        let mut reader = FakeReader::new(Script::Parts(traces));
        reader.gone = gone.map(spoor_model::TraceId).collect();
        Port::new(&[], reader).get(&path).await
    };
    let rest = found(1..=4).await;
    assert_eq!(rest.status, StatusCode::OK, "{}", rest.body);
    assert_eq!(ids("traces", &rest.json()), [format!("{:032x}", 5)]);
    assert_eq!(found(1..=5).await.status, StatusCode::NOT_FOUND);
    let half = found(1..=3).await.json();
    assert_eq!(ids("traces", &half), [format!("{:032x}", 4)]);
    assert!(half["nextPageToken"].is_string(), "{half}");
}

#[tokio::test]
async fn following_pages_names_every_trace_once_newest_first() {
    let port = port(40, &[]).await;
    for route in ["traces", "trace-summaries"] {
        for depth in [1, 3, 7, 39, 40, 41] {
            let query = format!("query.operationName=wanted&query.searchDepth={depth}");
            let (pages, _) = follow(&port, route, &query).await;
            assert!(pages.iter().all(|page| !page.is_empty() && page.len() <= depth), "{pages:?}");
            assert_eq!(pages.len(), 40_usize.div_ceil(depth), "full pages, and no empty one at the end");
            assert_eq!(pages.concat(), expected(40), "{route} by {depth}");
        }
    }
}

#[tokio::test]
async fn traces_of_a_page_are_whole_and_summaries_say_what_they_are() {
    let port = port(3, &[]).await;
    let (_, page) = follow(&port, "traces", "query.operationName=wanted").await;
    let resources = page["result"]["resourceSpans"].as_array().unwrap();
    let spans: usize =
        resources.iter().map(|one| one["scopeSpans"][0]["spans"].as_array().unwrap().len()).sum();
    assert_eq!(spans, 9);
    let (_, page) = follow(&port, "trace-summaries", "query.operationName=wanted").await;
    let summary = &page["summaries"][0];
    assert_eq!((&summary["spanCount"], &summary["orphanSpanCount"]), (&Value::from(3), &Value::from(1)));
    assert_eq!(
        (&summary["rootServiceName"], &summary["rootOperationName"]),
        (&"service".into(), &"wanted".into())
    );
    assert_eq!(summary["services"][0]["name"], "service");
}

#[tokio::test]
async fn a_token_goes_from_route_to_route_and_page_size_to_page_size_but_to_no_other_search() {
    let port = port(10, &[]).await;
    let first = port.get(&format!("/api/v3/trace-summaries?{WINDOW}&query.searchDepth=4")).await.json();
    let token = first["nextPageToken"].as_str().unwrap();
    let second = port
        .get(&format!("/api/v3/traces?{WINDOW}&query.searchDepth=2&query.pagination.pageToken={token}"))
        .await;
    assert_eq!(ids("traces", &second.json()), expected(10)[4..6]);
    for query in ["query.serviceName=service", "query.operationName=wanted", "query.durationMin=1us"] {
        let path = format!("/api/v3/traces?{WINDOW}&{query}&query.page_token={token}");
        let answer = port.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(
            answer.body.contains(
                "malformed parameter query.page_token: it belongs to a search with other conditions"
            ),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_page_without_room_for_all_its_traces_ends_early_and_loses_none() {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    let context = RequestContext::with_timeout(std::time::Duration::from_secs(10));
    let start = params::now().micros() - 10_000_000;
    for trace in 1..=12_u64 {
        let spans: Vec<_> =
            (1..=1_500).map(|id| Span { trace: trace.into(), id, start: start - trace, ..SPAN }).collect();
        store.write(&context, &batch(&[&[]], &spans)).await.unwrap();
    }
    let router = over(&config(&["--query.max-answer-bytes=1MiB"]), Stores::new(store));
    let port = Port { router, reader: Arc::new(FakeReader::new(Script::Hang)) };
    let (pages, _) = follow(&port, "traces", "").await;
    assert!(pages.len() > 1 && pages.len() <= 12, "{pages:?}");
    let all: Vec<String> = (1..=12).map(|trace| format!("{trace:032x}")).collect();
    assert_eq!(pages.concat(), all);
}

#[tokio::test]
async fn all_pages_of_a_search_are_parts_of_one_question_and_searches_of_questions_of_their_own() {
    let traces = (1..=5).map(|trace| plain_trace(trace, 1)).collect();
    let port = Port::new(&[], FakeReader::new(Script::Parts(traces)));
    let mut searches = Vec::new();
    for _ in 0..2 {
        let (pages, _) = follow(&port, "traces", "query.serviceName=service&query.searchDepth=2").await;
        assert_eq!(pages.len(), 3);
        let asked = std::mem::take(&mut *port.reader.questions.lock().unwrap());
        assert_eq!(asked.len(), 3 + 5, "each page asks for places, and for what stands there");
        assert!(asked[0].is_some() && asked.iter().all(|question| *question == asked[0]), "{asked:?}");
        searches.push(asked[0]);
    }
    assert_ne!(searches[0], searches[1]);
}

#[tokio::test]
async fn a_token_whose_question_is_made_up_names_the_same_page() {
    let traces = (1..=5).map(|trace| plain_trace(trace, 1)).collect();
    let port = Port::new(&[], FakeReader::new(Script::Parts(traces)));
    let path = format!("/api/v3/traces?{WINDOW}&query.serviceName=service&query.searchDepth=2");
    let first = port.get(&path).await.json();
    let token = first["nextPageToken"].as_str().unwrap();
    assert_eq!(token.len(), 55, "as docs/openapi/v3.yaml has it");
    for made_up in ["AAAAAAAAAA", "__________", "-Q4QzR2019"] {
        // The question is the end of the token.
        let token = format!("{}{made_up}A", &token[..44]);
        let second = port.get(&format!("{path}&query.pageToken={token}")).await;
        assert_eq!(second.status, StatusCode::OK, "{}", second.body);
        assert_eq!(ids("traces", &second.json()), [format!("{:032x}", 3), format!("{:032x}", 4)]);
    }
}
