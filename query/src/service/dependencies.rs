//! Who calls whom, from the reports that jobs left in the store.

use std::collections::BTreeMap;

use spoor_model::{DependencyLink, ServiceCalls, TimeRange};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use super::lists::TIMES_HELD;
use super::{List, Service};
use crate::metrics::Operation;

impl Service {
    /// The calls that the reports of the range tell, whatever their source: each pair of services once, sorted by parent and child.
    /// Reports lie at the midnight (UTC) of their day, so a range without one is answered with nothing.
    pub(crate) async fn dependencies(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<List<ServiceCalls>, ReadError> {
        let Some(store) = &self.stores.dependencies else {
            let reason = "this store keeps no dependencies";
            return Err(ReadError::new(ReadErrorKind::Unavailable, "read dependencies", reason));
        };
        let _turn = self.turn_among(&self.lists).await?;
        let (context, charge) = self.charged(context)?;
        let links = store.dependencies(&context, range);
        let links = self.measured(Operation::get_dependencies, &context, Vec::len, links).await?;
        let items = summed(links);
        let bytes = |calls: &ServiceCalls| size_of::<ServiceCalls>() + calls.parent.len() + calls.child.len();
        let held: usize = items.iter().map(bytes).sum();
        let room = self.settled(&charge, held * TIMES_HELD)?;
        Ok(List { items, room, cut: charge.was_cut() })
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
