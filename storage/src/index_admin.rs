//! [`IndexAdmin`]: the indices of a store as whole things, for whoever decides how long they live.

use async_trait::async_trait;
use spoor_model::UnixNanos;

use crate::{RecordError, RequestContext};

/// An index as the store tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIndex {
    /// Its name.
    pub name: String,
    /// When it was created, by the store's clock. An index that was restored or copied is younger than its data.
    pub created: UnixNanos,
    /// Bytes of all its copies; none where the store does not tell, as of a closed index.
    pub bytes: Option<u64>,
    /// Documents; none where the store does not tell.
    pub documents: Option<u64>,
    /// The aliases that it has.
    pub aliases: Vec<IndexAlias>,
}

/// One alias of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexAlias {
    /// Its name.
    pub name: String,
    /// Whether writes under the alias go to this index, where that is said.
    pub is_write_index: Option<bool>,
}

/// The indices at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// All of them, by name.
    pub indices: Vec<StoredIndex>,
    /// What the store's clock showed; none where it does not tell.
    pub now: Option<UnixNanos>,
}

/// Looks at indices and removes them.
///
/// **Deadline**: as [`crate::SpanReader`]. After an error some of what was asked for may have been done; asking again does no harm.
#[async_trait]
pub trait IndexAdmin: Send + Sync + 'static {
    /// All indices whose names begin with one of these texts, none of which holds a wildcard.
    async fn inventory(
        &self,
        context: &RequestContext,
        beginnings: &[String],
    ) -> Result<Inventory, RecordError>;

    /// Removes these indices and all that is in them. One that is gone already is no error.
    async fn delete(&self, context: &RequestContext, names: &[String]) -> Result<(), RecordError>;
}
