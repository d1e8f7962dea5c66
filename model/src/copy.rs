//! Copying spans from one batch into the builder of another, with what they need of resources and scopes.

use std::collections::HashMap;

use crate::{EventRow, LinkRow, ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanRow, Text};

/// Copies rows of one batch into a builder, each resource and scope once.
pub(crate) struct Copying<'a> {
    from: &'a SpanBatch,
    with_encoded: bool,
    resources: HashMap<u32, u32>,
    scopes: HashMap<u32, u32>,
}

impl<'a> Copying<'a> {
    pub(crate) fn new(from: &'a SpanBatch, with_encoded: bool) -> Self {
        Self { from, with_encoded, resources: HashMap::new(), scopes: HashMap::new() }
    }

    pub(crate) fn spans(&mut self, to: &mut SpanBatchBuilder, indices: impl IntoIterator<Item = usize>) {
        for index in indices {
            if let Some(span) = self.from.spans.get(index) {
                self.span(to, span);
            }
        }
    }

    fn text(&self, to: &mut SpanBatchBuilder, text: Text) -> Text {
        to.bytes(self.from.bytes(text))
    }

    fn attributes(&self, to: &mut SpanBatchBuilder, rows: Rows) -> Rows {
        to.attributes(self.from.attributes(rows).iter().map(|attribute| (attribute.key(), attribute.value())))
    }

    fn resource(&mut self, to: &mut SpanBatchBuilder, index: u32) -> u32 {
        if let Some(&known) = self.resources.get(&index) {
            return known;
        }
        let row = self.from.resources[index as usize];
        let service = row.service.map(|service| self.text(to, service));
        let attributes = self.attributes(to, row.attributes);
        let schema_url = self.text(to, row.schema_url);
        let copied = to.push_resource(ResourceRow { service, attributes, schema_url, ..row });
        self.resources.insert(index, copied);
        copied
    }

    fn scope(&mut self, to: &mut SpanBatchBuilder, index: u32) -> u32 {
        if let Some(&known) = self.scopes.get(&index) {
            return known;
        }
        let row = self.from.scopes[index as usize];
        let resource = self.resource(to, row.resource);
        let name = self.text(to, row.name);
        let version = self.text(to, row.version);
        let attributes = self.attributes(to, row.attributes);
        let schema_url = self.text(to, row.schema_url);
        let copied = to.push_scope(ScopeRow { resource, name, version, attributes, schema_url, ..row });
        self.scopes.insert(index, copied);
        copied
    }

    fn span(&mut self, to: &mut SpanBatchBuilder, row: &SpanRow) {
        let scope = self.scope(to, row.scope);
        let attributes = self.attributes(to, row.attributes);
        let events = self.events(to, row.events);
        let links = self.links(to, row.links);
        let name = self.text(to, row.name);
        let status_message = self.text(to, row.status_message);
        let trace_state = self.text(to, row.trace_state);
        let encoded = if self.with_encoded { self.text(to, row.encoded) } else { Text::EMPTY };
        to.push_span(SpanRow {
            scope,
            name,
            status_message,
            trace_state,
            attributes,
            events,
            links,
            encoded,
            ..*row
        });
    }

    fn events(&self, to: &mut SpanBatchBuilder, rows: Rows) -> Rows {
        let mark = to.events_mark();
        for row in self.from.events.get(rows.range()).unwrap_or_default() {
            let name = self.text(to, row.name);
            let attributes = self.attributes(to, row.attributes);
            to.push_event(EventRow { name, attributes, ..*row });
        }
        to.events_since(mark)
    }

    fn links(&self, to: &mut SpanBatchBuilder, rows: Rows) -> Rows {
        let mark = to.links_mark();
        for row in self.from.links.get(rows.range()).unwrap_or_default() {
            let trace_state = self.text(to, row.trace_state);
            let attributes = self.attributes(to, row.attributes);
            to.push_link(LinkRow { trace_state, attributes, ..*row });
        }
        to.links_since(mark)
    }
}
