//! OTLP JSON to the model: visitors write straight into the builder, one pass, no tree in between.
//! Rules of the OTLP specification, wider where senders differ: ids as hex or base64, 64-bit numbers as text or number, enums by
//! number or name, `snake_case` names too, unknown keys ignored, `null` as absent, the last of two equal keys counts.

mod message;
mod scalar;
mod span;
mod value;
mod visit;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};
use serde_json::error::Category;
use spoor_model::{SpanBatch, SpanBatchBuilder, Text};

use self::message::Request;
pub(in crate::convert) use self::scalar::Scalar;
use self::visit::List;
pub(in crate::convert) use self::visit::{Items, Message, Object};
use crate::convert::limits::{Budget, Limits, Row};
use crate::convert::walk::RecordWalk;
use crate::error::{DecodeError, Problem};
use crate::wire::Slice;

/// Reads an OTLP `ExportTraceServiceRequest` in its JSON form within [`Limits::for_body`]. Texts are copied.
///
/// # Errors
/// For text that is not JSON (invalid UTF-8 included) or not this message, with line and column; else as
/// [`super::decode_export_request`]. Nothing of the request is usable then.
pub fn decode_export_request_json(body: &[u8]) -> Result<SpanBatch, DecodeError> {
    let limits = Limits::for_body(body.len());
    decode_export_request_json_within(body, limits)
}

/// As [`decode_export_request_json`], within limits of the caller's.
///
/// # Errors
/// As there.
pub fn decode_export_request_json_within(body: &[u8], limits: Limits) -> Result<SpanBatch, DecodeError> {
    let mut walk = Walk::new(SpanBatchBuilder::new());
    walk.walk(Slice { bytes: body, start: 0 }, limits)?;
    Ok(walk.builder.finish()?)
}

/// One decoding: what the visitors write to.
pub(crate) struct Walk {
    pub(in crate::convert) builder: SpanBatchBuilder,
    pub(in crate::convert) budget: Budget,
    /// Why a visitor of ours gave up; serde's own error carries only the place then.
    refusal: Option<Problem>,
    /// The encoded form of the attribute value being read.
    scratch: Vec<u8>,
}

impl RecordWalk<'_> for Walk {
    fn builder(&mut self) -> &mut SpanBatchBuilder {
        &mut self.builder
    }

    fn walk(&mut self, record: Slice<'_>, limits: Limits) -> Result<(), DecodeError> {
        self.read(record.bytes, limits, &mut Request)
    }
}

impl Walk {
    /// For texts that are copied into `builder`.
    pub(crate) fn new(builder: SpanBatchBuilder) -> Self {
        let budget = Budget::new(Limits { max_row_bytes: 0 });
        Self { builder, budget, refusal: None, scratch: Vec::new() }
    }

    /// The builder with the rows of everything that was read.
    pub(crate) fn into_builder(self) -> SpanBatchBuilder {
        self.builder
    }

    /// Reads a whole text as this message.
    pub(in crate::convert) fn read(
        &mut self,
        body: &[u8],
        limits: Limits,
        root: &mut impl Message,
    ) -> Result<(), DecodeError> {
        self.budget = Budget::new(limits);
        self.refusal = None;
        self.run(body, root).map_err(|error| located(&error, self.refusal, body))
    }

    /// Reads a whole text as a list of messages.
    pub(in crate::convert) fn read_list(
        &mut self,
        body: &[u8],
        limits: Limits,
        root: &mut impl Items,
    ) -> Result<(), DecodeError> {
        self.budget = Budget::new(limits);
        self.refusal = None;
        let mut json = serde_json::Deserializer::from_slice(body);
        json.disable_recursion_limit();
        let read = List(self, root).deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|error| located(&error, self.refusal, body))
    }

    fn run(&mut self, body: &[u8], root: &mut impl Message) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(body);
        // Unknown parts are skipped without recursion, known ones nest only so deep as `value.rs` allows.
        json.disable_recursion_limit();
        if !Object(self, root).deserialize(&mut json)? {
            return Err(self.refuse("the message must be an object"));
        }
        json.end()
    }

    /// Reads the value of the current key as a message; false when it is `null`.
    pub(in crate::convert) fn object<'de, A: MapAccess<'de>, M: Message>(
        &mut self,
        map: &mut A,
        message: &mut M,
    ) -> Result<bool, A::Error> {
        map.next_value_seed(Object(self, message))
    }

    /// Reads the value of the current key as a list of messages; `null` is an empty one.
    pub(in crate::convert) fn list<'de, A: MapAccess<'de>, I: Items>(
        &mut self,
        map: &mut A,
        items: &mut I,
    ) -> Result<(), A::Error> {
        map.next_value_seed(List(self, items))
    }

    /// Reads the value of the current key as a number, word or truth.
    pub(in crate::convert) fn scalar<'de, A: MapAccess<'de>, T>(
        &mut self,
        map: &mut A,
        convert: impl FnOnce(&Scalar<'de>) -> Result<T, &'static str>,
    ) -> Result<T, A::Error> {
        let scalar = map.next_value::<Scalar<'de>>()?;
        convert(&scalar).map_err(|what| self.refuse(what))
    }

    /// Reads the value of the current key as text into the batch.
    pub(in crate::convert) fn text<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<Text, A::Error> {
        let scalar = map.next_value::<Scalar<'de>>()?;
        let text = scalar.text().map_err(|what| self.refuse(what))?;
        Ok(self.builder.text(text))
    }

    pub(in crate::convert) fn charge<R: Row, E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.budget.take::<R>(1, 0).map_err(|error| self.refuse_as(error.problem()))
    }

    /// An error of ours; its place is found when the whole decoding has ended.
    #[cold]
    pub(in crate::convert) fn refuse<E: serde::de::Error>(&mut self, what: &'static str) -> E {
        self.refuse_as(Problem::Malformed(what))
    }

    #[cold]
    pub(in crate::convert) fn refuse_as<E: serde::de::Error>(&mut self, problem: Problem) -> E {
        self.refusal = Some(problem);
        E::custom("refused")
    }
}

/// Skips the value of an unknown key.
pub(in crate::convert) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Puts an error into our words, which hold nothing of the content, with its place in the body.
fn located(error: &serde_json::Error, refusal: Option<Problem>, body: &[u8]) -> DecodeError {
    let (line, column) = (error.line(), error.column());
    let what = match refusal {
        Some(Problem::Malformed(what)) => what,
        Some(problem) => return DecodeError::new(problem, offset_of(line, column, body)),
        None => words(error),
    };
    DecodeError::new(Problem::Json { what, line, column }, offset_of(line, column, body))
}

fn words(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        Category::Eof => "the JSON text ends too early",
        Category::Data => "a value is of a type that its field does not take",
        Category::Io | Category::Syntax => {
            let message = error.to_string();
            let known = [
                ("hex escape", "a \\u escape is broken or names half of a surrogate pair"),
                ("unicode", "the JSON text is not valid UTF-8 or Unicode"),
                ("escape", "there is no such escape in JSON"),
                ("control character", "a control character stands unescaped in a text"),
                ("number", "the number is not valid JSON or out of range"),
                ("trailing characters", "something follows behind the JSON text"),
            ];
            let found = known.iter().find(|(part, _)| message.contains(part));
            found.map_or("the text is not valid JSON", |(_, words)| words)
        }
    }
}

/// Line and column count from 1, the column in bytes.
fn offset_of(line: usize, column: usize, body: &[u8]) -> usize {
    let mut ends = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let line_start = if line < 2 { 0 } else { ends.nth(line - 2).unwrap_or(body.len()) };
    (line_start + column).min(body.len())
}
