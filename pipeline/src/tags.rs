//! `--collector.tags` and `--agent.tags`: tags that a role appends to every resource (Jaeger: process).
//! Facts: `jaegertracing/jaeger cmd/collector/app/flags/flags.go`, `span_processor.go` (addCollectorTags).

use std::str::FromStr;

use spoor_model::{SpanBatch, ValueView};

/// Keys and values, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

/// Text that is no list of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is not a tag; write key=value,key2=value2 (a value may be ${{VARIABLE:default}})")]
pub struct ParseTagsError {
    part: String,
}

impl FromStr for Tags {
    type Err = ParseTagsError;

    fn from_str(text: &str) -> Result<Self, ParseTagsError> {
        Self::parse(text, |name| std::env::var(name).ok())
    }
}

impl Tags {
    fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ParseTagsError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let tag = |part: &str| {
            let (key, value) = part.split_once('=').ok_or(())?;
            let (key, value) = (key.trim(), value.trim());
            (!key.is_empty()).then(|| (key.to_owned(), resolve(value, &variable))).ok_or(())
        };
        let tags =
            text.split(',').map(|part| tag(part).map_err(|()| ParseTagsError { part: part.to_owned() }));
        tags.collect::<Result<_, _>>().map(Self)
    }

    /// True without tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends each tag to each resource, unless the resource has the same key with the same value.
    pub fn append_to(&self, batch: &mut SpanBatch) {
        if self.is_empty() {
            return;
        }
        for index in 0..batch.resource_rows().len() {
            for (key, value) in &self.0 {
                let there = batch.attributes(batch.resource_rows()[index].attributes);
                let value = ValueView::Str(value);
                if !there.iter().any(|attribute| attribute.key() == key && attribute.value() == value) {
                    batch.add_resource_attribute(index, key, value);
                }
            }
        }
    }
}

/// `${NAME:default}` is the variable's value, or the default when it is not set or empty.
fn resolve(value: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let Some(inside) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return value.to_owned();
    };
    let (name, default) = inside.split_once(':').unwrap_or((inside, ""));
    variable(name).filter(|found| !found.is_empty()).unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Spec, batch};

    fn parse(text: &str) -> Result<Tags, ParseTagsError> {
        Tags::parse(text, |name| match name {
            "ZONE" => Some("eu".to_owned()),
            "BLANK" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn reads_values_and_variables_with_defaults() {
        let tags = parse("a=1, b = x=y ,zone=${ZONE:none},c=${BLANK:d},e=${UNSET},f=").unwrap();
        let expected = [("a", "1"), ("b", "x=y"), ("zone", "eu"), ("c", "d"), ("e", ""), ("f", "")];
        assert_eq!(tags.0, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(parse(" ").unwrap().is_empty());
    }

    #[test]
    fn bad_syntax_names_the_part() {
        for (text, part) in [("a=1,b", "b"), ("=x", "=x"), ("a=1,,b=2", "")] {
            assert_eq!(parse(text), Err(ParseTagsError { part: part.to_owned() }), "{text}");
        }
    }

    #[test]
    fn appends_unless_the_same_key_and_value_are_there() {
        const SAME: &[(&str, ValueView<'_>)] =
            &[("zone", ValueView::Str("eu")), ("rack", ValueView::Str("1"))];
        let mut subject = batch(&[Spec::default(), Spec { resource: SAME, ..Spec::default() }]);
        parse("zone=eu,rack=7").unwrap().append_to(&mut subject);
        let tags = |index: usize| -> Vec<String> {
            let resource = subject.resources().nth(index).unwrap();
            resource
                .attributes()
                .iter()
                .map(|tag| format!("{}={}", tag.key(), tag.value().to_text()))
                .collect()
        };
        assert_eq!(tags(0), ["zone=eu", "rack=7"]);
        assert_eq!(tags(1), ["zone=eu", "rack=1", "rack=7"]);
    }
}
