//! From documents to a batch: one resource per process, one scope per name, tags to fields as Jaeger reads them.

mod references;
mod values;

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use serde_json::value::RawValue;
use spoor_model::jaeger::{EVENT, Interpreted, NO_SERVICE_NAME, TagInterpreter, WARNINGS};
use spoor_model::{
    EventRow, FlagsAre, LinkRow, ParseIdError, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatch,
    SpanBatchBuilder, SpanId, SpanRow, Text, TooLarge, TraceId, UnixNanos, Value, ValueView,
};

use super::compact::CompactRows;
use super::document::{
    JsonText, LogDocument, ProcessDocument, SpanDocument, TagDocument, TagFields, TagValue,
};
use references::{Reference, parent_among};
use values::{native_value, typed_value};

/// A document that is no span.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("span {span_id} of trace {trace_id} has an id that is none: {source}")]
    Id { trace_id: String, span_id: String, source: ParseIdError },
    #[error("the process of span {span_id} is not understood: {source}")]
    Process { span_id: String, source: serde_json::Error },
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("span {span_id} of trace {trace_id}, in the compact layout, is not understood: {what}")]
    Compact { trace_id: String, span_id: String, what: String },
}

/// Makes one batch of the documents of one page.
pub(super) struct PageBuilder<'a> {
    pub(super) builder: SpanBatchBuilder,
    dot_replacement: &'a str,
    resources: HashMap<&'a str, u32>,
    pub(super) scopes: Vec<ScopeRow>,
    pub(super) compact: CompactRows<'a>,
}

impl<'a> PageBuilder<'a> {
    pub(super) fn new(dot_replacement: &'a str, spans: usize) -> Self {
        let mut builder = SpanBatchBuilder::new();
        builder.reserve(spans, spans * 16);
        Self {
            builder,
            dot_replacement,
            resources: HashMap::new(),
            scopes: Vec::new(),
            compact: CompactRows::default(),
        }
    }

