//! A log's name: the first field `event` that is a text, for every form in which logs come.

use spoor_model::jaeger::EVENT;
use spoor_model::{SpanBatchBuilder, Text, Value};

/// Where a log's `event` fields went.
#[derive(Clone, Copy, Default)]
pub(crate) enum EventName {
    /// There was none yet.
    #[default]
    Unknown,
    /// The one so far is the event's name (key and text).
    Taken(Text, Text),
    /// They are all among the fields, which tells writers not to add the name (the first one, if textual) again.
    Field(Text),
}

impl EventName {
    /// Takes one field of a log: as the event's name, or into the run of attributes being written.
    pub(crate) fn push(&mut self, builder: &mut SpanBatchBuilder, key: Text, value: Value) {
        if builder.batch().bytes(key) == EVENT.as_bytes() {
            *self = match (*self, value) {
                (Self::Unknown, Value::Str(text)) if !text.is_empty() => {
                    *self = Self::Taken(key, text);
                    return;
                }
                (Self::Unknown, _) => Self::Field(Text::EMPTY),
                (Self::Taken(first, text), _) => {
                    builder.push_attribute(first, Value::Str(text));
                    Self::Field(text)
                }
                (Self::Field(name), _) => Self::Field(name),
            };
        }
        builder.push_attribute(key, value);
    }

    pub(crate) fn text(self) -> Text {
        match self {
            Self::Unknown => Text::EMPTY,
            Self::Taken(_, text) | Self::Field(text) => text,
        }
    }
}
