//! Whose work a request is part of, and whether it brings own traces.
//! Facts: W3C Trace Context, headers `traceparent` = `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>` and `tracestate`.

use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Stands in requests that bring own traces. Doors begin no span for such a request: it would be exported by another one, and so on for ever.
pub const MARK: HeaderName = HeaderName::from_static("spoor-own-traces");

/// Longer lists of other tracers' notes are not handed on; the specification wants 512 to be.
const LONGEST_STATE: usize = 1024;

/// Whether a request brings own traces, of this process or of another Spoor.
#[must_use]
pub fn is_marked(headers: &HeaderMap) -> bool {
    headers.contains_key(MARK)
}

/// The caller's span that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent(pub(crate) SpanContext);

impl Parent {
    /// The span that the headers name; `None` without a valid `traceparent`. Without what other tracers note: see [`Parent::with_state`].
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let valid = is_hex(version, 2)
            && version != "ff"
            && is_hex(trace_id, 32)
            && is_hex(span_id, 16)
            && is_hex(flags, 2);
        if !valid {
            return None;
        }
        let context = SpanContext::new(
            TraceId::from_hex(trace_id).ok()?,
            SpanId::from_hex(span_id).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & TraceFlags::SAMPLED.to_u8()),
            true,
            TraceState::NONE,
        );
        context.is_valid().then_some(Self(context))
    }

    /// With what other tracers note (`tracestate`), which goes along with spans that are recorded.
    #[must_use]
    pub fn with_state(self, headers: &HeaderMap) -> Self {
        let Self(context) = self;
        let (trace_id, span_id, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
        Self(SpanContext::new(trace_id, span_id, flags, true, state(headers)))
    }

    /// Trace id and span id, shown as lower-case hex.
    #[must_use]
    pub fn ids(&self) -> (TraceId, SpanId) {
        (self.0.trace_id(), self.0.span_id())
    }
}

/// What other tracers note; what cannot be read is left out, as the specification wants it.
fn state(headers: &HeaderMap) -> TraceState {
    let text = headers.get("tracestate").and_then(|value| value.to_str().ok());
    let text = text.filter(|text| text.len() <= LONGEST_STATE);
    text.and_then(|text| TraceState::from_str(text).ok()).unwrap_or_default()
}

/// The header for a request made within a span.
pub(crate) fn traceparent(context: &SpanContext) -> Option<HeaderValue> {
    let flags = context.trace_flags() & TraceFlags::SAMPLED;
    HeaderValue::try_from(format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<Parent> {
        Parent::of(&HeaderMap::from_iter([(HeaderName::from_static("traceparent"), value.parse().unwrap())]))
    }

    #[test]
    fn takes_the_ids_of_a_valid_header_and_nothing_else() {
        let ids = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for good in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-future",
        ] {
            let (trace_id, span_id) = parsed(good).unwrap().ids();
            assert_eq!((&*trace_id.to_string(), &*span_id.to_string()), ids);
        }
        for bad in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        for text in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        ] {
            let Parent(context) = parsed(text).unwrap();
            assert_eq!(traceparent(&context).unwrap(), text);
        }
    }

    #[test]
    fn notes_of_other_tracers_come_along_and_broken_ones_do_not() {
        let of = |state: &str| {
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let headers = [("traceparent", parent), ("tracestate", state)];
            let headers =
                headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            let headers = HeaderMap::from_iter(headers);
            Parent::of(&headers).unwrap().with_state(&headers).0.trace_state().header()
        };
        assert_eq!(of("vendor=1,other=2"), "vendor=1,other=2");
        assert_eq!(of("no list"), "");
        assert_eq!(of(&format!("a={}", "x".repeat(LONGEST_STATE))), "");
    }
}
