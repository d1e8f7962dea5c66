//! Why bytes from outside could not be decoded: the message, the field path, the byte offset and the problem.
//! Raised by the wire reader and the converters; receivers turn it into INVALID_ARGUMENT / 400 and the like.
//! It never holds payload content, so it may be logged and sent back.

use std::fmt;

use spoor_model::TooLarge;

/// A message from outside that is not what it claims to be. The whole message is refused.
///
/// One pointer wide, so that the hot decoders return it in registers.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(Box<Detail>);

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A value or a length points behind the end of its message.
    #[error("the message ends inside the value")]
    Truncated,
    /// A varint has more than 64 bits.
    #[error("the varint is longer than 64 bits")]
    Varint,
    /// A tag with field number 0 or beyond 29 bits, or a wire type that does not exist.
    #[error("the field tag is not valid")]
    Tag,
    /// A known field is written with the wire type of another kind of value.
    #[error("field {number} has the wire type {found}, which is not its own")]
    WireType {
        /// The field's number.
        number: u32,
        /// The wire type that was found (0 varint, 1 fixed64, 2 length, 3 and 4 group, 5 fixed32).
        found: u32,
    },
    /// A group that is not closed, or is closed by another group's end.
    #[error("the group is not closed where it should be")]
    Group,
    /// Values nest deeper than the decoder follows.
    #[error("values nest deeper than {limit} levels")]
    Depth {
        /// The deepest level allowed.
        limit: usize,
    },
    /// A value of fixed size has another length.
    #[error("the length is {found} bytes, allowed: {allowed}")]
    Length {
        /// The length found, in bytes.
        found: usize,
        /// The lengths allowed, in words.
        allowed: &'static str,
    },
    /// More of something than the decoder takes.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The largest number taken.
        limit: usize,
    },
    /// More than one batch can describe.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// A JSON text that is none, or that says something its field does not take.
    #[error("line {line}, column {column}: {what}")]
    Json {
        /// What is wrong, in fixed words.
        what: &'static str,
        /// The line, from 1.
        line: usize,
        /// Bytes from the start of the line to where reading ended.
        column: usize,
    },
    /// Anything else that makes a message unreadable, in fixed words.
    #[error("{0}")]
    Malformed(&'static str),
}

#[derive(Debug)]
struct Detail {
    /// Innermost first; each caller on the way out adds its own field.
    path: Vec<&'static str>,
    offset: usize,
    problem: Problem,
}

impl DecodeError {
    /// An error at the byte `offset` of the message as received.
    #[cold]
    #[must_use]
    pub fn new(problem: Problem, offset: usize) -> Self {
        Self(Box::new(Detail { path: Vec::new(), offset, problem }))
    }

    /// Names the field (or message) in which the error happened; the outermost is added last.
    #[cold]
    #[must_use]
    pub fn within(mut self, field: &'static str) -> Self {
        self.0.path.push(field);
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> Problem {
        self.0.problem
    }

    /// The same error with its place counted from `start` on, for a message that lies among others in one buffer.
    #[cold]
    #[must_use]
    pub(crate) fn counted_from(mut self, start: usize) -> Self {
        self.0.offset = self.0.offset.saturating_sub(start);
        self
    }

    /// Where it is wrong: bytes from the start of the message as received.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }
}

/// The batch did not fit; there is no one place where that happened.
impl From<TooLarge> for DecodeError {
    fn from(error: TooLarge) -> Self {
        Self::new(error.into(), 0)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot decode ")?;
        if self.path.is_empty() {
            f.write_str("the message")?;
        }
        for (index, field) in self.path.iter().rev().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{field}")?;
        }
        write!(f, " at byte {}: {}", self.offset, self.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what_from_the_outside_in() {
        let error =
            DecodeError::new(Problem::Length { found: 3, allowed: "8" }, 17).within("span_id").within("Span");
        assert_eq!(
            error.to_string(),
            "cannot decode Span.span_id at byte 17: the length is 3 bytes, allowed: 8"
        );
    }

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Result<(), DecodeError>>(), size_of::<usize>(), "the hot path returns it");
    }
}
