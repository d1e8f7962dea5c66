//! [`IndexSeries`]: indices that follow one another behind two aliases, for whoever goes on to the next one.

use async_trait::async_trait;

use crate::{IndexAdmin, IndexAlias, RecordError, RequestContext};

/// Kinds of indices, by Jaeger's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexFamily {
    /// `jaeger-span-archive`.
    Archive,
    /// `jaeger-span`.
    Span,
    /// `spoor-span`, spans in the compact layout.
    CompactSpan,
    /// `jaeger-service`.
    Service,
    /// `jaeger-dependencies`.
    Dependencies,
    /// `jaeger-sampling`.
    Sampling,
}

impl IndexFamily {
    /// The name without prefix, date or number.
    #[must_use]
    pub fn base(self) -> &'static str {
        match self {
            Self::Archive => "jaeger-span-archive",
            Self::Span => "jaeger-span",
            Self::CompactSpan => "spoor-span",
            Self::Service => "jaeger-service",
            Self::Dependencies => "jaeger-dependencies",
            Self::Sampling => "jaeger-sampling",
        }
    }
}

/// A change of what an alias leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasChange {
    /// The alias leads to the index, too; or, where it does already, is written to as said.
    Add {
        /// Name of the index.
        index: String,
        /// The alias, as it is to be.
        alias: IndexAlias,
    },
    /// The alias leads no longer to the index.
    Remove {
        /// Name of the index.
        index: String,
        /// Name of the alias.
        alias: String,
    },
}

/// Makes indices and moves aliases. Each call is done wholly or not at all, in one step that no reader and no writer sees half of.
///
/// **Deadline**: as [`crate::SpanReader`]. After an error what was asked for may have been done all the same.
#[async_trait]
pub trait IndexSeries: IndexAdmin {
    /// Puts the template in place by which the next index of the family is made. Twice is as once.
    async fn install_template(
        &self,
        context: &RequestContext,
        family: IndexFamily,
    ) -> Result<(), RecordError>;

    /// Makes an index that has these aliases from the beginning. One that is there already is an error, and stays as it is.
    async fn create_index(
        &self,
        context: &RequestContext,
        name: &str,
        aliases: &[IndexAlias],
    ) -> Result<(), RecordError>;

    /// Makes all of these changes at once. Twice is as once, but for removals: what is not there cannot be removed.
    async fn change_aliases(
        &self,
        context: &RequestContext,
        changes: &[AliasChange],
    ) -> Result<(), RecordError>;

    /// Waits until the index can be searched and written to, which is a moment after it was made. An error if it cannot in time.
    async fn await_index(&self, context: &RequestContext, name: &str) -> Result<(), RecordError>;

    /// Whether it is time for the index that the alias writes to to be followed by `next`, which is not there: one of the conditions is
    /// met, a JSON object in the store's words, or there is none. Changes nothing.
    async fn is_due(
        &self,
        context: &RequestContext,
        write_alias: &str,
        next: &str,
        conditions: &str,
    ) -> Result<bool, RecordError>;
}
