//! A filter on one span.

use std::cmp::Ordering;

use super::field::{KINDS, STATUSES};
use super::held::{Held, compare};
use super::{Collection, Comparison, Constant, Field, Filter, Level, Operand, Operator, Reference};
use crate::jaeger::{self, ErrorTags};
use crate::{AttributesView, EventView, LinkView, SpanView};

/// A span, and the event or link that is spoken about.
#[derive(Clone, Copy)]
struct Place<'a> {
    span: SpanView<'a>,
    event: Option<EventView<'a>>,
    link: Option<LinkView<'a>>,
}

impl Filter {
    /// Whether the span satisfies it. Attributes of the span include the tags that Jaeger shows for its fields (`span.kind`, `error`,
    /// `otel.status_code` …).
    #[must_use]
    pub fn holds(&self, span: SpanView<'_>) -> bool {
        self.holds_at(Place { span, event: None, link: None })
    }

    fn holds_at(&self, place: Place<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|filter| filter.holds_at(place)),
            Self::Any(any) => any.iter().any(|filter| filter.holds_at(place)),
            Self::Not(filter) => !filter.holds_at(place),
            Self::Exists(reference) => place.any(reference, &mut |_| true),
            Self::Compare(comparison) => comparison.holds_at(place),
            Self::Matches(reference, pattern) => {
                place.any(reference, &mut |held| pattern.matches(&held.text()))
            }
            Self::OneOf { subject, list, negated } => {
                let mut found = false;
                let listed = place.any(subject, &mut |held| {
                    found = true;
                    list.iter().any(|value| compare(&held, value) == Some(Ordering::Equal))
                });
                if *negated { found && !listed } else { listed }
            }
            Self::Some(Collection::Events, filter) => {
                place.span.events().any(|event| filter.holds_at(Place { event: Some(event), ..place }))
            }
            Self::Some(Collection::Links, filter) => {
                place.span.links().any(|link| filter.holds_at(Place { link: Some(link), ..place }))
            }
        }
    }
}

impl Comparison {
    /// What is asked of a span's failure where `error` is compared with a truth, as in `error`=false: only spans that failed carry
    /// that tag, so the other ones are those that did not.
    #[must_use]
    pub fn of_failure(&self) -> Option<bool> {
        let Reference::Attribute { key, level: None | Some(Level::Span) } = &self.subject else {
            return None;
        };
        if key != jaeger::ERROR || self.operator != Operator::Eq {
            return None;
        }
        match &self.operand {
            Operand::Constant(Constant::Bool(truth)) => Some(*truth),
            Operand::Constant(Constant::Any(text)) => text.parse().ok(),
            _ => None,
        }
    }

    fn holds_at(&self, place: Place<'_>) -> bool {
        if let Some(failed) = self.of_failure() {
            return jaeger::is_failed(place.span) == failed;
        }
        let mut found = false;
        let operator = if self.operator == Operator::Ne { Operator::Eq } else { self.operator };
        let holds = place.any(&self.subject, &mut |held| match &self.operand {
            Operand::Constant(value) => {
                found = true;
                compare(&held, value).is_some_and(|order| operator.allows(order))
            }
            Operand::Reference(other) => place.any(other, &mut |other| {
                found = true;
                held.compare(&other).is_some_and(|order| operator.allows(order))
            }),
        });
        if self.operator == Operator::Ne { found && !holds } else { holds }
    }
}

impl Operator {
    fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
        }
    }
}

