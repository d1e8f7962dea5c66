//! Conditions on the tokens of one field of the compact layout. What a token is: `document/token.rs`.
//!
//! Values over 256 bytes are found by their hashes when they are asked for whole. For anything else a document with such a value in this
//! field is in doubt: its hash does not tell of which key it is.

use serde_json::{Value, json};
use spoor_model::filter::{Constant, Operator, Pattern};

use super::super::compact::{pattern_of, token_pattern};
use super::super::{LONGEST_TERM, lucene};
use super::bounds::{Bounds, all, any, not};
use crate::document::token::{self, Number, key_of, token_of, tokens_of};

/// The longest regular expression servers take by default (`index.max_regex_length`).
pub(super) const LONGEST_EXPRESSION: usize = 1_000;
const NOT_TEXT: &str = "a constant that no attribute is compared with";

/// One key in one field.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    pub(super) field: &'a str,
    pub(super) key: &'a str,
}

/// What the texts of a key begin with: values, or names that no search by tag finds.
const TEXTS: [u8; 1] = [token::TEXT];

impl Tokens<'_> {
    /// There is a value.
    pub(super) fn exists(self) -> Bounds {
        if key_of(self.key).len() >= token::LIMIT {
            return Bounds::possible(self.long());
        }
        Bounds::certain_or(self.regexp(&token_pattern(self.key, ".*")), self.long())
    }

    /// A value compares like this with the constant. `Ne` is not one of the operators here.
    pub(super) fn compares(self, operator: Operator, constant: &Constant) -> Bounds {
        match (constant, operator) {
            (Constant::Text(text), _) => self.texts(&TEXTS, operator, text),
            (Constant::Bool(truth), Operator::Eq) => {
                let text: &[u8] = if *truth { b"true" } else { b"false" };
                Bounds::exact(self.terms([token_of(self.key, token::TRUTH, text)]))
            }
            (Constant::Int(number), Operator::Eq) => {
                Bounds::exact(self.terms(Number::Int(*number).token(self.key)))
            }
            (Constant::Int(number), _) => {
                let of_doubles = self.regexp(&self.number_pattern("[0-9:]*\\.[0-9:]*"));
                let range = self.numbers(operator, Number::Int(*number));
                Bounds { least: all([range.least, not(&of_doubles)]), most: range.most }
            }
            (Constant::Double(number), _) if !number.is_finite() => Bounds::possible(self.any_number()),
            (Constant::Double(number), Operator::Eq) => {
                Bounds::exact(self.terms(Number::Double(*number).token(self.key)))
            }
            (Constant::Double(number), _) => {
                let of_integers = self.regexp(&self.number_pattern("[0-9]*:?"));
                let range = self.numbers(operator, Number::Double(*number));
                let least = all([range.least, not(&of_integers)]);
                Bounds::certain_or(least, any([range.most, self.infinity(operator)]))
            }
            (Constant::Any(text), _) => self.untyped(operator, text),
            (Constant::Bool(_) | Constant::Duration(_) | Constant::Time(_), _) => {
                debug_assert!(false, "{NOT_TEXT}");
                Bounds::never()
            }
        }
    }

    /// A part of a value's text matches.
    pub(super) fn matches(self, pattern: &Pattern) -> Bounds {
        let expression = lucene::containing(pattern).map(|expression| {
            // Tokens of numbers have signs of their own, and a double may be written otherwise: they are read.
            pattern_of(self.key, r"(\=|\?|\@|\$|\!|\%)", &expression)
        });
        match expression {
            Ok(expression) if expression.chars().count() <= LONGEST_EXPRESSION => {
                Bounds::certain_or(self.regexp(&expression), any([self.any_number(), self.long()]))
            }
            _ => Bounds::possible(self.exists().most),
        }
    }

    /// A text with one of these signs compares like this.
    pub(super) fn texts(self, signs: &[u8], operator: Operator, text: &str) -> Bounds {
        if operator == Operator::Eq {
            return Bounds::exact(self.terms(signs.iter().map(|&sign| self.text(sign, text))));
        }
        let of_sign = |&sign: &u8| {
            let begin = key_of(self.key);
            let (first, behind) =
                (format!("{begin}{}", char::from(sign)), format!("{begin}{}", char::from(sign + 1)));
            let bound = format!("{first}{text}");
            if bound.len() > LONGEST_TERM {
                return Bounds::possible(self.range(&json!({ "gte": first, "lt": behind })));
            }
            Bounds::exact(self.range(&match operator {
                Operator::Gt => json!({ "gt": bound, "lt": behind }),
                Operator::Gte => json!({ "gte": bound, "lt": behind }),
                Operator::Lt => json!({ "gte": first, "lt": bound }),
                Operator::Lte | Operator::Eq | Operator::Ne => json!({ "gte": first, "lte": bound }),
            }))
        };
        Bounds::any(signs.iter().map(of_sign).chain([Bounds::possible(self.long())]))
    }

    /// The token that is indexed for this text.
    pub(super) fn text(self, sign: u8, text: &str) -> String {
        token_of(self.key, sign, text.as_bytes())
    }

    /// One of these tokens is there.
    pub(super) fn terms(self, tokens: impl IntoIterator<Item = String>) -> Value {
        let tokens: Vec<String> = tokens.into_iter().collect();
        json!({ "terms": { self.field: tokens } })
    }

    /// A token of the key with this sign is there.
    pub(super) fn with_sign(self, sign: u8) -> Value {
        json!({ "prefix": { self.field: { "value": format!("{}{}", key_of(self.key), char::from(sign)) } } })
    }

    /// A value too long for the index is there, of this key or another one.
    pub(super) fn long(self) -> Value {
        json!({ "prefix": { self.field: { "value": char::from(token::HASH).to_string() } } })
    }

    /// A token matches the expression as a whole.
    pub(super) fn regexp(self, expression: &str) -> Value {
        json!({ "regexp": { self.field: { "value": expression, "flags": "NONE" } } })
    }

    /// Texts by their characters, numbers by their sizes, anything by its text.
    fn untyped(self, operator: Operator, text: &str) -> Bounds {
        let number = Number::read(text);
        let equal = || self.terms(tokens_of(self.key, text));
        // Beside what is no number at all, numbers are found by their texts alone: `Infinity` is one, and has a size.
        let peculiar = match number {
            Some(number) => !number.is_exact(),
            None => text.parse::<f64>().is_ok_and(f64::is_infinite),
        };
        if operator == Operator::Eq {
            let by_size = number.filter(|_| !peculiar).map(|number| self.terms(number.tokens(self.key)));
            let least = any([equal()].into_iter().chain(by_size));
            return if peculiar {
                Bounds::certain_or(least, self.any_number())
            } else {
                Bounds::exact(least)
            };
        }
        let texts = self.texts(&TEXTS, operator, text);
        let numbers = match number {
            _ if peculiar => Bounds::possible(self.any_number()),
            Some(number) => {
                let range = self.numbers(operator, number);
                Bounds::any([range, Bounds::exact(self.infinity(operator))])
            }
            None => Bounds::never(),
        };
        let or_equal = matches!(operator, Operator::Gte | Operator::Lte).then(|| Bounds::exact(equal()));
        Bounds::any([texts, numbers].into_iter().chain(or_equal))
    }

    /// Finite numbers by their sizes.
    fn numbers(self, operator: Operator, number: Number) -> Bounds {
        let order = number.order(self.key);
        let sign = format!("{}{}", key_of(self.key), char::from(token::NUMBER));
        // The letters of negative numbers begin here, and those of the others end there.
        let (first, behind) = (format!("{sign}A"), format!("{sign}{{"));
        let range = self.range(&match operator {
            Operator::Gt => json!({ "gt": order.last, "lt": behind }),
            Operator::Gte => json!({ "gte": order.first, "lt": behind }),
            Operator::Lt => json!({ "gte": first, "lt": order.first }),
            Operator::Lte | Operator::Eq | Operator::Ne => json!({ "gte": first, "lte": order.last }),
        });
        Bounds::certain_or(range, self.long())
    }

    /// The infinite double that is greater, or less, than any number.
    fn infinity(self, operator: Operator) -> Value {
        let name: &[u8] = match operator {
            Operator::Gt | Operator::Gte => b"Infinity",
            _ => b"-Infinity",
        };
        self.terms([token_of(self.key, token::NOT_FINITE, name)])
    }

    /// There is a number, be it none or infinite.
    fn any_number(self) -> Value {
        any([self.with_sign(token::NUMBER), self.with_sign(token::NOT_FINITE), self.long()])
    }

    /// The expression for ordered tokens of numbers with these digits.
    fn number_pattern(self, digits: &str) -> String {
        pattern_of(self.key, r"\#[A-Za-z]", digits)
    }

    fn range(self, range: &Value) -> Value {
        json!({ "range": { self.field: range } })
    }
}
