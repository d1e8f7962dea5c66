//! What a store can do beyond the least. A field that a store forgets to set promises nothing.

/// Abilities of a store; the default is the least able one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Traces can be searched without naming a service.
    pub search_without_service: bool,
    /// [`crate::SpanReader::operations`] tells and filters by span kind.
    pub operation_kinds: bool,
    /// What one tenant wrote no other tenant reads.
    pub tenants: bool,
}
