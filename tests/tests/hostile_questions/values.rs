//! Values for questions: good ones, so that a question comes far, and such as nobody means.

use fastrand::Rng;
use spoor_model::TraceId;

/// What is there to be asked for.
pub(crate) struct Known {
    pub(crate) trace: TraceId,
    pub(crate) service: String,
    pub(crate) operation: String,
    /// A page token, of another search than those that are asked.
    pub(crate) token: String,
}

/// Edges of 64-bit numbers, of moments in seconds, ms, µs and ns, and what is in between.
pub(crate) const NUMBERS: [i64; 18] = [
    i64::MIN,
    -62_135_596_800,
    i32::MIN as i64,
    -1,
    0,
    1,
    7,
    1_000,
    1_500,
    i32::MAX as i64,
    4_294_967_296,
    9_223_372_036,
    253_402_300_800,
    1_700_000_000_000,
    1_700_000_000_000_000,
    18_446_744_073_709,
    i64::MAX - 1,
    i64::MAX,
];

/// Edges of the part of a moment below a second.
pub(crate) const NANOS: [i32; 7] = [0, 0, 1, 999_999_999, 1_000_000_000, -1, i32::MIN];

const TEXTS: [&str; 30] = [
    "",
    " ",
    "\0",
    "é",
    "\u{202e}\u{fffd}\u{10ffff}",
    "-",
    "*",
    ".*",
    "(((",
    "[a-",
    "\\",
    "a\\",
    "\"",
    "~",
    "a{1,99999999}",
    "(a|b)*&~#@<1-2>",
    "{\"a\":1}",
    "{\"a\":\"b\"}",
    "[[[[[[[[",
    "null",
    "true",
    "NaN",
    "1e400",
    "-0",
    "99999999999999999999999999",
    "1h2m",
    "2020-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+23:59",
    "../../etc/passwd",
    "%00%ff%",
];

/// A name, or what is none.
pub(crate) fn text(random: &mut Rng, known: &Known) -> String {
    match random.u8(..10) {
        0..=3 => known.service.clone(),
        4 => known.operation.clone(),
        5 => random.choice(["x", "\\", "é", "[", "("]).unwrap_or_default().repeat(random.usize(1..20_000)),
        6 => (0..random.usize(..40)).map(|_| random.char(..)).collect(),
        _ => random.choice(TEXTS).unwrap_or_default().to_owned(),
    }
}

/// A trace's id in hex, or what is none.
pub(crate) fn hex_id(random: &mut Rng, known: &Known) -> String {
    let length = random.usize(..41);
    match random.u8(..8) {
        0..=2 => known.trace.to_string(),
        3 => String::new(),
        4 => "0".repeat(random.usize(1..40)),
        5 => format!("{:x}", random.u128(..)),
        6 => {
            let digits = *b"0123456789abcdefABCDEFg-+/=";
            let digit = |_| char::from(random.choice(digits).unwrap_or_default());
            (0..length).map(digit).collect()
        }
        _ => text(random, known),
    }
}

/// A number as text, or what is none.
pub(crate) fn number(random: &mut Rng) -> String {
    match random.u8(..6) {
        0..=3 => random.choice(NUMBERS).unwrap_or_default().to_string(),
        4 => random.choice(["", "1.5", "1e3", "0x10", "+1", "１", "NaN"]).unwrap_or_default().to_owned(),
        _ => random.i64(..).to_string(),
    }
}

/// A structured filter in JSON, be it a good one or not.
pub(crate) fn filter_json(random: &mut Rng, known: &Known) -> String {
    if random.u8(..8) == 0 {
        let depth = random.usize(1..300);
        return format!("{}{}", r#"{"op":"not","args":[{"call":"#.repeat(depth), "}]}".repeat(depth));
    }
    let op = random.choice(["and", "or", "not", "eq", "gt", "regex", "exists", "in", "some", ""]);
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let (key, value) = (quoted(text(random, known)), quoted(text(random, known)));
    let level = random.choice(["", "span", "resource", "nowhere"]).unwrap_or_default();
    let kind = random.choice(["", "int", "bool", "double", "string", "nothing"]).unwrap_or_default();
    let first = match random.u8(..4) {
        0 => format!(r#"{{"attr":{{"key":{key},"level":"{level}"}}}}"#),
        1 => format!(r#"{{"field":{{"name":"duration","level":"{level}"}}}}"#),
        2 => format!(r#"{{"field":{{"name":{key}}}}}"#),
        _ => format!(r#"{{"call":{{"op":"exists","args":[{{"attr":{{"key":{key}}}}}]}}}}"#),
    };
    let second = match random.u8(..3) {
        0 => format!(r#",{{"list":{{"values":[{value},{value}],"type":"{kind}"}}}}"#),
        1 => format!(r#",{{"scalar":{{"value":{value},"type":"{kind}"}}}}"#),
        _ => String::new(),
    };
    format!(r#"{{"op":"{}","args":[{first}{second}]}}"#, op.unwrap_or_default())
}
