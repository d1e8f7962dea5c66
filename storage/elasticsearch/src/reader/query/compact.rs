//! Tags in the compact layout: tokens, on the span, its events and links, its scope and its process.

use serde_json::{Value, json};
use spoor_model::jaeger::{ERROR, SPAN_KIND, TRACE_STATE};

use super::{Patterns, is_pattern};
use crate::document::token;

/// Where the tokens of attributes stand.
pub(super) const ATTRIBUTES: [&str; 5] = ["span.a", "process.a", "span.e", "scope.a", "span.l"];
/// Where the tokens of fields stand.
const DERIVED: [&str; 2] = ["span.d", "scope.d"];
/// Where a failure may be said: not by other spans, nor by the library.
const FAILURE: [&str; 4] = ["span.d", "span.a", "process.a", "span.e"];

/// Clauses of which one must hold for the tag to be on the span.
pub(super) fn tag(key: &str, value: &str, patterns: Patterns) -> impl Iterator<Item = Value> {
    let is_derived = key.starts_with("otel.") || matches!(key, SPAN_KIND | TRACE_STATE);
    let derived = DERIVED.into_iter().filter(move |_| is_derived);
    anywhere(ATTRIBUTES.into_iter().chain(derived), key, value, patterns)
}

/// The expression for tokens of this key with a value like this, for `regexp` questions without optional operators.
pub(super) fn token_pattern(key: &str, value: &str) -> String {
    pattern(key, value)
}

/// Clauses of which one must hold for the span to have failed.
pub(super) fn failed() -> impl Iterator<Item = Value> {
    anywhere(FAILURE.into_iter(), ERROR, "true", Patterns::Literal)
}

fn anywhere<F: Iterator<Item = &'static str>>(
    fields: F,
    key: &str,
    value: &str,
    patterns: Patterns,
) -> impl Iterator<Item = Value> + use<F> {
    let tokens = token::tokens_of(key, value);
    let pattern = (patterns == Patterns::Allowed && is_pattern(value)).then(|| pattern(key, value));
    fields.flat_map(move |field| {
        let exact = json!({ "terms": { field: tokens } });
        let matching = pattern.as_ref().map(|pattern| json!({ "regexp": { field: { "value": pattern } } }));
        std::iter::once(exact).chain(matching)
    })
}

/// The key as it is, any sign, and the value as an expression. Letters that are there for the order of numbers are passed over.
fn pattern(key: &str, value: &str) -> String {
    pattern_of(key, r"(\=|\?|\@|\$|\!|\%|\#[a-u]?)", value)
}

/// The key as it is, and behind it the sign and the value as expressions.
pub(super) fn pattern_of(key: &str, sign: &str, value: &str) -> String {
    let mut out = String::with_capacity(key.len() + value.len() + 32);
    for character in key.chars() {
        if u8::try_from(character).is_ok_and(token::is_sign) {
            out.extend(['\\', char::from(token::ESCAPE)]);
        }
        if character.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(character);
    }
    out + sign + "(" + value + ")"
}
