//! Who calls whom, from the reports that jobs left in the store.

use std::collections::BTreeMap;

use spoor_model::{DependencyLink, ServiceCalls, TimeRange};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use super::Service;
use crate::metrics::Operation;

impl Service {
    /// The calls that the reports of the range tell, whatever their source: each pair of services once, sorted by parent and child.
    /// Reports lie at the midnight (UTC) of their day, so a range without one is answered with nothing.
    pub(crate) async fn dependencies(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<ServiceCalls>, ReadError> {
        let Some(store) = &self.stores.dependencies else {
            let reason = "this store keeps no dependencies";
            return Err(ReadError::new(ReadErrorKind::Unavailable, "read dependencies", reason));
        };
        let _turn = self.turn_among(&self.lists).await?;
        let links = store.dependencies(context, range);
        let links = self.measured(Operation::get_dependencies, context, Vec::len, links).await?;
        Ok(summed(links))
    }
}

/// The links without their sources.
fn summed(links: Vec<DependencyLink>) -> Vec<ServiceCalls> {
    let mut sums: BTreeMap<(String, String), u64> = BTreeMap::new();
    for DependencyLink { parent, child, call_count, .. } in links {
        let sum = sums.entry((parent, child)).or_default();
        *sum = sum.saturating_add(call_count);
    }
    sums.into_iter().map(|((parent, child), call_count)| ServiceCalls { parent, child, call_count }).collect()
}
