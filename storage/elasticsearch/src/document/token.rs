//! Hot path: tokens, the attributes of the compact layout. One text holds key, type and value, and is what is searched and what is
//! read back: `http.method=GET`. The sign behind the key tells the type; signs within a key have an escape before them.
//!
//! Numbers are written so that their order is that of their tokens: a letter for the number of digits before the point, then the
//! digits. A double has a point always, an integer never. So `http.status_code >= 500` is a range of tokens, without a field of
//! its own for each key. A negative number stands as it is, and a second token beside it is for ranges.
//!
//! Tokens longer than [`LIMIT`] are not indexed; a second token beside such a one, made of its hash, is found instead.
//! What searches ask for is in `asked`.

mod asked;

pub(crate) use asked::{Number, key_of, token_of, tokens_of};
use spoor_model::json::{write_escaped, write_finite_with_point, write_int};
use spoor_model::{SpanBatch, Value, ValueView, json, write_base64};
use xxhash_rust::xxh3::xxh3_128;

/// The longest token that is indexed, in bytes; the mapping has the same number as `ignore_above` (of characters, which are
/// fewer than bytes or as many).
pub(crate) const LIMIT: usize = 256;

/// Before a sign that belongs to a key.
pub(crate) const ESCAPE: u8 = b'~';
/// Text.
pub(crate) const TEXT: u8 = b'=';
/// An integer or a finite double.
pub(crate) const NUMBER: u8 = b'#';
/// `true` or `false`.
pub(crate) const TRUTH: u8 = b'?';
/// A list or a map as JSON; the token behind it has its exact form.
pub(crate) const NESTED: u8 = b'@';
/// Bytes in base64.
pub(crate) const BYTES: u8 = b'$';
/// Nothing.
pub(crate) const EMPTY: u8 = b'!';
/// A double that is no number; the token behind it has its exact form.
pub(crate) const NOT_FINITE: u8 = b'%';
/// A text that no search by tag finds: the name of an event that has an attribute `event` as well, or none at all.
pub(crate) const SILENT: u8 = b'^';
/// Only for searches: the hash of the long token before it. Behind an empty key.
pub(crate) const HASH: u8 = b'*';
/// Not for searches: the exact form of the value before it. Behind an empty key.
pub(crate) const EXACT: u8 = b'&';

/// Digits before the point beyond which a number's letter is followed by their count.
pub(crate) const MOST_LETTERS: usize = 20;

/// True for what needs an escape within a key.
#[inline]
pub(crate) fn is_sign(byte: u8) -> bool {
    matches!(
        byte,
        ESCAPE | TEXT | NUMBER | TRUTH | NESTED | BYTES | EMPTY | NOT_FINITE | SILENT | HASH | EXACT
    )
}

/// Writes tokens into JSON lists. Made once per batch.
#[derive(Debug, Default)]
pub(super) struct TokenWriter {
    value: Vec<u8>,
    token: Vec<u8>,
}

impl TokenWriter {
    /// Appends each attribute's tokens, each followed by a comma.
    #[inline]
    pub(super) fn attributes<'a>(
        &mut self,
        out: &mut Vec<u8>,
        batch: &'a SpanBatch,
        attributes: spoor_model::AttributesView<'a>,
    ) {
        for attribute in attributes.iter() {
            let row = attribute.row();
            let key = batch.bytes(row.key);
            match row.value {
                Value::Str(text) => self.write(out, key, TEXT, batch.bytes(text)),
                Value::Int(number) => self.int(out, key, number),
                Value::Bool(truth) => self.write(out, key, TRUTH, if truth { b"true" } else { b"false" }),
                _ => self.other(out, key, attribute.value()),
            }
        }
    }

    /// Appends one token and what a long one needs beside it.
    #[inline]
    pub(super) fn write(&mut self, out: &mut Vec<u8>, key: &[u8], sign: u8, value: &[u8]) {
        out.push(b'"');
        write_key(out, key);
        out.push(sign);
        write_escaped(out, value);
        out.extend_from_slice(b"\",");
        // A key is at most doubled by its escapes.
        if 2 * key.len() + value.len() >= LIMIT {
            self.hash(out, key, sign, value);
        }
    }

    #[cold]
    fn hash(&mut self, out: &mut Vec<u8>, key: &[u8], sign: u8, value: &[u8]) {
        self.token.clear();
        push_token(&mut self.token, key, sign, value);
        if self.token.len() > LIMIT {
            out.push(b'"');
            push_hash(out, &self.token);
            out.extend_from_slice(b"\",");
        }
    }

    #[inline]
    fn int(&mut self, out: &mut Vec<u8>, key: &[u8], number: i64) {
        self.value.clear();
        write_int(&mut self.value, number);
        self.number(out, key);
    }

    /// The number whose text is in `value`.
    fn number(&mut self, out: &mut Vec<u8>, key: &[u8]) {
        let text = std::mem::take(&mut self.value);
        out.push(b'"');
        write_key(out, key);
        out.push(NUMBER);
        let negative = text.first() == Some(&b'-');
        if negative {
            out.extend_from_slice(&text);
        } else {
            push_ordered(out, &text);
        }
        out.extend_from_slice(b"\",");
        if negative {
            out.push(b'"');
            write_key(out, key);
            out.push(NUMBER);
            push_ordered(out, &text);
            out.extend_from_slice(b"\",");
        }
        if 2 * key.len() + text.len() + 8 >= LIMIT {
            self.long_number(out, key, &text);
        }
        self.value = text;
    }

    #[cold]
    fn long_number(&mut self, out: &mut Vec<u8>, key: &[u8], text: &[u8]) {
        let mut value = Vec::new();
        push_number(&mut value, text);
        self.hash(out, key, NUMBER, &value);
    }

    #[cold]
    fn other(&mut self, out: &mut Vec<u8>, key: &[u8], value: ValueView<'_>) {
        let mut text = std::mem::take(&mut self.value);
        text.clear();
        match value {
            ValueView::Empty => self.write(out, key, EMPTY, b""),
            ValueView::Bytes(bytes) => {
                write_base64(&mut text, bytes);
                self.write(out, key, BYTES, &text);
            }
            ValueView::Double(number) if number.is_finite() => {
                push_positional(&mut text, number);
                self.value = text;
                self.number(out, key);
                return;
            }
            ValueView::Double(number) => {
                self.write(out, key, NOT_FINITE, json::non_finite_name(number).as_bytes());
                self.exact(out, b'd', &number.to_bits().to_be_bytes());
            }
            ValueView::List(list) => {
                value.write_json(&mut text);
                self.write(out, key, NESTED, &text);
                self.exact(out, b'l', list.encoded());
            }
            ValueView::Map(map) => {
                value.write_json(&mut text);
                self.write(out, key, NESTED, &text);
                self.exact(out, b'm', map.encoded());
            }
            ValueView::Str(_) | ValueView::Bool(_) | ValueView::Int(_) => {
                debug_assert!(false, "these are written before");
            }
        }
        self.value = text;
    }

    fn exact(&mut self, out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
        out.extend_from_slice(&[b'"', EXACT, kind]);
        write_base64(out, bytes);
        out.extend_from_slice(b"\",");
    }
}

