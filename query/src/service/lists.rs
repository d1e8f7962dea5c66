//! Lists of names, which have turns of their own: they are what everybody asks for first.

use spoor_model::{Operation, OperationQuery};
use spoor_storage::{ReadError, RequestContext};

use super::room::Charge;
use super::{List, Service};
use crate::metrics;

/// The names, and the document that they become beside them.
pub(super) const TIMES_HELD: usize = 2;

impl Service {
    /// Names of all services, sorted.
    pub(crate) async fn services(&self, context: &RequestContext) -> Result<List<String>, ReadError> {
        let (context, charge) = self.charged(context)?;
        let answer = self.stores.reader.services(&context);
        self.list(metrics::Operation::get_services, &context, &charge, answer, String::len).await
    }

    /// Operations of a service, sorted.
    pub(crate) async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<List<Operation>, ReadError> {
        let (context, charge) = self.charged(context)?;
        let answer = self.stores.reader.operations(&context, query);
        let bytes = |operation: &Operation| operation.name.len();
        self.list(metrics::Operation::get_operations, &context, &charge, answer, bytes).await
    }

    async fn list<T>(
        &self,
        operation: metrics::Operation,
        context: &RequestContext,
        charge: &Charge,
        answer: impl Future<Output = Result<Vec<T>, ReadError>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<List<T>, ReadError> {
        let _turn = self.turn_among(&self.lists).await?;
        let items = self.measured(operation, context, Vec::len, answer).await?;
        let held: usize = items.iter().map(|item| size_of::<T>() + bytes(item)).sum();
        let room = self.settled(charge, held * TIMES_HELD)?;
        Ok(List { items, room, cut: charge.was_cut() })
    }
}
