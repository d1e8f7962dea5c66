//! Faults of the store, one after the other: what was acknowledged is stored, what was not is sent again, once for each
//! span, and the reason is of use.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_model::{SpanBatch, TraceLookup};
use spoor_storage::conformance::trace_id;
use spoor_storage::write::{RetryMetrics, RetryPolicy, RetryingWriter};
use spoor_storage::{ReadErrorKind, RequestContext, SpanReader, SpanWriter, WriteErrorKind};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Readiness};
use support::bulks::{Documents, assert_bulks_counted, bulks, context, metric, open, open_counted, spans};
use support::fake::{Answer, Asked, FakeServer, RESET, healthy, stored};

/// As the collector writes: until all is settled or the time is up. How many spans are stored, and what was counted.
async fn write_patiently(server: &FakeServer, batch: &SpanBatch) -> (usize, Registry) {
    let (store, mut registry) = open_counted(server, |_| {});
    let metrics = RetryMetrics::register(&mut registry);
    let writer = RetryingWriter::new(store.writer(), RetryPolicy::default(), metrics);
    let written = writer.write(&context(), batch).await.unwrap();
    assert!(written.rejected.is_empty(), "{:?}", written.rejected);
    (written.stored, registry)
}

/// Writes that were repeated for that cause, and the spans in them, each time.
fn repeated(registry: &Registry, cause: &str) -> (usize, usize) {
    let of = |what| metric(registry, &format!("spoor_storage_write_{what}_total{{cause=\"{cause}\"}} "));
    (of("retries"), of("retried_spans"))
}

/// A server that answers the first bulks with `faults`, in their order, and takes all that come after.
fn failing_at_first(faults: Vec<fn(&Asked) -> Answer>) -> FakeServer {
    let bulks = AtomicUsize::new(0);
    FakeServer::start(move |asked| {
        if !asked.line.starts_with("POST /_bulk") {
            return healthy(asked);
        }
        match faults.get(bulks.fetch_add(1, Ordering::Relaxed)) {
            Some(fault) => fault(asked),
            None => healthy(asked),
        }
    })
}

/// How often each span was sent, and under how many different actions (index and document id).
fn sent(server: &FakeServer) -> BTreeMap<String, (usize, usize)> {
    let mut actions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for bulk in server.asked("_bulk") {
        let lines: Vec<&str> = bulk.body.lines().collect();
        for pair in lines.chunks(2) {
            let document: serde_json::Value = serde_json::from_str(pair[1]).unwrap();
            if let Some(span) = document["spanID"].as_str() {
                actions.entry(span.to_owned()).or_default().push(pair[0].to_owned());
            }
        }
    }
    let count = |mut all: Vec<String>| {
        let times = all.len();
        all.sort();
        all.dedup();
        (times, all.len())
    };
    actions.into_iter().map(|(span, all)| (span, count(all))).collect()
}

#[tokio::test]
async fn a_refused_connection_is_told_with_the_node_and_nothing_is_stored() {
    let address = xtask::servers::free_address().unwrap();
    let mut config = Config::default();
    config.connection.server_urls = vec![format!("http://{address}").parse().unwrap()];
    let mut registry = Registry::default();
    let store = ElasticsearchStore::open(&config, &mut registry).unwrap();
    let error = store.writer().write(&context(), &spans(2)).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0, 1].as_slice()));
    assert!(error.to_string().contains(&address) && error.to_string().contains("refused"), "{error}");
    let advice = "check that the store runs and that --es.server-urls names it";
    assert!(error.to_string().contains(advice), "{error}");
    assert_eq!(Documents::counted(&registry), Documents::default(), "no bulk was sent");
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let error = store.reader().trace(&context(), &lookup).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Unavailable);
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_reset_in_its_middle_stores_nothing_for_sure_and_names_the_node() {
    let server = FakeServer::start(|asked| {
        if asked.line.contains("_bulk") || asked.line.contains("_search") {
            return (RESET, "", stored(9));
        }
        healthy(asked)
    });
    let (store, registry) = open_counted(&server, |_| {});
    let error = store.writer().write(&context(), &spans(2)).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0, 1].as_slice()));
    // Two spans, and two documents of their service.
    assert_eq!(Documents::counted(&registry), Documents { unfinished: 4, ..Documents::default() });
    assert_bulks_counted(&registry, &server, 0);
    let text = error.to_string();
    assert!(text.contains("broke") && text.contains(&server.address.to_string()), "{text}");
    let error = store.reader().services(&context()).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unavailable);
    assert!(error.to_string().contains("broke"), "{error}");
}

#[tokio::test]
async fn after_a_reset_the_same_documents_are_sent_under_the_same_ids() {
    let server = failing_at_first(vec![|asked| (RESET, "", stored(asked.actions()))]);
    let (stored, registry) = write_patiently(&server, &spans(3)).await;
    assert_eq!(stored, 3);
    let sent = sent(&server);
    assert_eq!(sent.len(), 3);
    assert!(sent.values().all(|&(times, actions)| times >= 2 && actions == 1), "{sent:?}");
    assert_eq!(Documents::counted(&registry), Documents { stored: 5, rejected: 0, unfinished: 5 });
    assert_bulks_counted(&registry, &server, 1);
    assert_eq!(repeated(&registry, "unavailable"), (1, 3));
}

