//! When it is time for the next index, as users say it.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// Conditions in the store's words, one of which must be met; none: it is always time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions(Map<String, Value>);

/// Not what the store takes for conditions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "conditions are a JSON object in the store's words, as in {{\"max_age\": \"2d\", \"max_size\": \"50gb\"}}"
)]
pub struct ParseConditionsError;

impl Conditions {
    /// It is always time.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Conditions {
    type Err = ParseConditionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        serde_json::from_str(text).map(Self).map_err(|_| ParseConditionsError)
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", Value::Object(self.0.clone()))
    }
}
