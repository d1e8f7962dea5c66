//! [`ElasticsearchDependencies`]: who calls whom, from documents of Jaeger, of its job (spark-dependencies), and of ours.
//! Facts: `jaegertracing/jaeger internal/storage/v2/elasticsearch/depstore`, `jaegertracing/spark-dependencies`.

mod document;
mod query;

use async_trait::async_trait;
use spoor_model::{DependencyLink, DependencyReport, TimeRange};
use spoor_storage::{DependencyStore, ReadError, RecordError, RequestContext};

use crate::access::Access;
use crate::client::Request;
use crate::index::Family;
use crate::scroll::Scroll;
use document::Reports;

/// Documents in a page; of a large installation one has some hundred kilobytes.
const PAGE: u32 = 100;

/// Reports of calls between services, in Jaeger's documents.
///
/// A report of ours has an id that follows from its day and source, so that it is replaced when it is written again. Behind aliases this
/// holds within one index: written again after a rollover, both reports are there, and the largest count of each link holds, as with
/// reports that other programs appended. A real Jaeger adds those up.
#[derive(Debug, Clone)]
pub struct ElasticsearchDependencies {
    access: Access,
    family: Family,
    max_doc_count: u32,
}

impl ElasticsearchDependencies {
    pub(crate) fn new(access: Access, family: Family, max_doc_count: u32) -> Self {
        Self { access, family, max_doc_count }
    }
}

#[async_trait]
impl DependencyStore for ElasticsearchDependencies {
    async fn write_dependencies(
        &self,
        context: &RequestContext,
        report: &DependencyReport,
    ) -> Result<(), RecordError> {
        let attempted = format!("store the dependencies of source {}", report.source);
        self.access.ready_to_write(context, &attempted).await?;
        let index = self.family.write_target(self.family.period(report.midnight()));
        let path = crate::access::document_path(&index, &document::id(report), self.family.writes_to_alias());
        let request = Request::put(path, document::body(report).to_string().into_bytes(), attempted);
        self.access.send(request, context.deadline).await?;
        Ok(())
    }

    async fn dependencies(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<DependencyLink>, ReadError> {
        const ATTEMPTED: &str = "read dependencies";
        self.access.check_ready(context, ATTEMPTED).await?;
        let targets = self.family.targets(range);
        let scroll = Scroll {
            access: &self.access,
            targets: &targets,
            body: query::reports(range),
            page: PAGE.min(self.max_doc_count),
            attempted: ATTEMPTED,
        };
        let documents = scroll.each(context, |hit| document::parse(hit, ATTEMPTED)).await?;
        Ok(documents.into_iter().collect::<Reports>().links())
    }
}
