//! From tokens back to attributes.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use spoor_model::nested::{ListView, MAX_DEPTH, MapView};
use spoor_model::{Rows, SpanBatchBuilder, Value, ValueView};

use super::super::document::JsonText;
use crate::document::token;

/// A token taken apart.
pub(super) struct Token<'t> {
    pub(super) key: Cow<'t, str>,
    sign: u8,
    pub(super) value: &'t str,
}

impl<'t> Token<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let mut at = bytes.iter().position(|&byte| token::is_sign(byte));
        let mut escaped = false;
        while let Some(position) = at.filter(|&position| bytes[position] == token::ESCAPE) {
            escaped = true;
            let behind = bytes.get(position + 2..).unwrap_or_default();
            at = behind.iter().position(|&byte| token::is_sign(byte)).map(|next| position + 2 + next);
        }
        let at = at.ok_or_else(|| format!("the token {text:?} has no sign"))?;
        let key = &text[..at];
        let key = if escaped { Cow::Owned(unescaped(key)) } else { Cow::Borrowed(key) };
        Ok(Self { key, sign: bytes[at], value: &text[at + 1..] })
    }
}

fn unescaped(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut characters = key.chars();
    while let Some(character) = characters.next() {
        let character =
            if character == char::from(token::ESCAPE) { characters.next() } else { Some(character) };
        out.extend(character);
    }
    out
}

/// The attributes that these tokens are of.
pub(super) fn attributes(builder: &mut SpanBatchBuilder, tokens: &[JsonText<'_>]) -> Result<Rows, String> {
    let mark = builder.attributes_mark();
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        let read = Token::read(&token.0)?;
        let value = match read.sign {
            token::TEXT => Value::Str(builder.text(read.value)),
            token::TRUTH => Value::Bool(read.value == "true"),
            token::EMPTY => Value::Empty,
            token::NUMBER => match number(read.value) {
                Ok(Some(number)) => number,
                Ok(None) => continue,
                Err(()) => return Err(format!("the number {:?}", token.0)),
            },
            token::BYTES => {
                let bytes = STANDARD.decode(read.value).map_err(|error| format!("bytes: {error}"))?;
                Value::Bytes(builder.bytes(&bytes))
            }
            token::NESTED | token::NOT_FINITE => {
                // Its hash may stand between.
                let exact = loop {
                    let next = tokens.next().ok_or("a value without its exact form")?;
                    if let Some(exact) = next.0.strip_prefix(char::from(token::EXACT)) {
                        break exact;
                    }
                };
                exact_value(builder, exact)?
            }
            // What stands beside others only for searches.
            token::HASH => continue,
            sign => return Err(format!("the sign {:?}", char::from(sign))),
        };
        let key = builder.text(&read.key);
        builder.push_attribute(key, value);
    }
    Ok(builder.attributes_since(mark))
}

/// The number of a token; nothing for the token that stands beside a negative one.
fn number(text: &str) -> Result<Option<Value>, ()> {
    let digits = match text.as_bytes() {
        [b'-', ..] => text,
        [b'A'..=b'Z', ..] => return Ok(None),
        [letter @ b'a'..=b'z', ..] => {
            let many = usize::from(letter - b'a') > token::MOST_LETTERS;
            text.get(if many { 4 } else { 1 }..).ok_or(())?
        }
        _ => return Err(()),
    };
    let number = if digits.contains('.') {
        digits.parse().map(Value::Double).map_err(drop)
    } else {
        digits.parse().map(Value::Int).map_err(drop)
    };
    number.map(Some)
}

fn exact_value(builder: &mut SpanBatchBuilder, text: &str) -> Result<Value, String> {
    let broken = || "the exact form of a value is broken".to_owned();
    let (kind, digits) = text.split_at_checked(1).ok_or_else(broken)?;
    let bytes = STANDARD.decode(digits).map_err(|error| format!("the exact form of a value: {error}"))?;
    match kind {
        "d" => {
            let bits = <[u8; 8]>::try_from(bytes.as_slice()).map_err(|_| broken())?;
            Ok(Value::Double(f64::from_bits(u64::from_be_bytes(bits))))
        }
        "l" if is_shallow(ValueView::List(ListView::new(&bytes)), MAX_DEPTH) => {
            Ok(Value::List(builder.bytes(&bytes)))
        }
        "m" if is_shallow(ValueView::Map(MapView::new(&bytes)), MAX_DEPTH) => {
            Ok(Value::Map(builder.bytes(&bytes)))
        }
        _ => Err(broken()),
    }
}

/// Whoever reads nested values goes as deep as they do.
fn is_shallow(value: ValueView<'_>, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (ValueView::List(_) | ValueView::Map(_), None) => false,
        (ValueView::List(list), Some(left)) => list.iter().all(|item| is_shallow(item, left)),
        (ValueView::Map(map), Some(left)) => map.iter().all(|(_, item)| is_shallow(item, left)),
        _ => true,
    }
}
