//! A span's references to its parent and its links.
//! The parent is the first `CHILD_OF` of the same trace, else the first `FOLLOWS_FROM` of it; everything else is a link.

use spoor_model::{LinkRow, ReferenceKind, SpanBatchBuilder, SpanId, TraceId};

use super::fields::span_ref;
use super::span::{span_id, trace_id};
use crate::convert::limits::Budget;
use crate::error::DecodeError;
use crate::wire::Reader;

/// Reads one `SpanRef` as a link; `ref_type` beyond the known ones is a plain link.
pub(super) fn read(budget: &mut Budget, mut reader: Reader<'_>) -> Result<LinkRow, DecodeError> {
    budget.take::<LinkRow>(1, reader.position())?;
    let mut row = LinkRow { kind: ReferenceKind::ChildOf, ..LinkRow::default() };
    while let Some(tag) = reader.tag()? {
        match tag {
            span_ref::TRACE_ID => row.trace_id = trace_id(&mut reader)?,
            span_ref::SPAN_ID => row.span_id = span_id(&mut reader)?,
            span_ref::REF_TYPE => {
                row.kind = match reader.varint32()? {
                    0 => ReferenceKind::ChildOf,
                    span_ref::FOLLOWS_FROM => ReferenceKind::FollowsFrom,
                    _ => ReferenceKind::Link,
                };
            }
            _ => reader.skip_unknown(tag, span_ref::LAST)?,
        }
    }
    Ok(row)
}

/// Pushes the links of a span and answers its parent. A parent by `FOLLOWS_FROM` keeps a link that says so; further
/// references to the parent add nothing and are left out.
pub(crate) fn push(builder: &mut SpanBatchBuilder, trace_id: TraceId, references: &[LinkRow]) -> SpanId {
    let of_kind = |kind: ReferenceKind| {
        let fits =
            move |row: &&LinkRow| row.kind == kind && row.trace_id == trace_id && !row.span_id.is_none();
        references.iter().find(fits)
    };
    let child_of = of_kind(ReferenceKind::ChildOf);
    let parent = child_of.or_else(|| of_kind(ReferenceKind::FollowsFrom));
    let parent_id = parent.map_or(SpanId::NONE, |row| row.span_id);
    if let (None, Some(row)) = (child_of, parent) {
        builder.push_link(*row);
    }
    for row in references {
        let is_parent = parent.is_some() && row.trace_id == trace_id && row.span_id == parent_id;
        if !is_parent {
            builder.push_link(*row);
        }
    }
    parent_id
}
