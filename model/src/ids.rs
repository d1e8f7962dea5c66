//! Trace and span identifiers.
//! They come as bytes (OTLP, api_v2), as hex text (HTTP paths, documents) and leave the same way; inside they are numbers.

use std::fmt;
use std::str::FromStr;

/// A 128-bit trace id. Zero means "none" and never names a trace.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

/// A 64-bit span id. Zero means "none": a root's parent.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

/// Text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// Nothing there.
    #[error("the id is empty")]
    Empty,
    /// More digits than the id has.
    #[error("the id has {len} hex digits, at most {max} are allowed")]
    TooLong {
        /// Digits found.
        len: usize,
        /// Digits allowed.
        max: usize,
    },
    /// Something else than a hex digit.
    #[error("the id has a character that is not a hex digit at position {at}")]
    NotHex {
        /// Position of the first such byte, from 0.
        at: usize,
    },
}

impl TraceId {
    /// No trace.
    pub const NONE: Self = Self(0);

    /// Reads big-endian bytes: 16, or 8 (then the high half is zero), as api_v2 sends them. `None` for any other length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(all) = <[u8; 16]>::try_from(bytes) {
            return Some(Self(u128::from_be_bytes(all)));
        }
        <[u8; 8]>::try_from(bytes).ok().map(|low| Self(u128::from(u64::from_be_bytes(low))))
    }

    /// Big-endian bytes, as OTLP and api_v2 carry them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// True for the id that names nothing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The high 64 bits; zero for ids of 64-bit clients.
    #[must_use]
    pub fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Always 32 lower-case hex digits, as documents and API v3 spell it.
    #[must_use]
    pub fn to_hex(self) -> [u8; 32] {
        let mut out = [0; 32];
        write_hex(&self.0.to_be_bytes(), &mut out);
        out
    }

    /// Jaeger's text form: 16 digits when the high half is zero, else 32 (API v1, Kafka keys).
    #[must_use]
    pub fn to_jaeger_text(self) -> String {
        if self.high() == 0 { format!("{:016x}", self.0) } else { format!("{:032x}", self.0) }
    }
}

impl SpanId {
    /// No span: what a root has as its parent.
    pub const NONE: Self = Self(0);

    /// Reads 8 big-endian bytes. `None` for any other length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        <[u8; 8]>::try_from(bytes).ok().map(|all| Self(u64::from_be_bytes(all)))
    }

    /// Big-endian bytes, as OTLP and api_v2 carry them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// True for the id that names nothing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Always 16 lower-case hex digits.
    #[must_use]
    pub fn to_hex(self) -> [u8; 16] {
        let mut out = [0; 16];
        write_hex(&self.0.to_be_bytes(), &mut out);
        out
    }
}

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn parse_hex(text: &str, max: usize) -> Result<u128, ParseIdError> {
    if text.is_empty() {
        return Err(ParseIdError::Empty);
    }
    if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(ParseIdError::NotHex { at });
    }
    if text.len() > max {
        return Err(ParseIdError::TooLong { len: text.len(), max });
    }
    u128::from_str_radix(text, 16).map_err(|_| ParseIdError::NotHex { at: 0 })
}

impl FromStr for TraceId {
    type Err = ParseIdError;

    /// Reads 1 to 32 hex digits of either case; missing leading zeros are fine (documents of Jaeger before 1.16 lack them).
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text, 32).map(Self)
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;

    /// Reads 1 to 16 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text, 16).map(|id| Self(u64::try_from(id).expect("16 hex digits fit in 64 bits")))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_that_clients_and_old_documents_use() {
        let id: TraceId = "ABC".parse().unwrap();
        assert_eq!(id, TraceId(0xabc));
        assert_eq!(id.to_string(), "00000000000000000000000000000abc");
        assert_eq!(id.to_jaeger_text(), "0000000000000abc");
        assert_eq!(TraceId::from_bytes(&[0, 0, 0, 0, 0, 0, 0x0a, 0xbc]), Some(id));
        assert_eq!(TraceId::from_bytes(&id.to_bytes()), Some(id));
        assert_eq!(&id.to_hex(), id.to_string().as_bytes());
        assert_eq!(&SpanId(7).to_hex(), b"0000000000000007");
    }

    #[test]
    fn says_what_is_wrong_with_a_bad_id() {
        assert_eq!("".parse::<TraceId>(), Err(ParseIdError::Empty));
        assert_eq!("12x4".parse::<SpanId>(), Err(ParseIdError::NotHex { at: 2 }));
        assert_eq!("00000000000000000".parse::<SpanId>(), Err(ParseIdError::TooLong { len: 17, max: 16 }));
        assert_eq!("+1".parse::<TraceId>(), Err(ParseIdError::NotHex { at: 0 }));
        assert_eq!(TraceId::from_bytes(&[1; 9]), None);
    }
}
