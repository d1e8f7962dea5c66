//! The fields of a log, which some clients write into an annotation's value as a JSON object of texts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use spoor_model::AttributeRow;

use crate::convert::limits::Budget;
use crate::error::DecodeError;

/// The fields; `None` for a value that is something else. Each pair is charged as it is met, before anything is kept of it.
pub(super) fn fields(
    value: &[u8],
    budget: &mut Budget,
    at: usize,
) -> Result<Option<BTreeMap<String, String>>, DecodeError> {
    let mut object = Object { budget, at, exhausted: None };
    let mut reader = serde_json::Deserializer::from_slice(value);
    let read = reader.deserialize_map(&mut object).and_then(|fields| reader.end().map(|()| fields));
    match object.exhausted {
        Some(error) => Err(error),
        None => Ok(read.ok()),
    }
}

struct Object<'b> {
    budget: &'b mut Budget,
    at: usize,
    exhausted: Option<DecodeError>,
}

impl<'de> Visitor<'de> for &mut Object<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((key, value)) = map.next_entry()? {
            if let Err(error) = self.budget.take::<AttributeRow>(1, self.at) {
                self.exhausted = Some(error);
                return Err(A::Error::custom("refused"));
            }
            fields.insert(key, value);
        }
        Ok(fields)
    }
}
