//! Structured conditions on spans, as `jaegertracing/jaeger docs/rfc/0005-structured-query-filters.md` describes them: comparisons of
//! attributes and fields at a level, put together with and, or, not.
//!
//! [`Call`] is the form on the wire, [`Filter::read`] checks it against the rules and gives what readers evaluate, and
//! [`Filter::holds`] evaluates it on a span. A store that cannot evaluate some of it says so instead of answering another question.

mod constant;
mod evaluate;
mod expression;
mod field;
mod held;
mod pattern;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use expression::{Call, Term};
pub use field::{Domain, Field, Level};
pub use pattern::Pattern;
pub use read::FilterError;

use crate::UnixNanos;

/// A condition on one span.
///
/// What is not there satisfies no comparison, be it `ne` or `not_in`; only [`Filter::Not`] turns that round. Where a reference has
/// several values (an attribute on the span and its resource, a field of several events) a comparison holds when it holds for one of
/// them, and a negated one when there is a value and none is equal.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    All(Vec<Filter>),
    /// At least one holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// There is a value.
    Exists(Reference),
    /// A value compares like this.
    Compare(Comparison),
    /// A value's text has a part that matches.
    Matches(Reference, Pattern),
    /// A value is one of the list, or, negated, there are values and none is.
    OneOf {
        /// What is looked at.
        subject: Reference,
        /// At least one.
        list: Vec<Constant>,
        /// `not_in`.
        negated: bool,
    },
    /// One event (or link) satisfies all of the condition by itself; references to that level mean this one.
    Some(Collection, Box<Filter>),
}

/// `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, the reference first.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is looked at.
    pub subject: Reference,
    /// How.
    pub operator: Operator,
    /// With what.
    pub operand: Operand,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// There is a value and none is equal.
    Ne,
    /// Greater: numbers, durations, moments by size, texts by their characters.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Another value of the span.
    Reference(Reference),
    /// A value of the question.
    Constant(Constant),
}

/// Names a value of a span.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// An attribute by its key, at this level, or on the span or its resource where none is said.
    Attribute {
        /// The key.
        key: String,
        /// Whose attribute.
        level: Option<Level>,
    },
    /// A field that every span (resource, scope, event, link) has.
    Field(Field),
}

/// What a span has several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Its events.
    Events,
    /// Its links.
    Links,
}

/// A value of the question.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Of any type: compared with the text form of what is there; with numbers by size.
    Any(String),
    /// A text: equal to texts alone.
    Text(String),
    /// An integer: equal to integers alone.
    Int(i64),
    /// A double: equal to doubles alone.
    Double(f64),
    /// A truth: equal to truths alone.
    Bool(bool),
    /// A length of time, for fields that are one.
    Duration(Duration),
    /// A moment, for fields that are one.
    Time(UnixNanos),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute { key, level: None } => write!(f, "attribute {key:?}"),
            Self::Attribute { key, level: Some(level) } => write!(f, "{} attribute {key:?}", level.name()),
            Self::Field(field) => write!(f, "field {}.{}", field.level().name(), field.name()),
        }
    }
}

impl Operator {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
        }
    }

    /// Asks the same with the sides exchanged.
    #[must_use]
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Gt => Self::Lt,
            Self::Gte => Self::Lte,
            Self::Lt => Self::Gt,
            Self::Lte => Self::Gte,
            Self::Eq | Self::Ne => self,
        }
    }

    /// True when sizes matter, not only equality.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }
}
