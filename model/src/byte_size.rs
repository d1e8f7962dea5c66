//! A number of bytes as people write it: `512MiB`.

use std::fmt;
use std::str::FromStr;

/// A size in bytes. Reads `1048576`, `64k`, `512MiB`, `1.5 GB`; letters of either case, with or without `B`.
/// `KiB`, `MiB`, `GiB`, `TiB` and bare `k`, `M`, `G`, `T` are powers of 1024; `KB`, `MB`, `GB`, `TB` of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size in bytes; write a number and a unit, as in 512MiB")]
pub struct ParseByteSizeError(String);

const UNITS: &[(&str, u64)] = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl ByteSize {
    /// Reads a bound on the memory for spans, which makes no sense below 1 MiB.
    ///
    /// # Errors
    /// A sentence for the user: no size, or too small a one.
    pub fn parse_at_least_one_mebibyte(text: &str) -> Result<Self, String> {
        let size: Self = text.parse().map_err(|error: ParseByteSizeError| error.to_string())?;
        if size < Self(1 << 20) {
            return Err(format!("{size} is too little for spans; give 1MiB or more"));
        }
        Ok(size)
    }
}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, ParseByteSizeError> {
        let wrong = || ParseByteSizeError(text.to_owned());
        let trimmed = text.trim();
        let unit_at = trimmed.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(unit_at);
        let factor = factor(unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.trim().split_once('.').unwrap_or_else(|| (number.trim(), "0"));
        if fraction.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let millionths: u64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
        let part = u128::from(factor) * u128::from(millionths) / 1_000_000;
        let all = u128::from(whole) * u128::from(factor) + part;
        u64::try_from(all).map(Self).map_err(|_| wrong())
    }
}

fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let power = |letter: char| match letter {
        'k' => Some(1),
        'm' => Some(2),
        'g' => Some(3),
        't' => Some(4),
        _ => None,
    };
    let mut letters = unit.chars();
    let Some(first) = letters.next() else { return Some(1) };
    match letters.as_str() {
        "" if first == 'b' => Some(1),
        "" | "ib" => Some(1024_u64.pow(power(first)?)),
        "b" => Some(1000_u64.pow(power(first)?)),
        _ => None,
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let read = |text: &str| text.parse::<ByteSize>().map(|size| size.0).ok();
        assert_eq!(read("1048576"), Some(1 << 20));
        assert_eq!(read("512MiB"), Some(512 << 20));
        assert_eq!(read(" 2 gib "), Some(2 << 30));
        assert_eq!(read("64k"), Some(64 << 10));
        assert_eq!(read("1.5MB"), Some(1_500_000));
        assert_eq!(read("7B"), Some(7));
        assert_eq!(read("0"), Some(0));
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in
            ["", "MiB", "-1", "+1", "1.MiB", "1e3", "12 apples", "1.2.3k", "99999999999TiB", "1 Mi B", "k1"]
        {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn prints_what_reads_back() {
        for (size, text) in [(512 << 20, "512MiB"), (1 << 30, "1GiB"), (1_500, "1500"), (0, "0")] {
            assert_eq!(ByteSize(size).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteSize(size)));
        }
    }
}
