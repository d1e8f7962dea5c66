//! [`ElasticsearchDependencies`]: who calls whom, from documents of Jaeger, of its job (spark-dependencies), and of ours.
//! Facts: `jaegertracing/jaeger internal/storage/v2/elasticsearch/depstore`, `jaegertracing/spark-dependencies`.

mod document;
mod query;

use std::sync::Arc;

use async_trait::async_trait;
use spoor_model::{DependencyLink, DependencyReport, TimeRange};
use spoor_storage::{DependencyStore, ReadError, ReadErrorKind, RecordError, RequestContext};

use crate::TemplateConfig;
use crate::access::Access;
use crate::client::Request;
use crate::index::Family;
use crate::scroll::{Hit, Scroll};
use crate::template::{Kind, TemplateNames, template};
use document::Reports;

/// Documents in a page; of a large installation one has some hundred kilobytes.
const PAGE: u32 = 100;
/// Most memory of the reports that are added up, in bytes: some hundred thousand pairs of services, counted anew for each day.
const MOST_BYTES: usize = 64 << 20;
const ATTEMPTED: &str = "read dependencies";

fn check_size(bytes: usize) -> Result<(), ReadError> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    let what = format!(
        "the reports of that time take more than {MOST_BYTES} bytes; ask for a shorter time (lookback, or the start and end of the range)"
    );
    Err(ReadError::new(ReadErrorKind::Invalid, ATTEMPTED, what))
}

/// Reports of calls between services, in Jaeger's documents.
///
/// A report of ours has an id that follows from its day and source, so that it is replaced when it is written again. Behind aliases this
/// holds within one index: written again after a rollover, both reports are there, and the largest count of each link holds, as with
/// reports that other programs appended. A real Jaeger adds those up.
///
/// Jaeger's template for them is installed with the first write, unless `--es.create-index-templates=false`.
#[derive(Debug, Clone)]
pub struct ElasticsearchDependencies {
    access: Access,
    family: Family,
    max_doc_count: u32,
    /// What the template is made of, if it is to be installed.
    template: Option<Arc<TemplateConfig>>,
    installed: Arc<tokio::sync::OnceCell<()>>,
}

impl ElasticsearchDependencies {
    pub(crate) fn new(
        access: Access,
        family: Family,
        max_doc_count: u32,
        template: Option<Arc<TemplateConfig>>,
    ) -> Self {
        Self { access, family, max_doc_count, template, installed: Arc::default() }
    }

    async fn ready_to_write(&self, context: &RequestContext, attempted: &str) -> Result<(), RecordError> {
        let server = self.access.ready_to_write(context, attempted).await?;
        let Some(settings) = &self.template else { return Ok(()) };
        let install = || async {
            let names = TemplateNames::of(Kind::Dependencies, &self.family, false);
            let template = template(server, &names, settings);
            let body = template.body.to_string().into_bytes();
            let attempted = format!("install the template {}", template.path);
            self.access.send(Request::put(template.path, body, attempted), context.deadline).await?;
            Ok(())
        };
        self.installed.get_or_try_init(install).await.copied()
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
        self.ready_to_write(context, &attempted).await?;
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
        self.access.check_ready(context, ATTEMPTED).await?;
        let targets = self.family.targets(range);
        let scroll = Scroll {
            access: &self.access,
            targets: &targets,
            body: query::reports(range),
            page: PAGE.min(self.max_doc_count),
            attempted: ATTEMPTED,
        };
        let mut reports = Reports::default();
        let take = |hit: &Hit<'_>| {
            let bytes = reports.bytes() + hit.source.get().len();
            check_size(bytes)?;
            context.takes(bytes)?;
            reports.add(document::parse(hit, ATTEMPTED)?);
            Ok(())
        };
        scroll.each(context, take).await?;
        Ok(reports.links())
    }
}