impl<'a> Place<'a> {
    /// Whether one of the values that the reference finds is as asked.
    fn any(self, reference: &Reference, test: &mut dyn FnMut(Held<'a>) -> bool) -> bool {
        match reference {
            Reference::Attribute { key, level } => self.any_attribute(key, *level, test),
            Reference::Field(field) => self.any_field(*field, test),
        }
    }

    fn any_attribute(self, key: &str, level: Option<Level>, test: &mut dyn FnMut(Held<'a>) -> bool) -> bool {
        let mut of = |attributes: AttributesView<'a>| {
            let mut named = attributes.iter().filter(|attribute| attribute.key() == key);
            named.any(|attribute| test(Held::Value(attribute.value())))
        };
        match level {
            None => {
                of(self.span.attributes())
                    || of(self.span.resource().attributes())
                    || self.any_derived(key, test)
            }
            Some(Level::Span) => of(self.span.attributes()) || self.any_derived(key, test),
            Some(Level::Resource) => of(self.span.resource().attributes()),
            Some(Level::Scope) => of(self.span.scope().attributes()),
            Some(Level::Event) => self.events().any(|event| of(event.attributes())),
            Some(Level::Link) => self.links().any(|link| of(link.attributes())),
        }
    }

    fn any_derived(self, key: &str, test: &mut dyn FnMut(Held<'a>) -> bool) -> bool {
        let trailing = jaeger::trailing_tags(self.span, ErrorTags::StatusAndError);
        let mut tags = jaeger::leading_tags(self.span).chain(trailing);
        tags.any(|(name, value)| name == key && test(Held::Value(value)))
    }

    fn any_field(self, field: Field, test: &mut dyn FnMut(Held<'a>) -> bool) -> bool {
        match field.level() {
            Level::Event => self.events().filter_map(|event| self.of_event(field, event)).any(test),
            Level::Link => self.links().filter_map(|link| of_link(field, link)).any(test),
            Level::Span | Level::Resource | Level::Scope => self.of_span(field).is_some_and(test),
        }
    }

    fn of_span(self, field: Field) -> Option<Held<'a>> {
        let span = self.span;
        match field {
            Field::TraceId => Some(Held::Text(span.trace_id().to_string().into())),
            Field::SpanId => Some(Held::Text(span.span_id().to_string().into())),
            Field::ParentSpanId => {
                let parent = span.parent_span_id();
                (!parent.is_none()).then(|| Held::Text(parent.to_string().into()))
            }
            Field::TraceState => text(span.trace_state()),
            Field::Name => Some(Held::Text(span.name().into())),
            Field::Kind => {
                KINDS.get(usize::from(span.kind().number())).map(|word| Held::Text((*word).into()))
            }
            Field::StartTime => Some(Held::Nanos(span.start().0.into())),
            Field::EndTime => Some(Held::Nanos(span.end().0.into())),
            Field::Duration => i128::try_from(span.duration().as_nanos()).ok().map(Held::Nanos),
            Field::Status => STATUSES.get(span.status() as usize).map(|word| Held::Text((*word).into())),
            Field::StatusMessage => text(span.status_message()),
            Field::Service => Some(Held::Text(span.service().into())),
            Field::ResourceSchemaUrl => text(span.resource().schema_url()),
            Field::ScopeName => text(span.scope().name()),
            Field::ScopeVersion => text(span.scope().version()),
            Field::ScopeSchemaUrl => text(span.scope().schema_url()),
            Field::EventName
            | Field::EventTime
            | Field::EventTimeSinceStart
            | Field::LinkTraceId
            | Field::LinkSpanId
            | Field::LinkTraceState => None,
        }
    }

    fn of_event(self, field: Field, event: EventView<'a>) -> Option<Held<'a>> {
        let time = i128::from(event.time().0);
        match field {
            Field::EventName => Some(Held::Text(event.name().into())),
            Field::EventTime => Some(Held::Nanos(time)),
            Field::EventTimeSinceStart => Some(Held::Nanos(time - i128::from(self.span.start().0))),
            _ => None,
        }
    }

    fn events(self) -> impl Iterator<Item = EventView<'a>> {
        let all = self.event.is_none().then(|| self.span.events());
        self.event.into_iter().chain(all.into_iter().flatten())
    }

    fn links(self) -> impl Iterator<Item = LinkView<'a>> {
        let all = self.link.is_none().then(|| self.span.links());
        self.link.into_iter().chain(all.into_iter().flatten())
    }
}

fn of_link(field: Field, link: LinkView<'_>) -> Option<Held<'_>> {
    match field {
        Field::LinkTraceId => Some(Held::Text(link.trace_id().to_string().into())),
        Field::LinkSpanId => Some(Held::Text(link.span_id().to_string().into())),
        Field::LinkTraceState => text(link.trace_state()),
        _ => None,
    }
}

fn text(text: &str) -> Option<Held<'_>> {
    (!text.is_empty()).then_some(Held::Text(text.into()))
}
