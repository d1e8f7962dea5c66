//! Reports of calls between services, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use spoor_model::{DependencyLink, DependencyReport, ServiceCalls, TimeRange};

use super::{MemoryStore, in_time, records_in_time, refused};
use crate::{DependencyStore, ReadError, RecordError, RequestContext};

#[async_trait]
impl DependencyStore for MemoryStore {
    async fn write_dependencies(
        &self,
        context: &RequestContext,
        report: &DependencyReport,
    ) -> Result<(), RecordError> {
        let attempted = || format!("store the dependencies of source {}", report.source);
        records_in_time(context, attempted)?;
        let key = (report.midnight(), context.tenant.name().to_owned(), report.source.clone());
        let calls = report.calls.clone();
        let texts = report.source.len()
            + calls
                .iter()
                .map(|calls| calls.parent.len() + calls.child.len() + size_of::<ServiceCalls>())
                .sum::<usize>();
        let dropped = self.records().dependencies.insert(key, texts, calls);
        self.count_dropped(dropped.map_err(|large| refused(attempted(), large))?);
        Ok(())
    }

    async fn dependencies(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<DependencyLink>, ReadError> {
        in_time(context, || "read dependencies".to_owned())?;
        let mut sums: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        for ((midnight, tenant, source), calls) in self.records().dependencies.iter() {
            let within = (range.start.millis()..=range.end.millis()).contains(&midnight.millis());
            if within && tenant == context.tenant.name() {
                for ServiceCalls { parent, child, call_count } in calls {
                    let sum = sums.entry((parent.clone(), child.clone(), source.clone())).or_default();
                    *sum = sum.saturating_add(*call_count);
                }
            }
        }
        let link =
            |((parent, child, source), call_count)| DependencyLink { parent, child, source, call_count };
        Ok(sums.into_iter().map(link).collect())
    }
}