/// Appends a key as part of a JSON string.
#[inline]
fn write_key(out: &mut Vec<u8>, key: &[u8]) {
    if key.iter().any(|&byte| is_sign(byte)) { write_escaped_key(out, key) } else { write_escaped(out, key) }
}

/// Signs need no escape of JSON's.
#[cold]
fn write_escaped_key(out: &mut Vec<u8>, mut key: &[u8]) {
    while let Some(at) = key.iter().position(|&byte| is_sign(byte)) {
        write_escaped(out, &key[..at]);
        out.extend_from_slice(&[ESCAPE, key[at]]);
        key = &key[at + 1..];
    }
    write_escaped(out, key);
}

fn push_key(out: &mut Vec<u8>, key: &[u8]) {
    for &byte in key {
        if is_sign(byte) {
            out.push(ESCAPE);
        }
        out.push(byte);
    }
}

/// The token as it is, not as JSON.
fn push_token(out: &mut Vec<u8>, key: &[u8], sign: u8, value: &[u8]) {
    push_key(out, key);
    out.push(sign);
    out.extend_from_slice(value);
}

fn push_hash(out: &mut Vec<u8>, token: &[u8]) {
    use std::io::Write;
    let _ = write!(out, "{}{:032x}", char::from(HASH), xxh3_128(token));
}

/// A double's shortest exact digits, never with an exponent, always with a point.
fn push_positional(out: &mut Vec<u8>, number: f64) {
    let start = out.len();
    write_finite_with_point(out, number);
    if out[start..].contains(&b'e') {
        out.truncate(start);
        use std::io::Write;
        let _ = write!(out, "{number}");
        if !out[start..].contains(&b'.') {
            out.extend_from_slice(b".0");
        }
    }
}

/// A number as it stands behind its key and sign.
fn push_number(out: &mut Vec<u8>, text: &[u8]) {
    if text.first() == Some(&b'-') { out.extend_from_slice(text) } else { push_ordered(out, text) }
}

/// A number, given as text, so that the order of texts is the order of numbers. Of negative numbers all is turned round.
fn push_ordered(out: &mut Vec<u8>, text: &[u8]) {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    let count = digits.iter().position(|&byte| byte == b'.').unwrap_or(digits.len());
    let letter = u8::try_from(count.min(MOST_LETTERS + 1)).unwrap_or(u8::MAX);
    out.push(if negative { b'Z' - letter } else { b'a' + letter });
    let turned = |digit: u8| if negative && digit.is_ascii_digit() { b'9' - (digit - b'0') } else { digit };
    if count > MOST_LETTERS {
        let mut buffer = three_digits(count);
        buffer.iter_mut().for_each(|digit| *digit = turned(*digit));
        out.extend_from_slice(&buffer);
    }
    out.extend(digits.iter().copied().map(turned));
    if negative {
        // Above the point and all digits: what has more digits is smaller.
        out.push(b':');
    }
}

/// Three digits; a double has at most 309 before its point.
fn three_digits(count: usize) -> [u8; 3] {
    let digit = |place: usize| b"0123456789"[count / place % 10];
    [digit(100), digit(10), digit(1)]
}

#[cfg(test)]
mod tests;
