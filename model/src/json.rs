//! Hot path: writing JSON straight into a byte buffer. No allocation besides the buffer's own growth.
//! Every JSON writer of the workspace (bulk documents, API answers, nested values) uses these few functions.

/// Appends a JSON string, quotes included. `utf8` must be valid UTF-8, which every text of a batch is.
/// Escapes what RFC 8259 demands and nothing else.
#[inline]
pub fn write_string(out: &mut Vec<u8>, utf8: &[u8]) {
    out.reserve(utf8.len() + 2);
    out.push(b'"');
    write_escaped(out, utf8);
    out.push(b'"');
}

/// Appends a string's content without its quotes, for callers that put a text together from pieces.
#[inline]
pub fn write_escaped(out: &mut Vec<u8>, utf8: &[u8]) {
    if is_plain(utf8) {
        out.extend_from_slice(utf8);
    } else {
        write_escaped_slowly(out, utf8);
    }
}

/// True when nothing needs an escape: nearly always. Blocks are tested without a branch within, which compiles to vector
/// instructions; the last block overlaps the one before it.
#[inline]
fn is_plain(utf8: &[u8]) -> bool {
    if let Some(last) = utf8.last_chunk::<16>() {
        return utf8.as_chunks::<16>().0.iter().all(is_plain_block) && is_plain_block(last);
    }
    match (utf8.first_chunk::<8>(), utf8.last_chunk::<8>()) {
        (Some(first), Some(last)) => is_plain_block(first) && is_plain_block(last),
        _ => !utf8.iter().any(|&byte| needs_escape(byte)),
    }
}

#[inline]
fn is_plain_block<const LEN: usize>(block: &[u8; LEN]) -> bool {
    !block.iter().fold(false, |found, &byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\'))
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    NEEDS_ESCAPE[usize::from(byte)]
}

#[cold]
fn write_escaped_slowly(out: &mut Vec<u8>, utf8: &[u8]) {
    let mut clean = 0;
    for (at, &byte) in utf8.iter().enumerate() {
        if needs_escape(byte) {
            out.extend_from_slice(&utf8[clean..at]);
            write_escape(out, byte);
            clean = at + 1;
        }
    }
    out.extend_from_slice(&utf8[clean..]);
}

const NEEDS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

#[cold]
fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

/// Appends a decimal integer.
#[inline]
pub fn write_int(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the shortest decimal that reads back as the same double, spelled as Jaeger spells it: `1` and not `1.0`, exponents from
/// 1e+21 up and below 1e-6 (`golang/go encoding/json encode.go`, `floatEncoder`). Searches compare this text.
/// `number` must be finite: JSON has no other.
#[inline]
pub fn write_finite(out: &mut Vec<u8>, number: f64) {
    debug_assert!(number.is_finite());
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(number).as_bytes();
    if text.contains(&b'e') || (number.abs() < 1e-6 && number != 0.0) {
        write_far_from_one(out, number);
    } else {
        out.extend_from_slice(text.strip_suffix(b".0").unwrap_or(text));
    }
}

/// As [`write_finite`], but a whole number keeps its `.0`: for places where no type stands beside it.
#[inline]
pub fn write_finite_with_point(out: &mut Vec<u8>, number: f64) {
    let start = out.len();
    write_finite(out, number);
    if !out[start..].iter().any(|byte| matches!(byte, b'.' | b'e')) {
        out.extend_from_slice(b".0");
    }
}

#[cold]
fn write_far_from_one(out: &mut Vec<u8>, number: f64) {
    use std::io::Write;
    // Writing to memory does not fail.
    let _ = if (1e-6..1e21).contains(&number.abs()) {
        write!(out, "{number}")
    } else {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').expect("this format has an exponent");
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        write!(out, "{digits}e{sign}{exponent}")
    };
}

/// Appends a double; what JSON cannot say becomes the strings `"NaN"`, `"Infinity"`, `"-Infinity"` (protobuf JSON's spelling).
#[inline]
pub fn write_double(out: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        write_finite(out, number);
    } else {
        write_string(out, non_finite_name(number).as_bytes());
    }
}

/// The protobuf-JSON spelling of a double that is not finite.
#[must_use]
pub fn non_finite_name(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_what_json_demands_and_leaves_the_rest() {
        assert_eq!(string("a\"b\\c\n\r\t\u{1}\u{7f}é<&>😀"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\u{7f}é<&>😀\"");
        assert_eq!(string(""), "\"\"");
    }

    #[test]
    fn finds_what_needs_an_escape_wherever_it_stands() {
        for len in 0..70 {
            for at in 0..len {
                let mut text = vec![b'x'; len];
                text[at] = b'"';
                let mut expected = text.clone();
                expected.insert(at, b'\\');
                let mut out = Vec::new();
                write_escaped(&mut out, &text);
                assert_eq!(out, expected, "at {at} of {len}");
            }
        }
    }

    /// Spellings taken from Go's `json.Marshal`.
    #[test]
    fn doubles_are_spelled_as_go_spells_them() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (72.5, "72.5"),
            (0.000_001, "0.000001"),
            (0.000_012_5, "0.0000125"),
            (1.5e-7, "1.5e-7"),
            (1e16, "10000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ] {
            let (mut out, mut with_point) = (Vec::new(), Vec::new());
            write_finite(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            write_finite_with_point(&mut with_point, number);
            let plain = expected.contains(['.', 'e']);
            let expected = if plain { expected.to_owned() } else { format!("{expected}.0") };
            assert_eq!(String::from_utf8(with_point).unwrap(), expected);
        }
    }

    #[test]
    fn writes_numbers_so_that_they_read_back_the_same() {
        for number in [0.0, -0.0, 1.5, 1e300, 5e-324, f64::MAX] {
            let mut out = Vec::new();
            write_double(&mut out, number);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{text}");
        }
        let mut out = Vec::new();
        write_double(&mut out, f64::NEG_INFINITY);
        write_int(&mut out, i64::MIN);
        assert_eq!(out, b"\"-Infinity\"-9223372036854775808");
    }
}
