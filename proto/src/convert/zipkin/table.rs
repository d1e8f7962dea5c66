//! Hot path: resources and scopes that spans share, and keys that the decoders write themselves. Spans name their process one by
//! one; equal processes become one resource, equal scopes one scope, when they stand near each other.

use spoor_model::{AttributeRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, Text, Value};

use crate::convert::limits::Budget;
use crate::error::DecodeError;

/// How many of the newest resources and scopes are looked through for an equal one; more would cost more than it saves.
const REMEMBERED: usize = 16;

/// Keys that no sender has written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    HostIp,
    HostPort,
    PeerService,
    PeerIp,
    PeerPort,
    StartAbsent,
    Component,
    Ipv4,
    Ipv6,
    Port,
}

impl Name {
    const COUNT: usize = 10;

    fn text(self) -> &'static str {
        match self {
            Self::HostIp => "net.host.ip",
            Self::HostPort => "net.host.port",
            Self::PeerService => "peer.service",
            Self::PeerIp => "net.peer.ip",
            Self::PeerPort => "net.peer.port",
            Self::StartAbsent => "otel.zipkin.absentField.startTime",
            Self::Component => "component",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Port => "port",
        }
    }
}

/// What is remembered within one request.
#[derive(Default)]
pub(super) struct Table {
    resources: Vec<(ResourceRow, u32)>,
    scopes: Vec<(ScopeRow, u32)>,
    names: [Text; Name::COUNT],
}

impl Table {
    /// The key's text, which is in the batch once.
    pub(super) fn name(&mut self, builder: &mut SpanBatchBuilder, name: Name) -> Text {
        let slot = &mut self.names[name as usize];
        if slot.is_empty() {
            *slot = builder.text(name.text());
        }
        *slot
    }

    /// Pushes an attribute under a key of ours.
    pub(super) fn push_named(&mut self, builder: &mut SpanBatchBuilder, name: Name, value: Value) {
        let key = self.name(builder, name);
        builder.push_attribute(key, value);
    }

    /// The resource of this service with just these attributes.
    pub(super) fn resource(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        service: Option<Text>,
        tags: &[(Text, Text)],
        at: usize,
    ) -> Result<u32, DecodeError> {
        let batch = builder.batch();
        let is_equal =
            |row: &ResourceRow| same_name(batch, row.service, service) && same_attributes(batch, row, tags);
        if let Some((_, index)) = self.resources.iter().rev().find(|(row, _)| is_equal(row)) {
            return Ok(*index);
        }
        budget.take::<ResourceRow>(1, at)?;
        budget.take::<AttributeRow>(tags.len(), at)?;
        let mark = builder.attributes_mark();
        for (key, value) in tags {
            builder.push_attribute(*key, Value::Str(*value));
        }
        let attributes = builder.attributes_since(mark);
        let row = ResourceRow { service, attributes, ..ResourceRow::default() };
        let index = builder.push_resource(row);
        remember(&mut self.resources, (row, index));
        Ok(index)
    }

    /// The scope of this resource with this name and version.
    pub(super) fn scope(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        row: ScopeRow,
        at: usize,
    ) -> Result<u32, DecodeError> {
        let batch = builder.batch();
        let is_equal = |known: &ScopeRow| {
            known.resource == row.resource
                && same(batch, known.name, row.name)
                && same(batch, known.version, row.version)
        };
        if let Some((_, index)) = self.scopes.iter().rev().find(|(known, _)| is_equal(known)) {
            return Ok(*index);
        }
        budget.take::<ScopeRow>(1, at)?;
        let index = builder.push_scope(row);
        remember(&mut self.scopes, (row, index));
        Ok(index)
    }
}

fn same(batch: &SpanBatch, left: Text, right: Text) -> bool {
    left == right || batch.bytes(left) == batch.bytes(right)
}

fn same_name(batch: &SpanBatch, left: Option<Text>, right: Option<Text>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => same(batch, left, right),
        (None, None) => true,
        _ => false,
    }
}

fn same_attributes(batch: &SpanBatch, row: &ResourceRow, tags: &[(Text, Text)]) -> bool {
    let known = batch.attributes(row.attributes);
    known.len() == tags.len()
        && known.iter().zip(tags).all(|(known, (key, value))| {
            let AttributeRow { key: known_key, value: known_value } = *known.row();
            same(batch, known_key, *key)
                && matches!(known_value, Value::Str(text) if same(batch, text, *value))
        })
}

/// Keeps the newest [`REMEMBERED`] entries, the newest last.
fn remember<T>(entries: &mut Vec<T>, entry: T) {
    if entries.len() == REMEMBERED {
        entries.remove(0);
    }
    entries.push(entry);
}
