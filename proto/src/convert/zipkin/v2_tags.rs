//! Hot path: v2's tags sorted by what they say: fields of OpenTelemetry's spans, resources and scopes travel as tags in Zipkin.

use spoor_model::jaeger::{
    ERROR, SCOPE_NAME, SCOPE_VERSION, SPAN_KIND, STATUS_CODE, STATUS_DESCRIPTION, TRACE_STATE,
};
use spoor_model::{SpanBatch, StatusCode, Text};

use super::resource_keys::is_resource_key;

/// What a tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Something about the span.
    Plain,
    /// Something about its process.
    Resource,
    ServiceName,
    /// Under which key the resource carried the service's name.
    ServiceNameSource,
    ScopeName,
    ScopeVersion,
    TraceState,
    Kind,
    StatusCode,
    StatusDescription,
    Error,
    Link,
    /// What an endpoint says, too, which then counts.
    HostIp,
    HostPort,
    PeerService,
    PeerIp,
    PeerPort,
    /// It has become a field.
    Taken,
}

impl Role {
    fn of(key: &[u8]) -> Self {
        match key {
            b"service.name" => Self::ServiceName,
            b"otlp.service.name.source" => Self::ServiceNameSource,
            b"otel.library.name" => Self::ScopeName,
            b"otel.library.version" => Self::ScopeVersion,
            b"net.host.ip" => Self::HostIp,
            b"net.host.port" => Self::HostPort,
            b"peer.service" => Self::PeerService,
            b"net.peer.ip" => Self::PeerIp,
            b"net.peer.port" => Self::PeerPort,
            _ if key == SCOPE_NAME.as_bytes() => Self::ScopeName,
            _ if key == SCOPE_VERSION.as_bytes() => Self::ScopeVersion,
            _ if key == TRACE_STATE.as_bytes() => Self::TraceState,
            _ if key == SPAN_KIND.as_bytes() => Self::Kind,
            _ if key == STATUS_CODE.as_bytes() => Self::StatusCode,
            _ if key == STATUS_DESCRIPTION.as_bytes() => Self::StatusDescription,
            _ if key == ERROR.as_bytes() => Self::Error,
            _ if key.starts_with(LINK.as_bytes()) => Self::Link,
            _ if is_resource_key(key) => Self::Resource,
            _ => Self::Plain,
        }
    }
}

/// Begins the keys of links, which are numbered from 0.
const LINK: &str = "otlp.link.";
/// As many links are looked for as OpenTelemetry's collector does.
const MOST_LINKS: usize = 128;

/// A tag and what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) key: Text,
    pub(super) value: Text,
    pub(super) role: Role,
}

/// The tags of one span.
#[derive(Default)]
pub(super) struct Tags {
    tags: Vec<Tag>,
    /// A bit for each role that some tag has or had.
    roles: u32,
}

impl Tags {
    pub(super) fn clear(&mut self) {
        self.tags.clear();
        self.roles = 0;
    }

    pub(super) fn push(&mut self, batch: &SpanBatch, key: Text, value: Text) {
        let role = Role::of(batch.bytes(key));
        self.roles |= 1 << role as u32;
        self.tags.push(Tag { key, value, role });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.tags.iter()
    }

    fn has(&self, role: Role) -> bool {
        self.roles & 1 << role as u32 != 0
    }

    /// Takes the value of the first tag of this role out, so that it does not become an attribute.
    pub(super) fn take(&mut self, role: Role) -> Option<Text> {
        self.take_if(role, Some)
    }

    /// Takes the first tag of this role out, if `convert` makes something of its value.
    pub(super) fn take_if<T>(&mut self, role: Role, convert: impl FnOnce(Text) -> Option<T>) -> Option<T> {
        if !self.has(role) {
            return None;
        }
        let tag = self.tags.iter_mut().find(|tag| tag.role == role)?;
        let taken = convert(tag.value)?;
        tag.role = Role::Taken;
        Some(taken)
    }

    /// As [`Tags::take`], together with further tags of this role that say the same: exporters tell the scope under two keys. One pass,
    /// however many there are.
    pub(super) fn take_same(&mut self, batch: &SpanBatch, role: Role) -> Option<Text> {
        if !self.has(role) {
            return None;
        }
        let mut taken = None;
        for tag in self.tags.iter_mut().filter(|tag| tag.role == role) {
            let first = *taken.get_or_insert(tag.value);
            if batch.bytes(tag.value) == batch.bytes(first) {
                tag.role = Role::Taken;
            }
        }
        taken
    }

    /// The status and its message.
    pub(super) fn status(&mut self, batch: &SpanBatch) -> (StatusCode, Text) {
        let mut message = Text::EMPTY;
        let told = self.take_if(Role::StatusCode, |text| status_code(batch.str(text)));
        if told.is_some() {
            message = self.take(Role::StatusDescription).unwrap_or_default();
        }
        let failed = self.take_if(Role::Error, |text| (batch.bytes(text) == b"true").then_some(()));
        let status = if failed.is_some() { StatusCode::Error } else { told.unwrap_or_default() };
        (status, message)
    }

    /// Places of the tags that tell of links, in the order of their numbers, up to the first number that is missing.
    pub(super) fn links(&self, batch: &SpanBatch) -> Vec<usize> {
        if !self.has(Role::Link) {
            return Vec::new();
        }
        let mut places = [None; MOST_LINKS];
        for (place, tag) in self.tags.iter().enumerate().filter(|(_, tag)| tag.role == Role::Link) {
            let number =
                batch.str(tag.key).strip_prefix(LINK).and_then(|number| number.parse::<usize>().ok());
            if let Some(slot) = number.and_then(|number| places.get_mut(number)) {
                *slot = Some(place);
            }
        }
        places.into_iter().map_while(|place| place).collect()
    }

    /// The value of the tag at this place, as [`Tags::links`] tells it.
    pub(super) fn value(&self, place: usize) -> Text {
        self.tags[place].value
    }

    /// Takes out the tag at this place.
    pub(super) fn take_at(&mut self, place: usize) {
        self.tags[place].role = Role::Taken;
    }
}

/// OpenTelemetry's exporters write the short word, its collector the long one.
fn status_code(word: &str) -> Option<StatusCode> {
    match word.strip_prefix("STATUS_CODE_").unwrap_or(word) {
        "UNSET" => Some(StatusCode::Unset),
        "OK" => Some(StatusCode::Ok),
        "ERROR" => Some(StatusCode::Error),
        _ => None,
    }
}
