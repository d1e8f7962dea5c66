//! A span of this process, as it goes along with the request that it is about.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderValue};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceId, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use crate::parent::{Parent, traceparent};
use crate::queue::TAKEN_BACK;

/// Begins spans; or none, where the process does not trace itself. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Tracer(pub(crate) Option<SdkTracer>);

impl Tracer {
    /// Whether any span may begin here.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A span for a request that has come, in its caller's trace if it names one; empty if it is not sampled. The name is the best that is known at
    /// the start.
    #[must_use]
    pub fn server(&self, parent: Option<&Parent>, name: impl Into<Cow<'static, str>>) -> OwnSpan {
        let Some(tracer) = &self.0 else { return OwnSpan::default() };
        let context = Context::new();
        let context = match parent {
            Some(parent) => context.with_remote_span_context(parent.0.clone()),
            None => context,
        };
        begin(tracer, SpanBuilder::from_name(name).with_kind(SpanKind::Server), &context)
    }
}

fn begin(tracer: &SdkTracer, builder: SpanBuilder, parent: &Context) -> OwnSpan {
    let span = tracer.build_with_context(builder, parent);
    if !span.is_recording() {
        return OwnSpan::default();
    }
    let context = Context::new().with_span(span);
    OwnSpan(Some(Arc::new(Recorded { tracer: tracer.clone(), context })))
}

/// A span that is recorded, or nothing. Clones are the same span. It ends by [`OwnSpan::end`], or with the last clone; what is noted after its end is not in it.
#[derive(Clone, Default)]
pub struct OwnSpan(Option<Arc<Recorded>>);

struct Recorded {
    tracer: SdkTracer,
    context: Context,
}

/// Ids alone.
impl fmt::Debug for OwnSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ids() {
            None => f.write_str("OwnSpan(none)"),
            Some((trace_id, span_id)) => write!(f, "OwnSpan({trace_id} {span_id})"),
        }
    }
}

impl OwnSpan {
    /// The span that the door has put beside a request.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Whether anything is recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// Trace id and span id, shown as lower-case hex, if it is recorded.
    #[must_use]
    pub fn ids(&self) -> Option<(TraceId, SpanId)> {
        let context = self.span_context()?;
        Some((context.trace_id(), context.span_id()))
    }

    /// Whether it has not ended. One that was taken back has.
    pub(crate) fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|recorded| recorded.context.span().is_recording())
    }

    /// The `traceparent` for a request that is made within it.
    #[must_use]
    pub fn traceparent(&self) -> Option<HeaderValue> {
        self.span_context().as_ref().and_then(traceparent)
    }

    /// Begins a span within this one. Nothing is made of `attributes` where nothing is recorded.
    #[must_use]
    pub fn child(
        &self,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        let Some(recorded) = &self.0 else { return Self::default() };
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes());
        begin(&recorded.tracer, builder, &recorded.context)
    }

    /// Notes that this was also done for another request.
    pub fn link(&self, other: &Self) {
        if let (Some(recorded), Some(other)) = (&self.0, other.span_context()) {
            recorded.context.span().add_link(other, Vec::new());
        }
    }

    /// Gives it another name.
    pub fn rename(&self, name: impl Into<Cow<'static, str>>) {
        if let Some(recorded) = &self.0 {
            recorded.context.span().update_name(name);
        }
    }

    /// Notes an attribute.
    pub fn set(&self, attribute: KeyValue) {
        if let Some(recorded) = &self.0 {
            recorded.context.span().set_attribute(attribute);
        }
    }

    /// Notes that what it is about failed: `kind` is one of few words (`error.type`), `why` is for people.
    pub fn fail(&self, kind: impl Into<Cow<'static, str>>, why: impl Into<Cow<'static, str>>) {
        if let Some(recorded) = &self.0 {
            let kind: Cow<'static, str> = kind.into();
            recorded.context.span().set_attribute(KeyValue::new("error.type", kind));
            recorded.context.span().set_status(Status::error(why));
        }
    }

    /// Ends it, whoever still holds it.
    pub fn end(&self) {
        if let Some(recorded) = &self.0 {
            recorded.context.span().end();
        }
    }

    /// Takes it back: the request turned out to be one of which nothing is to be told. Nothing more should be done in its name.
    pub fn take_back(self) {
        self.set(KeyValue::new(TAKEN_BACK, true));
        self.end();
    }

    pub(crate) fn span_context(&self) -> Option<SpanContext> {
        self.0.as_ref().map(|recorded| recorded.context.span().span_context().clone())
    }
}

/// A span of a request that this process makes. One that is given up in the middle, since its time is over or nobody waits for it any more, ends as failed.
#[derive(Debug)]
pub struct Attempt(OwnSpan);

impl Attempt {
    /// Begins with this span, which may be empty.
    #[must_use]
    pub fn of(span: OwnSpan) -> Self {
        Self(span)
    }

    /// The span.
    #[must_use]
    pub fn span(&self) -> &OwnSpan {
        &self.0
    }

    /// It has come to an end, of which `note` tells the span, if it is recorded.
    pub fn end(mut self, note: impl FnOnce(&OwnSpan)) {
        let span = std::mem::take(&mut self.0);
        if span.is_recorded() {
            note(&span);
            span.end();
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.fail("given_up", "there was no answer while anybody waited for it");
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;
    use crate::metrics::Metrics;
    use crate::queue::Queue;

    #[test]
    fn what_is_given_up_ends_as_failed_and_what_comes_to_its_end_as_it_is_told() {
        let (queue, mut ended) = Queue::new(8, Metrics::default());
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let request = Tracer(Some(provider.tracer("test"))).server(None, "GET /");
        let attempt = |name: &'static str| Attempt::of(request.child(SpanKind::Client, name, Vec::new));
        drop(attempt("given up"));
        attempt("done").end(|_| {});
        attempt("refused").end(|span| span.fail("503", "refused"));
        Attempt::of(OwnSpan::default()).end(|_| panic!("there is nothing to tell it to"));
        let mut told = Vec::new();
        while let Ok(span) = ended.try_recv() {
            told.push((span.name, matches!(span.status, Status::Error { .. })));
        }
        assert_eq!(told, [("given up".into(), true), ("done".into(), false), ("refused".into(), true)]);
    }
}