    /// Adds a span.
    pub(super) fn push(&mut self, document: &SpanDocument<'a>) -> Result<(), DocumentError> {
        let bad_id = |source| DocumentError::Id {
            trace_id: document.trace_id.to_string(),
            span_id: document.span_id.to_string(),
            source,
        };
        let trace_id: TraceId = stored_id(&document.trace_id).map_err(bad_id)?;
        let span_id: SpanId = stored_id(&document.span_id).map_err(bad_id)?;
        if let Some(span) = &document.span {
            return self.push_compact(document, span, (trace_id, span_id));
        }
        let references = document.references.as_deref().unwrap_or_default();
        let references =
            references.iter().map(Reference::read).collect::<Result<Vec<_>, _>>().map_err(bad_id)?;
        let parent_field = match &document.parent_span_id {
            Some(JsonText(text)) if !text.is_empty() => Some(text.parse().map_err(bad_id)?),
            _ => None,
        };
        let parent = parent_field.unwrap_or_else(|| parent_among(&references, trace_id));
        let resource = self.resource(document)?;
        let (attributes, told) = self.span_tags(document.tags.as_deref(), document.tag.as_ref());
        let scope = self.scope(resource, &told);
        let links = self.links(&references, trace_id, parent);
        let events = self.events(document.logs.as_deref().unwrap_or_default());
        let start = UnixNanos::from_micros(document.start_time);
        let row = SpanRow {
            trace_id,
            span_id,
            parent_span_id: parent,
            scope,
            name: self.builder.text(&document.operation_name.0),
            kind: told.kind,
            status: told.status,
            status_message: told.status_message,
            trace_state: told.trace_state,
            flags: document.flags.and_then(|flags| u32::try_from(flags).ok()).unwrap_or_default(),
            flags_are: FlagsAre::Jaeger,
            start,
            end: UnixNanos(start.0.saturating_add(UnixNanos::from_micros(document.duration).0)),
            attributes,
            events,
            links,
            ..SpanRow::default()
        };
        self.builder.push_span(row);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<SpanBatch, TooLarge> {
        self.builder.finish()
    }

    fn resource(&mut self, document: &SpanDocument<'a>) -> Result<u32, DocumentError> {
        let raw = document.process.map_or("{}", RawValue::get);
        if let Some(&row) = self.resources.get(raw) {
            return Ok(row);
        }
        let process: ProcessDocument<'a> = serde_json::from_str(raw)
            .map_err(|source| DocumentError::Process { span_id: document.span_id.to_string(), source })?;
        let service = match process.service_name.0.as_ref() {
            NO_SERVICE_NAME => None,
            name => Some(self.builder.text(name)),
        };
        let mark = self.builder.attributes_mark();
        for tag in process.tags.as_deref().unwrap_or_default() {
            let (key, value) = self.tag(tag);
            self.builder.push_attribute(key, value);
        }
        for (key, value) in fields_of(process.tag.as_ref()) {
            let (key, value) = self.field(key, value);
            self.builder.push_attribute(key, value);
        }
        let attributes = self.builder.attributes_since(mark);
        let row = self.builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
        self.resources.insert(raw, row);
        Ok(row)
    }

    fn scope(&mut self, resource: u32, told: &Interpreted) -> u32 {
        let batch = self.builder.batch();
        let same = |left: Text, right: Text| batch.bytes(left) == batch.bytes(right);
        let known = self.scopes.iter().rposition(|scope| {
            scope.resource == resource
                && *scope
                    == ScopeRow { resource, name: scope.name, version: scope.version, ..ScopeRow::default() }
                && same(scope.name, told.scope_name)
                && same(scope.version, told.scope_version)
        });
        if let Some(row) = known.and_then(|row| u32::try_from(row).ok()) {
            return row;
        }
        let (name, version) = (told.scope_name, told.scope_version);
        let scope = ScopeRow { resource, name, version, ..ScopeRow::default() };
        self.scopes.push(scope);
        self.builder.push_scope(scope)
    }

    /// The tags of a span in Jaeger's order: the list first, then the fields.
    fn span_tags(
        &mut self,
        tags: Option<&[TagDocument<'_>]>,
        fields: Option<&TagFields<'_>>,
    ) -> (Rows, Interpreted) {
        let mark = self.builder.attributes_mark();
        let mut interpreter = TagInterpreter::of_stored_tags();
        for tag in tags.unwrap_or_default() {
            let (key, value) = self.tag(tag);
            interpreter.push(&mut self.builder, key, value);
        }
        for (key, value) in fields_of(fields) {
            let (key, value) = self.field(key, value);
            interpreter.push(&mut self.builder, key, value);
        }
        let told = interpreter.finish(&mut self.builder);
        (self.builder.attributes_since(mark), told)
    }

    fn events(&mut self, logs: &[LogDocument<'_>]) -> Rows {
        let mark = self.builder.events_mark();
        for log in logs {
            let fields = log.fields.as_deref().unwrap_or_default();
            let attributes_mark = self.builder.attributes_mark();
            let name = self.event_fields(fields);
            let attributes = self.builder.attributes_since(attributes_mark);
            let time = UnixNanos::from_micros(log.timestamp);
            self.builder.push_event(EventRow { time, name, attributes, dropped_attributes: 0 });
        }
        self.builder.events_since(mark)
    }

    /// Adds the fields of a log and tells the event's name: the first text of that key, wherever it stands. It is no field any
    /// more, but where there are several: then all of them stay, which tells writers not to add the name again.
    fn event_fields(&mut self, fields: &[TagDocument<'_>]) -> Text {
        let alone = fields.iter().filter(|field| field.key.0 == EVENT).count() == 1;
        let names = |field: &TagDocument<'_>| {
            field.key.0 == EVENT && matches!(&field.value, TagValue::Text(text) if !text.is_empty())
        };
        let named = fields.iter().position(names);
        let mut name = Text::EMPTY;
        for (position, field) in fields.iter().enumerate() {
            if let (true, TagValue::Text(text)) = (named == Some(position), &field.value) {
                name = self.builder.text(text);
                if alone {
                    continue;
                }
            }
            let (key, value) = self.tag(field);
            self.builder.push_attribute(key, value);
        }
        name
    }

    /// All references but the one that only repeats the parent.
    fn links(&mut self, references: &[Reference], trace_id: TraceId, parent: SpanId) -> Rows {
        let stands_for_parent = references
            .iter()
            .position(|reference| reference.child_of && reference.is(trace_id, parent))
            .filter(|_| !parent.is_none());
        let mark = self.builder.links_mark();
        for (position, reference) in references.iter().enumerate() {
            if stands_for_parent == Some(position) {
                continue;
            }
            let kind = if reference.child_of { ReferenceKind::ChildOf } else { ReferenceKind::FollowsFrom };
            let &Reference { trace_id, span_id, .. } = reference;
            self.builder.push_link(LinkRow { trace_id, span_id, kind, ..LinkRow::default() });
        }
        self.builder.links_since(mark)
    }

    fn tag(&mut self, tag: &TagDocument<'_>) -> (Text, Value) {
        let key = tag.key.0.as_ref();
        let value = match &tag.value {
            TagValue::Text(text) if key == WARNINGS => self.warnings(text),
            value => {
                let kind = if tag.exact_kind.0.is_empty() { &tag.kind.0 } else { &tag.exact_kind.0 };
                typed_value(&mut self.builder, kind, value)
            }
        };
        (self.builder.text(key), value)
    }

    /// A tag that was stored as a field: the replacement in its key stands for dots, its value has its own type.
    fn field(&mut self, key: &str, value: &TagValue<'_>) -> (Text, Value) {
        let key: Cow<'_, str> = if self.dot_replacement.is_empty() {
            key.into()
        } else {
            key.replace(self.dot_replacement, ".").into()
        };
        // The key of warnings has two replacements of its own, which became dots.
        let is_warnings = key.strip_prefix('.').is_some_and(|rest| rest == "jaeger.warnings");
        match value {
            TagValue::Text(text) if is_warnings => {
                let list = self.warnings(text);
                (self.builder.text(WARNINGS), list)
            }
            value => {
                let value = native_value(&mut self.builder, value);
                (self.builder.text(&key), value)
            }
        }
    }

    /// Warnings lie in the document as the JSON text of a list of strings; anything else is one warning.
    fn warnings(&mut self, text: &str) -> Value {
        match serde_json::from_str::<Vec<Cow<'_, str>>>(text) {
            Ok(warnings) => self.builder.list(warnings.iter().map(|warning| ValueView::Str(warning))),
            Err(_) => Value::Str(self.builder.text(text)),
        }
    }
}

fn fields_of<'f, 'd>(fields: Option<&'f TagFields<'d>>) -> impl Iterator<Item = (&'f str, &'f TagValue<'d>)> {
    fields.into_iter().flat_map(|TagFields(fields)| fields.iter().map(|(key, value)| (key.as_ref(), value)))
}

/// Reads an id of a document. Jaeger since 2.7 takes ids of zeros from senders, in links for example, and writes them as
/// empty texts; one such link must not make its trace unreadable.
pub(super) fn stored_id<T>(text: &str) -> Result<T, ParseIdError>
where
    T: FromStr<Err = ParseIdError> + Default,
{
    if text.is_empty() { Ok(T::default()) } else { text.parse() }
}

#[cfg(test)]
mod tests;
