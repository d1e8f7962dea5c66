//! Reading the JSON of strategies. What Jaeger reads with a warning is read with one here; what it refuses is refused with the place.
//! Names of fields may be written in any case, as Go's JSON takes them.

use serde_json::{Map, Value};

use crate::{OperationStrategy, Sampler};

/// JSON that holds no strategies.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Something has another type than it must.
    #[error("{place} is {found}; it must be {expected}")]
    Kind {
        /// Such as `service_strategies[2].param`.
        place: String,
        /// What is there.
        found: &'static str,
        /// What must be there.
        expected: &'static str,
    },
}

/// What the file says, each rule by itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Document {
    pub(super) default: Option<Rule>,
    /// By service, in their order.
    pub(super) services: Vec<(String, Rule)>,
}

/// What is said of one service, or of all others.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) sampler: Sampler,
    /// Nothing when no operation is named; empty when those that are named count for nothing.
    pub(super) operations: Option<Vec<OperationStrategy>>,
}

impl Document {
    /// Reads it. `default_probability` stands where a rule's type says nothing; what is strange but tolerated goes into `warnings`.
    pub(super) fn read(
        bytes: &[u8],
        default_probability: f64,
        warnings: &mut Vec<String>,
    ) -> Result<Self, DocumentError> {
        let document: Value = serde_json::from_slice(bytes)?;
        let mut reader = Reader { default_probability, warnings };
        let Some(fields) = Fields::of(&document, "the document")? else {
            // `null`: no strategies.
            return Ok(Self::default());
        };
        reader.warn_of_unknown(&fields, "", &["default_strategy", "service_strategies"]);
        let default = match fields.get("default_strategy") {
            Some(value) => reader.rule(value, "default_strategy")?.map(|(_, rule)| rule),
            None => None,
        };
        let mut services = Vec::new();
        for (place, value) in list(fields.get("service_strategies"), "service_strategies")? {
            if let Some((service, rule)) = reader.rule(value, &place)? {
                if services.iter().any(|(known, _)| *known == service) {
                    reader.warn(format!(
                        "{place}: the service {service:?} is there twice; the last one counts"
                    ));
                }
                services.push((service, rule));
            }
        }
        Ok(Self { default, services })
    }
}

struct Reader<'a> {
    default_probability: f64,
    warnings: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// The service's name, which a default strategy has not, and its rule; nothing for a `null`.
    fn rule(&mut self, value: &Value, place: &str) -> Result<Option<(String, Rule)>, DocumentError> {
        let Some(fields) = Fields::of(value, place)? else { return Ok(None) };
        self.warn_of_unknown(&fields, place, &["service", "type", "param", "operation_strategies"]);
        let service = text(fields.get("service"), || format!("{place}.service"))?.to_owned();
        let sampler = self.sampler(&fields, place)?;
        let named = list(fields.get("operation_strategies"), &format!("{place}.operation_strategies"))?;
        let has_any = !named.is_empty();
        let mut operations: Vec<OperationStrategy> = Vec::new();
        for (place, value) in named {
            let Some(rule) = self.operation(value, &place)? else { continue };
            match operations.iter_mut().find(|known| known.operation == rule.operation) {
                Some(known) => {
                    self.warn(format!(
                        "{place}: the operation {:?} is there twice; the last one counts",
                        rule.operation
                    ));
                    *known = rule;
                }
                None => operations.push(rule),
            }
        }
        Ok(Some((service, Rule { sampler, operations: has_any.then_some(operations) })))
    }

    fn operation(&mut self, value: &Value, place: &str) -> Result<Option<OperationStrategy>, DocumentError> {
        let Some(fields) = Fields::of(value, place)? else { return Ok(None) };
        self.warn_of_unknown(&fields, place, &["operation", "type", "param"]);
        let operation = text(fields.get("operation"), || format!("{place}.operation"))?.to_owned();
        match self.sampler(&fields, place)? {
            Sampler::Probabilistic(probability) => Ok(Some(OperationStrategy { operation, probability })),
            Sampler::RateLimiting(_) => {
                self.warn(format!(
                    "{place}: an operation's type can only be \"probabilistic\"; {operation:?} is left out and sampled as operations that are not named"
                ));
                Ok(None)
            }
        }
    }

    fn sampler(&mut self, fields: &Fields<'_>, place: &str) -> Result<Sampler, DocumentError> {
        let kind = text(fields.get("type"), || format!("{place}.type"))?;
        let param = number(fields.get("param"), || format!("{place}.param"))?;
        match kind {
            "probabilistic" => {
                if !(0.0..=1.0).contains(&param) {
                    self.warn(format!(
                        "{place}.param: {param} is no probability; it is taken to the nearest"
                    ));
                }
                Ok(Sampler::Probabilistic(param.clamp(0.0, 1.0)))
            }
            "ratelimiting" => {
                let most = whole(param);
                if f64::from(most).total_cmp(&param).is_ne() {
                    self.warn(format!(
                        "{place}.param: {param} traces per second are {most}: the protocol has whole numbers only"
                    ));
                }
                Ok(Sampler::RateLimiting(most))
            }
            other => {
                let probability = self.default_probability;
                self.warn(format!(
                    "{place}.type: {other:?} is neither \"probabilistic\" nor \"ratelimiting\"; the probability {probability} holds"
                ));
                Ok(Sampler::Probabilistic(probability))
            }
        }
    }

    fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    fn warn_of_unknown(&mut self, fields: &Fields<'_>, place: &str, known: &[&str]) {
        for name in fields.0.keys().filter(|name| !known.iter().any(|known| name.eq_ignore_ascii_case(known)))
        {
            let point = if place.is_empty() { "" } else { "." };
            self.warnings.push(format!("{place}{point}{name} means nothing; it is passed over"));
        }
    }
}

/// Towards zero, and to the bounds of what there is.
#[expect(clippy::cast_possible_truncation, reason = "Rust's cast saturates, which is meant")]
fn whole(number: f64) -> i32 {
    number as i32
}

struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Nothing for a `null`.
    fn of(value: &'a Value, place: &str) -> Result<Option<Self>, DocumentError> {
        match value {
            Value::Object(fields) => Ok(Some(Self(fields))),
            Value::Null => Ok(None),
            other => Err(kind(place.to_owned(), other, "an object")),
        }
    }

    /// Nothing for a `null`, either.
    fn get(&self, name: &str) -> Option<&'a Value> {
        let any_case =
            || self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        self.0.get(name).or_else(any_case).filter(|value| !value.is_null())
    }
}

fn list<'a>(value: Option<&'a Value>, place: &str) -> Result<Vec<(String, &'a Value)>, DocumentError> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            Ok(items.iter().enumerate().map(|(number, item)| (format!("{place}[{number}]"), item)).collect())
        }
        Some(other) => Err(kind(place.to_owned(), other, "a list")),
    }
}

fn text(value: Option<&Value>, place: impl FnOnce() -> String) -> Result<&str, DocumentError> {
    match value {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(kind(place(), other, "a text")),
    }
}

fn number(value: Option<&Value>, place: impl FnOnce() -> String) -> Result<f64, DocumentError> {
    match value {
        None => Ok(0.0),
        Some(value) => value.as_f64().ok_or_else(|| kind(place(), value, "a number")),
    }
}

fn kind(place: String, found: &Value, expected: &'static str) -> DocumentError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    DocumentError::Kind { place, found, expected }
}
