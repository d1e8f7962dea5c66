//! Claims about the archive: what is copied there is found when the store has it no longer.

use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{RequestContext, SpanReader, SpanWriter, WriteError, WriteErrorKind, Written};

use super::*;
use crate::stores::Archive;

fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()))
}

/// A port over a store with the traces `a` and `b`, and over this archive.
fn port(script: Script, archive: Option<Archive>) -> Port {
    let (config, reader) = (config(&[]), Arc::new(FakeReader::new(script)));
    let stores = Stores { archive, ..Stores::new(reader.clone()) };
    Port { router: over(&config, stores), reader }
}

fn traces() -> Script {
    Script::Parts(vec![plain_trace(0xa, 2), plain_trace(0xb, 1)])
}

/// Refuses what it is told to.
struct Refusing(Option<WriteErrorKind>);

#[async_trait::async_trait]
impl SpanWriter for Refusing {
    async fn write(&self, _: &RequestContext, batch: &spoor_model::SpanBatch) -> Result<Written, WriteError> {
        if let Some(kind) = self.0 {
            return Err(WriteError::nothing_settled(kind, batch.len(), "it was told to fail"));
        }
        let span = batch.span(1).unwrap();
        let rejection = spoor_storage::Rejection {
            index: 1,
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            reason: "too odd".to_owned(),
        };
        Ok(Written { stored: batch.len() - 1, rejected: vec![rejection] })
    }
}

#[tokio::test]
async fn an_archived_trace_is_found_when_the_store_has_it_no_longer() {
    let store = memory();
    let archive = Archive { reader: store.clone(), writer: store.clone() };
    let before = port(traces(), Some(archive.clone()));
    for _ in 0..2 {
        let answer = before.ask("POST", "/api/archive/a").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, Some("application/json"))
        );
        assert_eq!(answer.body, r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":[]}"#);
    }
    let after = port(Script::Parts(Vec::new()), Some(archive));
    let found = after.get("/api/traces/a").await.json();
    assert_eq!(
        found["data"][0]["spans"].as_array().unwrap().len(),
        2,
        "once, though archived twice: {found}"
    );
    assert_eq!(after.get("/api/traces/b").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        store.services(&RequestContext::with_timeout(std::time::Duration::from_secs(5))).await.unwrap(),
        ["service"]
    );
}

#[tokio::test]
async fn what_cannot_be_archived_is_said_with_its_code() {
    let store = memory();
    let archive = || Archive { reader: store.clone(), writer: store.clone() };
    let refusing = |kind| Archive { writer: Arc::new(Refusing(kind)), ..archive() };
    for (script, archive, path, status, text) in [
        (traces(), None, "a", 500, "archive span storage was not configured"),
        (traces(), Some(archive()), "c", 404, "trace not found"),
        (traces(), Some(archive()), "xyz", 400, "xyz"),
        (traces(), Some(refusing(None)), "a", 500, "refuses 1 of 2 spans"),
        (traces(), Some(refusing(Some(WriteErrorKind::Unavailable))), "a", 500, "write to the archive"),
        (traces(), Some(refusing(Some(WriteErrorKind::Busy))), "a", 429, "write to the archive"),
        (
            Script::Fail(spoor_storage::ReadErrorKind::Unavailable),
            Some(archive()),
            "a",
            500,
            "read from the fake",
        ),
    ] {
        let answer = port(script, archive).ask("POST", &format!("/api/archive/{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
        assert!(answer.body.contains(text), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_broken_store_is_not_an_unknown_trace() {
    let store = memory();
    let archive = Archive { reader: store.clone(), writer: store };
    let port = port(Script::Fail(spoor_storage::ReadErrorKind::Unavailable), Some(archive));
    assert_eq!(port.get("/api/traces/a").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
