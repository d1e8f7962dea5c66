//! A filter as it is sent, before anybody has checked it. Names and shapes: `jaegertracing/jaeger-idl proto/expression/v1/expression.proto`;
//! the JSON form is proto3's.

use serde::Deserialize;

/// An operator over its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The operator's name.
    #[serde(default)]
    pub op: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<Term>,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Term {
    /// An attribute.
    Attr {
        /// Its key.
        #[serde(default)]
        key: String,
        /// Its level; empty for the span or its resource.
        #[serde(default)]
        level: String,
    },
    /// A field.
    Field {
        /// Its name.
        #[serde(default)]
        name: String,
        /// Its level.
        #[serde(default)]
        level: String,
    },
    /// The events or the links.
    Nested {
        /// `event` or `link`.
        #[serde(default)]
        level: String,
    },
    /// A constant.
    Scalar {
        /// Its text.
        #[serde(default)]
        value: String,
        /// `string`, `int`, `double`, `bool`; empty for any.
        #[serde(default, rename = "type")]
        kind: String,
    },
    /// Constants of one type.
    List {
        /// Their texts.
        #[serde(default)]
        values: Vec<String>,
        /// Their type.
        #[serde(default, rename = "type")]
        kind: String,
    },
    /// A condition.
    Call(Call),
}

impl Term {
    /// What it is, in the wire's word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Attr { .. } => "attr",
            Self::Field { .. } => "field",
            Self::Nested { .. } => "nested",
            Self::Scalar { .. } => "scalar",
            Self::List { .. } => "list",
            Self::Call(_) => "call",
        }
    }
}
