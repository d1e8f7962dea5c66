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

/// Appends the shortest decimal that reads back as the same double. `number` must be finite: JSON has no other.
#[inline]
pub fn write_finite(out: &mut Vec<u8>, number: f64) {
    debug_assert!(number.is_finite());
    out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
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
