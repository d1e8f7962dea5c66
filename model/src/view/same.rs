//! When two views say the same, and how a view is printed in a failed test.

use std::fmt;

use super::{AttributeView, EventView, LinkView, ResourceView, ScopeView, SpanView};

/// Two views say the same when their facts, listed here once, are equal; the same facts are what `Debug` prints.
macro_rules! same_and_debug {
    ($($name:ident { $($fact:ident),+ })+) => {$(
        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                $(self.$fact() == other.$fact())&&+
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($fact), &self.$fact()))+.finish()
            }
        }
    )+};
}

same_and_debug! {
    AttributeView { key, value }
    ResourceView { given_service, attributes, schema_url, dropped }
    ScopeView { name, version, attributes, schema_url, dropped, resource }
    EventView { time, name, attributes, dropped }
    LinkView { trace_id, span_id, trace_state, kind, attributes, flags, dropped }
    SpanView {
        trace_id, span_id, parent_span_id, name, kind, status, status_message, trace_state, flags, start, end, attributes,
        all_events, all_links, dropped, scope
    }
}

impl<'a> ResourceView<'a> {
    fn given_service(self) -> Option<&'a str> {
        self.row.service.map(|service| self.batch.str(service))
    }

    fn dropped(self) -> u32 {
        self.row.dropped_attributes
    }
}

impl ScopeView<'_> {
    fn dropped(self) -> u32 {
        self.row.dropped_attributes
    }
}

impl EventView<'_> {
    fn dropped(self) -> u32 {
        self.row.dropped_attributes
    }
}

impl LinkView<'_> {
    fn dropped(self) -> u32 {
        self.row.dropped_attributes
    }

    fn flags(self) -> u32 {
        self.row.flags
    }
}

impl<'a> SpanView<'a> {
    fn dropped(self) -> (u32, u32, u32) {
        (self.row.dropped_attributes, self.row.dropped_events, self.row.dropped_links)
    }

    fn all_events(self) -> Vec<EventView<'a>> {
        self.events().collect()
    }

    fn all_links(self) -> Vec<LinkView<'a>> {
        self.links().collect()
    }
}
