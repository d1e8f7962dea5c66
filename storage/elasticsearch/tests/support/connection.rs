//! A store behind scripted servers, and what is asked of it.

use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage::{RequestContext, SpanWriter, WriteError, Written};
use spoor_storage_elasticsearch::{Config, ConnectionConfig, ElasticsearchStore};

use super::fake::{Answer, Asked, FakeServer, healthy};

/// The settings for this one server.
pub fn config(server: &FakeServer, change: impl FnOnce(&mut ConnectionConfig)) -> Config {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().expect("it can work")];
    change(&mut config.connection);
    config
}

/// A store behind this one server.
pub fn open(server: &FakeServer, change: impl FnOnce(&mut ConnectionConfig)) -> ElasticsearchStore {
    ElasticsearchStore::open(&config(server, change), &mut Registry::default()).expect("it can work")
}

/// Twenty seconds.
pub fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(20))
}

/// Writes ten spans of one service.
pub async fn write(store: &ElasticsearchStore) -> Result<Written, WriteError> {
    let samples: Vec<_> = (1..=10).map(|span| Sample::new(trace_id(1), span, some_minutes_ago())).collect();
    store.writer().write(&context(), &batch_of(&samples)).await
}

/// A healthy server with nothing in it.
pub fn answers(asked: &Asked) -> Answer {
    if asked.line.contains("_search") {
        return (200, "", r#"{"timed_out":false,"_shards":{"failed":0},"hits":{"hits":[]}}"#.to_owned());
    }
    healthy(asked)
}