#[tokio::test]
async fn a_store_that_is_unavailable_for_a_while_gets_every_span_in_the_end() {
    let unavailable: fn(&Asked) -> Answer = |_| {
        (
            503,
            "",
            r#"{"error":{"type":"cluster_block_exception","reason":"no master"},"status":503}"#.to_owned(),
        )
    };
    let server = failing_at_first(vec![unavailable; 3]);
    let (stored, registry) = write_patiently(&server, &spans(4)).await;
    assert_eq!(stored, 4);
    assert_eq!(server.asked("_bulk").len(), 4);
    assert_eq!(Documents::counted(&registry), Documents { stored: 6, rejected: 0, unfinished: 18 });
    assert_bulks_counted(&registry, &server, 1);
    assert_eq!(repeated(&registry, "unavailable"), (3, 12));

    let server = FakeServer::start(move |asked| {
        if asked.line.starts_with("POST /_bulk") { unavailable(asked) } else { healthy(asked) }
    });
    let (store, registry) = open_counted(&server, |_| {});
    let error = store.writer().write(&context(), &spans(1)).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0].as_slice()));
    assert!(error.to_string().contains("503") && error.to_string().contains("no master"), "{error}");
    assert_eq!(Documents::counted(&registry), Documents { unfinished: 3, ..Documents::default() });
    assert_bulks_counted(&registry, &server, 0);
}

#[tokio::test]
async fn of_a_bulk_only_the_items_that_found_no_room_are_sent_again() {
    let server = failing_at_first(vec![|asked| {
        let full = r#"{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"}}}"#;
        let mut items = vec![r#"{"index":{"status":201}}"#; asked.actions()];
        items[1] = full;
        (200, "", format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(",")))
    }]);
    let (stored, registry) = write_patiently(&server, &spans(4)).await;
    assert_eq!(stored, 4);
    let times: Vec<usize> = sent(&server).values().map(|&(times, _)| times).collect();
    assert_eq!(times, [1, 2, 1, 1]);
    assert_eq!(Documents::counted(&registry), Documents { stored: 6, rejected: 0, unfinished: 1 });
    assert_bulks_counted(&registry, &server, 1);
    assert_eq!(repeated(&registry, "busy"), (1, 1));
}

/// What servers say of an index that cannot be written to for now: on a full disk old ones, and newer ones; not there any more behind
/// its alias.
const NOT_NOW: [(u16, &str, &str, &str); 3] = [
    (
        403,
        "unavailable",
        "cluster_block_exception",
        "index [jaeger-span] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];",
    ),
    (
        429,
        "busy",
        "cluster_block_exception",
        "index [jaeger-span] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];",
    ),
    (
        404,
        "unavailable",
        "index_not_found_exception",
        "no such index [jaeger-span-write] and [require_alias] request flag is [true] and [jaeger-span-write] is not an alias",
    ),
];

#[tokio::test]
async fn an_index_that_takes_nothing_for_now_has_every_span_in_the_end_and_the_reason_is_told_meanwhile() {
    for (status, cause, kind, reason) in NOT_NOW {
        let refusing = move |asked: &Asked| {
            let refused = format!(
                r#"{{"index":{{"status":{status},"error":{{"type":"{kind}","reason":"{reason}"}}}}}}"#
            );
            let items = vec![refused.as_str(); asked.actions()].join(",");
            (200, "", format!(r#"{{"errors":true,"items":[{items}]}}"#))
        };
        let server = bulks(refusing);
        let (store, registry) = open_counted(&server, |_| {});
        let error = store.writer().write(&context(), &spans(2)).await.unwrap_err();
        assert_eq!((error.unfinished.as_slice(), error.settled.stored), ([0, 1].as_slice(), 0), "{status}");
        assert!(error.to_string().contains(kind) && error.to_string().contains(reason), "{error}");
        assert_eq!(Documents::counted(&registry), Documents { unfinished: 4, ..Documents::default() });
        assert_bulks_counted(&registry, &server, 0);

        let sent = AtomicUsize::new(0);
        let server = bulks(move |asked| match sent.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => refusing(asked),
            _ => healthy(asked),
        });
        let (stored, registry) = write_patiently(&server, &spans(2)).await;
        assert_eq!(stored, 2, "{status}");
        assert_eq!(Documents::counted(&registry), Documents { stored: 4, rejected: 0, unfinished: 8 });
        assert_bulks_counted(&registry, &server, 1);
        assert_eq!(repeated(&registry, cause), (2, 4), "{status}");
    }
}

#[tokio::test]
async fn a_read_whose_node_is_slow_ends_at_the_callers_deadline() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = FakeServer::start(move |asked| {
        if asked.line.contains("_search") {
            let _ = held.lock().unwrap().recv();
        }
        healthy(asked)
    });
    let store = open(&server, |_| {});
    let mut ready = store.readiness();
    ready.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    let context = RequestContext::with_timeout(Duration::from_millis(300));
    let error = store.reader().services(&context).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::DeadlineExceeded, "{error}");
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    drop(hold);
}
