//! The store is looked at again and again: on the real server, at a faster pace than usual.

use serde_json::{Value, json};

use super::*;
use crate::client::Request;
use crate::index::{IndexNames, now};
use crate::template::Kind;
use crate::{Config, IndexConfig};

#[path = "../../../tests/support/fake.rs"]
#[expect(dead_code, unreachable_pub, reason = "each test program uses a part")]
mod fake;
mod scripted;

const LONG: Duration = Duration::from_secs(30);
/// Every write waits for a look of its own.
const ALWAYS: Pace = Pace {
    aging: Duration::ZERO,
    stale: Duration::ZERO,
    quick: Duration::from_secs(10),
    routine: Duration::from_secs(3_600),
    in_trouble: Duration::from_millis(20),
    whole: Duration::from_secs(3_600),
};

fn setup(config: &Config, writes: bool) -> (Setup, SetupMetrics) {
    let names = IndexNames::new(&config.indices).unwrap();
    let families = [(Kind::Span, &names.spans), (Kind::Service, &names.services)]
        .map(|(kind, family)| Watched::new(kind, family, false, config.indices.max_span_age))
        .to_vec();
    let templates = writes.then(|| config.templates.clone());
    let plan = Plan { known: None, families, templates, pace: ALWAYS };
    let (client, metrics) = (Arc::new(Client::new(config).unwrap()), SetupMetrics::default());
    (Setup::start(client, plan, metrics.clone()), metrics)
}

/// The shared server, with a prefix of one's own.
struct Own {
    client: Client,
    config: Config,
}

impl Own {
    fn new() -> Self {
        let url = std::env::var("SPOOR_TEST_OPENSEARCH_URL")
            .expect("this test needs OpenSearch: run `cargo xtask test`, or set SPOOR_TEST_OPENSEARCH_URL");
        let mut config = Config::default();
        config.connection.server_urls = vec![url.parse().unwrap()];
        config.indices =
            IndexConfig { prefix: format!("t{:016x}", fastrand::u64(..)), ..IndexConfig::default() };
        (config.templates.num_shards, config.templates.num_replicas) = (1, 0);
        Self { client: Client::new(&config).unwrap(), config }
    }

    fn prefix(&self) -> &str {
        &self.config.indices.prefix
    }

    async fn ask(
        &self,
        method: http::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, crate::client::Error> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request { method, ..Request::search(path, body, "test") };
        let reply = self.client.send(request, Instant::now() + LONG).await?;
        Ok(serde_json::from_slice(&reply.body).unwrap())
    }

    async fn put(&self, path: &str, body: Value) {
        self.ask(http::Method::PUT, path, Some(body)).await.unwrap();
    }

    async fn delete(&self, path: &str) {
        self.ask(http::Method::DELETE, path, None).await.unwrap();
    }

    fn span_index(&self) -> String {
        let spans = IndexNames::new(&self.config.indices).unwrap().spans;
        spans.write_target(spans.period(now()))
    }

    async fn end(self) {
        for part in ["_template", "_index_template"] {
            let _ = self.ask(http::Method::DELETE, &format!("/{part}/{}*", self.prefix()), None).await;
        }
        let found =
            self.ask(http::Method::GET, &format!("/{}*?filter_path=*.aliases", self.prefix()), None).await;
        for index in found.unwrap().as_object().unwrap().keys() {
            self.delete(&format!("/{index}")).await;
        }
    }
}

async fn write(setup: &Setup) -> Result<Server, NotReady> {
    setup.ready_to_write(Instant::now() + LONG).await
}

#[tokio::test]
async fn templates_that_somebody_deletes_are_there_again_before_the_next_write() {
    let own = Own::new();
    let (setup, _) = setup(&own.config, true);
    write(&setup).await.unwrap();
    let template = format!("/_template/{}-jaeger-span", own.prefix());
    for _ in 0..3 {
        own.delete(&format!("/_template/{}*", own.prefix())).await;
        assert!(own.ask(http::Method::GET, &template, None).await.is_err());
        write(&setup).await.unwrap();
        assert!(own.ask(http::Method::GET, &template, None).await.is_ok());
    }
    own.end().await;
}

#[tokio::test]
async fn a_foreign_template_that_comes_later_stops_writes_that_would_make_an_index() {
    let own = Own::new();
    let (mut config, foreign) = (own.config.clone(), format!("/_index_template/{}-foreign", own.prefix()));
    config.templates.create = true;
    let (setup, metrics) = setup(&config, true);
    write(&setup).await.unwrap();
    assert_eq!(metrics.unfit_templates.get(), 0);
    own.put(&foreign, json!({ "index_patterns": [format!("{}-*", own.prefix())], "priority": 7 })).await;
    // What was looked at is looked at whole when templates are gone, too.
    own.delete(&format!("/_template/{}*", own.prefix())).await;
    let error = write(&setup).await.unwrap_err().to_string();
    for part in [
        "-foreign\" (priority 7)",
        "tags is not mapped",
        "--es.composable-templates",
        "--es.prioirity-span-template above 7",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(metrics.unfit_templates.get(), 2);
    // Where the index is there, nothing wrong is made by a write.
    let fields = |kind| json!({ "mappings": crate::template::mapping(kind) });
    own.put(&format!("/{}", own.span_index()), fields(Kind::Span)).await;
    own.put(&format!("/{}", own.span_index().replace("-span-", "-service-")), fields(Kind::Service)).await;
    let mut state = setup.readiness();
    state.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    assert_eq!(metrics.unfit_templates.get(), 2, "the next day's index would still be wrong");
    own.delete(&foreign).await;
    write(&setup).await.unwrap();
    assert_eq!((metrics.unfit_templates.get(), metrics.unfit_indices.get()), (0, 0));
    own.end().await;
}

#[tokio::test]
async fn a_reader_counts_indices_that_were_made_without_a_template() {
    let own = Own::new();
    let document = json!({ "traceID": "abc", "tags": [{ "key": "a", "value": "b" }], "startTimeMillis": 5 });
    own.ask(http::Method::POST, &format!("/{}/_doc", own.span_index()), Some(document)).await.unwrap();
    let (setup, metrics) = setup(&own.config, false);
    setup.ready(Instant::now() + LONG).await.unwrap();
    setup.checked.clone().changed().await.unwrap();
    assert_eq!((metrics.unfit_templates.get(), metrics.unfit_indices.get()), (0, 1));
    own.end().await;
}
