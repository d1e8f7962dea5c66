//! References to other spans: which of them is the parent.

use spoor_model::{ParseIdError, SpanId, TraceId};

use super::super::document::ReferenceDocument;
use super::stored_id;

/// A reference with its ids read.
pub(super) struct Reference {
    pub(super) child_of: bool,
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

impl Reference {
    pub(super) fn read(document: &ReferenceDocument<'_>) -> Result<Self, ParseIdError> {
        Ok(Self {
            child_of: document.ref_type.0 == "CHILD_OF",
            trace_id: stored_id(&document.trace_id)?,
            span_id: stored_id(&document.span_id)?,
        })
    }

    pub(super) fn is(&self, trace_id: TraceId, span_id: SpanId) -> bool {
        self.trace_id == trace_id && self.span_id == span_id
    }
}

/// Jaeger's rule for documents without the field: the first `CHILD_OF` within the trace, else the first `FOLLOWS_FROM`.
pub(super) fn parent_among(references: &[Reference], trace_id: TraceId) -> SpanId {
    let mut within = references.iter().filter(|reference| reference.trace_id == trace_id);
    let first = within.clone().next();
    within.find(|reference| reference.child_of).or(first).map_or(SpanId::NONE, |reference| reference.span_id)
}
