//! [`ElasticsearchSampling`]: what adaptive sampling remembers, in Jaeger's documents, and who leads it.
//! Facts: `jaegertracing/jaeger internal/storage/v1/elasticsearch/samplingstore`.

mod bulk;
mod document;
mod lock;
mod lock_document;
mod observed;
mod query;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use spoor_model::{SamplingProbabilities, Throughput, TimeRange, UnixNanos};
use spoor_storage::{ReadError, RecordError, RecordErrorKind, RequestContext, SamplingStore};

use crate::access::Access;
use crate::client::Request;
use crate::index::{Family, IndexNames, SLACK, Targets, now};
use crate::scroll::{Hit, Scroll};
use crate::template::{Kind, TemplateNames, template};
use crate::{Config, TemplateConfig};
use observed::Observed;

/// Throughput documents in a page; each has a few hundred bytes.
const PAGE: u32 = 5_000;

/// Counts and probabilities in Jaeger's documents, one index for both, and locks in an index of their own.
///
/// A template keeps the operations' names in Jaeger's documents from becoming fields of the index. It is installed with the
/// first write, unless `--es.create-index-templates=false`; then one must be there that does the same, or large installations meet the
/// store's limit of fields, and operations with names like `.` are refused.
#[derive(Debug)]
pub struct ElasticsearchSampling {
    access: Access,
    family: Family,
    locks: String,
    lookback: Duration,
    max_doc_count: u32,
    /// This process, among those that write at the same moment.
    writer: u64,
    /// What the template is made of, if it is to be installed.
    template: Option<TemplateConfig>,
    installed: tokio::sync::OnceCell<()>,
    observed: Observed,
}

impl ElasticsearchSampling {
    pub(crate) fn new(access: Access, names: &IndexNames, config: &Config) -> Arc<Self> {
        Arc::new(Self {
            access,
            family: names.sampling.clone(),
            locks: names.locks.clone(),
            lookback: config.sampling.lookback,
            max_doc_count: config.indices.max_doc_count,
            writer: RandomState::new().hash_one(0),
            template: config.templates.create.then(|| config.templates.clone()),
            installed: tokio::sync::OnceCell::new(),
            observed: Observed::default(),
        })
    }

    async fn ready_to_write(&self, context: &RequestContext, attempted: &str) -> Result<(), RecordError> {
        let server = self.access.ready_to_write(context, attempted).await?;
        let Some(settings) = &self.template else { return Ok(()) };
        let install = || async {
            let names = TemplateNames::of(Kind::Sampling, &self.family, false);
            let template = template(server, &names, settings);
            let body = template.body.to_string().into_bytes();
            let attempted = format!("install the template {}", template.path);
            self.access.send(Request::put(template.path, body, attempted), context.deadline).await?;
            Ok(())
        };
        self.installed.get_or_try_init(install).await.copied()
    }

    fn index(&self, at: UnixNanos) -> String {
        self.family.write_target(self.family.period(at))
    }
}

#[async_trait]
impl SamplingStore for ElasticsearchSampling {
    async fn write_throughput(
        &self,
        context: &RequestContext,
        at: UnixNanos,
        seen: &[Throughput],
    ) -> Result<(), RecordError> {
        let attempted = format!("store the throughput of {} operations", seen.len());
        self.ready_to_write(context, &attempted).await?;
        let index = self.index(at);
        let mut bulk = bulk::Bulk::new(&attempted, self.family.writes_to_alias());
        for throughput in seen {
            bulk.add(
                &index,
                &document::throughput_id(self.writer, at, throughput),
                &document::throughput(at, throughput),
            );
            if bulk.is_full() {
                bulk.send(&self.access, context).await?;
            }
        }
        bulk.send(&self.access, context).await
    }

    async fn throughput(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<Throughput>, ReadError> {
        const ATTEMPTED: &str = "read the throughput of operations";
        self.access.check_prepared(context, ATTEMPTED).await?;
        let targets = self.family.targets(range);
        let scroll = Scroll {
            access: &self.access,
            targets: &targets,
            body: query::throughput(range),
            page: PAGE.min(self.max_doc_count),
            attempted: ATTEMPTED,
        };
        let mut found = Vec::new();
        let take = |hit: &Hit<'_>| {
            found.push(document::parse_throughput(hit, ATTEMPTED)?);
            Ok(())
        };
        scroll.each(context, take).await?;
        Ok(found)
    }

    async fn write_probabilities(
        &self,
        context: &RequestContext,
        at: UnixNanos,
        probabilities: &SamplingProbabilities,
    ) -> Result<(), RecordError> {
        const ATTEMPTED: &str = "store sampling probabilities";
        if !document::is_finite(probabilities) {
            let what = "a probability or rate is no finite number";
            return Err(RecordError::new(RecordErrorKind::Refused, ATTEMPTED, what));
        }
        self.ready_to_write(context, ATTEMPTED).await?;
        let id = document::probabilities_id(self.writer, at);
        let path = crate::access::document_path(&self.index(at), &id, self.family.writes_to_alias());
        let body = document::probabilities(at, probabilities).to_string().into_bytes();
        self.access.send(Request::put(path, body, ATTEMPTED), context.deadline).await?;
        Ok(())
    }

    async fn latest_probabilities(
        &self,
        context: &RequestContext,
    ) -> Result<Option<(UnixNanos, SamplingProbabilities)>, ReadError> {
        const ATTEMPTED: &str = "read sampling probabilities";
        self.access.check_prepared(context, ATTEMPTED).await?;
        let now = now();
        // Clocks of other hosts may be ahead.
        let window = TimeRange { start: now.saturating_sub(self.lookback), end: now.saturating_add(SLACK) };
        let targets: Targets = self.family.targets(window);
        let body = query::latest_probabilities(window.start);
        let reply = self
            .access
            .search(context, &targets, "hits.hits._source,hits.hits.sort", &body, ATTEMPTED)
            .await?;
        document::parse_probabilities(&reply, ATTEMPTED)
    }
}
