//! What searches ask for: the tokens of a text or a number, and where numbers of one size stand in the order of tokens.

use spoor_model::json::{write_finite, write_finite_with_point, write_int};

use super::{
    BYTES, EMPTY, LIMIT, NESTED, NOT_FINITE, NUMBER, TEXT, TRUTH, push_hash, push_key, push_number,
    push_ordered, push_positional, push_token,
};

/// From here on doubles no longer tell integers apart.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A number of a question, not a NaN and not infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// Where the tokens of numbers of one size stand among those of their key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// The first token of this size.
    pub(crate) first: String,
    /// The last one.
    pub(crate) last: String,
}

/// The key as tokens begin with it.
pub(crate) fn key_of(key: &str) -> String {
    let mut out = Vec::with_capacity(key.len());
    push_key(&mut out, key.as_bytes());
    text(out)
}

/// The token that is indexed for this value: of a long one its hash.
pub(crate) fn token_of(key: &str, sign: u8, value: &[u8]) -> String {
    let mut token = Vec::new();
    push_token(&mut token, key.as_bytes(), sign, value);
    if token.len() > LIMIT {
        let mut hash = Vec::new();
        push_hash(&mut hash, &token);
        token = hash;
    }
    text(token)
}

/// The tokens that hold this key and a value whose text is `text`, whatever its type.
pub(crate) fn tokens_of(key: &str, text: &str) -> Vec<String> {
    let mut all = Vec::with_capacity(5);
    let mut add = |sign: u8, value: &[u8]| all.push(token_of(key, sign, value));
    for sign in [TEXT, NESTED, BYTES] {
        add(sign, text.as_bytes());
    }
    match text {
        "" => add(EMPTY, b""),
        "true" | "false" => add(TRUTH, text.as_bytes()),
        "NaN" | "Infinity" | "-Infinity" => add(NOT_FINITE, text.as_bytes()),
        _ => {
            for digits in numbers_of(text) {
                all.push(number_token(key, &digits));
            }
        }
    }
    all
}

impl Number {
    /// The number that an untyped text is compared as: an integer where it is one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let double = || text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Double);
        text.parse().ok().map(Self::Int).or_else(double)
    }

    /// Whether every integer and every double stands to it, by their digits, as they do by their sizes.
    pub(crate) fn is_exact(self) -> bool {
        match self {
            Self::Int(number) => number.unsigned_abs() < 1 << 53,
            Self::Double(number) => number.abs() < LARGEST_EXACT,
        }
    }

    /// The token of this number with this type.
    pub(crate) fn token(self, key: &str) -> Vec<String> {
        let all = match self {
            Self::Double(0.0) => vec![b"0.0".to_vec(), b"-0.0".to_vec()],
            Self::Int(number) => vec![digits_of(number)],
            Self::Double(number) => vec![positional(number)],
        };
        all.iter().map(|digits| number_token(key, digits)).collect()
    }

    /// The tokens of all numbers of this size, of both types. Only of what is exact.
    pub(crate) fn tokens(self, key: &str) -> Vec<String> {
        self.alike().iter().map(|digits| number_token(key, digits)).collect()
    }

    /// Where numbers of this size stand. Only of what is exact, or where numbers of this type alone are looked at.
    pub(crate) fn order(self, key: &str) -> Order {
        let ordered = self.alike().into_iter().map(|digits| {
            let mut token = Vec::new();
            push_token(&mut token, key.as_bytes(), NUMBER, b"");
            push_ordered(&mut token, &digits);
            text(token)
        });
        let mut all: Vec<String> = ordered.collect();
        all.sort_unstable();
        Order { first: all[0].clone(), last: all[all.len() - 1].clone() }
    }

    /// The texts of all numbers of this size.
    fn alike(self) -> Vec<Vec<u8>> {
        #[expect(clippy::cast_precision_loss, reason = "exact where it is used for both types")]
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        match self {
            Self::Int(0) | Self::Double(0.0) => vec![b"0".to_vec(), b"0.0".to_vec(), b"-0.0".to_vec()],
            Self::Int(number) if self.is_exact() => vec![digits_of(number), positional(number as f64)],
            Self::Int(number) => vec![digits_of(number)],
            Self::Double(number) if number.fract() == 0.0 && self.is_exact() => {
                vec![digits_of(number as i64), positional(number)]
            }
            Self::Double(number) => vec![positional(number)],
        }
    }
}

fn number_token(key: &str, digits: &[u8]) -> String {
    let mut value = Vec::new();
    push_number(&mut value, digits);
    token_of(key, NUMBER, &value)
}

fn digits_of(number: i64) -> Vec<u8> {
    let mut digits = Vec::new();
    write_int(&mut digits, number);
    digits
}

fn positional(number: f64) -> Vec<u8> {
    let mut digits = Vec::new();
    push_positional(&mut digits, number);
    digits
}

fn text(token: Vec<u8>) -> String {
    String::from_utf8(token).expect("made of texts and ASCII")
}

/// The numbers that are written as this text, an integer and a double. A whole double may be asked for with its point too.
fn numbers_of(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let integer = text.parse::<i64>().ok().map(digits_of).filter(|digits| digits == text.as_bytes());
    let double = text.parse::<f64>().ok().filter(|number| number.is_finite()).and_then(|number| {
        let (mut short, mut with_point) = (Vec::new(), Vec::new());
        write_finite(&mut short, number);
        write_finite_with_point(&mut with_point, number);
        (short == text.as_bytes() || with_point == text.as_bytes()).then(|| positional(number))
    });
    integer.into_iter().chain(double)
}
