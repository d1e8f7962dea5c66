//! Bytes and texts of strangers on a terminal.

use std::fmt::{self, Write as _};

/// The text with everything escaped that a terminal would obey or that would change the order of what is seen.
pub(super) struct Printable<'a>(pub(super) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            if is_harmless(char) {
                f.write_char(char)?;
            } else {
                write!(f, "{}", char.escape_default())?;
            }
        }
        Ok(())
    }
}

/// Bytes as quoted text if they are one, else in hexadecimal.
pub(super) struct PrintableBytes<'a>(pub(super) &'a [u8]);

impl fmt::Display for PrintableBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return write!(f, "\"{}\"", Printable(text));
        }
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// At most so many characters of a text, printable, with `…` for what is left out.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", Printable(text.get(..end).unwrap_or_default())),
        None => Printable(text).to_string(),
    }
}

/// Bytes as `hexdump -C` shows them.
pub(super) fn hex_dump(out: &mut dyn std::io::Write, bytes: &[u8]) -> std::io::Result<()> {
    const ROW: usize = 16;
    for (row, chunk) in bytes.chunks(ROW).enumerate() {
        write!(out, "{:08x} ", row * ROW)?;
        for column in 0..ROW {
            let gap = if column == ROW / 2 { " " } else { "" };
            match chunk.get(column) {
                Some(byte) => write!(out, "{gap} {byte:02x}")?,
                None => write!(out, "{gap}   ")?,
            }
        }
        let visible = |byte: &u8| if matches!(byte, 0x20..0x7f) { char::from(*byte) } else { '.' };
        writeln!(out, "  |{}|", chunk.iter().map(visible).collect::<String>())?;
    }
    Ok(())
}

fn is_harmless(char: char) -> bool {
    const ORDER: [std::ops::RangeInclusive<char>; 4] =
        ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{fff9}'..='\u{fffb}'];
    !char.is_control()
        && !matches!(char, '\u{061c}' | '\u{feff}')
        && !ORDER.iter().any(|range| range.contains(&char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = "a\u{1b}[31m\u{9b}2J\r\n\u{202e}ж\u{7f}";
        assert_eq!(Printable(text).to_string(), "a\\u{1b}[31m\\u{9b}2J\\r\\n\\u{202e}ж\\u{7f}");
        assert_eq!(PrintableBytes(b"k\x1b").to_string(), "\"k\\u{1b}\"");
        assert_eq!(PrintableBytes(b"\xff\x1b").to_string(), "0xff1b");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("жжж", 2), "жж…");
        assert_eq!(shortened("жжж", 3), "жжж");
    }

    #[test]
    fn a_dump_is_in_rows_of_sixteen() {
        let mut out = Vec::new();
        hex_dump(&mut out, b"0123456789abcdef\x00g").unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<_> = text.lines().collect();
        assert_eq!(
            rows,
            [
                "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
                "00000010  00 67                                             |.g|",
            ]
        );
    }
}
