//! Claims about who calls whom, over the store in memory.

use spoor_model::{DependencyReport, ServiceCalls, UnixNanos};
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{DependencyStore, RequestContext};

use super::*;

const DAY: u64 = 86_400_000;

fn calls(parent: &str, child: &str, call_count: u64) -> ServiceCalls {
    ServiceCalls { parent: parent.to_owned(), child: child.to_owned(), call_count }
}

/// A port over a store with reports of days 1 (two sources), 2 and 9 since 1970, and of today.
async fn port() -> Port {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    let today = params::now().millis();
    for (millis, source, calls) in [
        (DAY, "jaeger", vec![calls("b", "a", 1), calls("a", "b", 2)]),
        (DAY, "other", vec![calls("a", "b", 40)]),
        (2 * DAY, "jaeger", vec![calls("a", "b", 5), calls("b", "c", u64::MAX)]),
        (9 * DAY, "jaeger", vec![calls("x", "y", 1)]),
        (today, "jaeger", vec![calls("now", "\"there\"", 7)]),
    ] {
        let report =
            DependencyReport { day: UnixNanos::from_millis(millis), source: source.to_owned(), calls };
        let context = RequestContext::with_timeout(std::time::Duration::from_secs(10));
        store.write_dependencies(&context, &report).await.unwrap();
    }
    let stores = Stores { dependencies: Some(store.clone()), ..Stores::new(store) };
    Port { router: over(&config(&[]), stores), reader: Arc::new(FakeReader::new(Script::Hang)) }
}

fn link(parent: &str, child: &str, count: u64) -> Value {
    serde_json::json!({"parent": parent, "child": child, "callCount": count})
}

#[tokio::test]
async fn links_of_the_range_are_summed_over_days_and_sources_and_sorted() {
    let port = port().await;
    let answer = port.get(&format!("/api/dependencies?endTs={}&lookback={DAY}", 2 * DAY)).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert_eq!(
        answer.body,
        format!(
            r#"{{"data":[{{"parent":"a","child":"b","callCount":47}},{{"parent":"b","child":"a","callCount":1}},{{"parent":"b","child":"c","callCount":{}}}],"total":0,"limit":0,"offset":0,"errors":null}}"#,
            u64::MAX
        )
    );
}

#[tokio::test]
async fn a_day_back_from_now_is_looked_at_when_nothing_is_said() {
    let answer = port().await.get("/api/dependencies").await.json();
    assert_eq!(answer["data"], serde_json::json!([link("now", "\"there\"", 7)]));
}

#[tokio::test]
async fn a_service_keeps_the_links_at_which_it_stands() {
    let port = port().await;
    let of = async |service: &str| {
        port.get(&format!("/api/dependencies?endTs={DAY}&lookback=1&service={service}")).await.json()["data"]
            .take()
    };
    assert_eq!(of("a").await, serde_json::json!([link("a", "b", 42), link("b", "a", 1)]));
    assert_eq!(of("").await.as_array().unwrap().len(), 2, "an empty name is none");
    assert_eq!(of("nobody").await, serde_json::json!([]));
}

#[tokio::test]
async fn a_range_without_a_midnight_and_one_before_1970_are_empty_and_no_error() {
    let port = port().await;
    for query in [format!("endTs={}&lookback=60000", 3 * DAY - 1), "endTs=-1&lookback=5".to_owned()] {
        let answer = port.get(&format!("/api/dependencies?{query}")).await;
        assert_eq!((answer.status, &answer.json()["data"]), (StatusCode::OK, &serde_json::json!([])));
    }
}

#[tokio::test]
async fn numbers_that_are_none_are_named_and_a_store_without_dependencies_says_so() {
    let port = port().await;
    for (query, name) in [("endTs=x", "endTs"), ("lookback=1h", "lookback"), ("lookback=-1", "lookback")] {
        let answer = port.get(&format!("/api/dependencies?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.body.contains(&format!("unable to parse param '{name}'")), "{}", answer.body);
    }
    let without = Port::with_traces(&[]).get("/api/dependencies").await;
    assert_eq!(without.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(without.body.contains("keeps no dependencies"), "{}", without.body);
}
