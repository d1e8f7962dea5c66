//! Durations in Go's spelling (`72h0m0s`, `1.5s`, `200ms`), the one that Jaeger's flags and query parameters use.
//! Exact integer arithmetic, no floats; what a duration cannot be is refused with a message that shows a good one.

use std::time::Duration;

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// Nothing there.
    #[error("the duration is empty; write it like 72h, 1m30s or 200ms")]
    Empty,
    /// A duration before zero.
    #[error("the duration is negative; only zero and longer make sense here")]
    Negative,
    /// Something else than numbers with units.
    #[error("at position {at} a number was expected; write the duration like 72h, 1m30s or 200ms")]
    NoNumber {
        /// Position in the text, in bytes from 0.
        at: usize,
    },
    /// A number without one of the known units.
    #[error("the unit at position {at} is missing or unknown; known are ns, us, µs, ms, s, m, h")]
    Unit {
        /// Position in the text, in bytes from 0.
        at: usize,
    },
    /// Longer than Go can say, about 292 years.
    #[error("the duration is longer than 292 years")]
    TooLong,
}

/// Reads a duration as Go's `time.ParseDuration` does: decimal numbers, each with a unit (`ns`, `us`, `µs`, `ms`, `s`, `m`, `h`),
/// one after the other; `0` alone needs no unit. Fractions of a nanosecond are cut off.
///
/// # Errors
/// [`ParseDurationError`], also for negative durations, which Go knows and nobody here can use.
pub fn parse_go_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    match unsigned {
        "" => return Err(ParseDurationError::Empty),
        "0" | "-0" => return Ok(Duration::ZERO),
        _ if unsigned.starts_with('-') => return Err(ParseDurationError::Negative),
        _ => {}
    }
    let mut rest = unsigned;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let (part, tail) = parse_part(rest, text.len())?;
        nanos = nanos.checked_add(part).ok_or(ParseDurationError::TooLong)?;
        rest = tail;
    }
    if i64::try_from(nanos).is_err() {
        return Err(ParseDurationError::TooLong);
    }
    Ok(Duration::from_nanos(nanos))
}

/// One number with its unit from the front of `rest`, as nanoseconds, and what follows it.
fn parse_part(rest: &str, text_len: usize) -> Result<(u64, &str), ParseDurationError> {
    let at = text_len - rest.len();
    let (whole, tail) = split_digits(rest);
    let (fraction, tail) = tail.strip_prefix('.').map_or(("", tail), split_digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(ParseDurationError::NoNumber { at });
    }
    let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
    let (unit, tail_after) = tail.split_at(unit_end);
    let unit = unit_nanos(unit).ok_or(ParseDurationError::Unit { at: text_len - tail.len() })?;
    let whole = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| ParseDurationError::TooLong)? };
    let whole = u64::checked_mul(whole, unit).ok_or(ParseDurationError::TooLong)?;
    let nanos = whole.checked_add(fraction_nanos(fraction, unit)).ok_or(ParseDurationError::TooLong)?;
    Ok((nanos, tail_after))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The digits behind the point, in nanoseconds of that unit; digits beyond the 18th and parts of a nanosecond are cut off.
fn fraction_nanos(digits: &str, unit: u64) -> u64 {
    let digits = &digits[..digits.len().min(18)];
    let (numerator, denominator) = digits
        .bytes()
        .fold((0u128, 1u128), |(value, scale), digit| (value * 10 + u128::from(digit - b'0'), scale * 10));
    u64::try_from(numerator * u128::from(unit) / denominator).unwrap_or(u64::MAX)
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_go_writes_and_people_type() {
        for (text, nanos) in [
            ("0", 0),
            ("72h0m0s", 72 * 3_600_000_000_000),
            ("1m30s", 90_000_000_000),
            ("200ms", 200_000_000),
            ("1.1s", 1_100_000_000),
            (".5us", 500),
            ("1.µs", 1_000),
            ("3μs", 3_000),
            ("+7ns", 7),
            ("1.9ns", 1),
        ] {
            assert_eq!(parse_go_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_and_says_where() {
        for (text, error) in [
            ("", ParseDurationError::Empty),
            ("-5s", ParseDurationError::Negative),
            ("5", ParseDurationError::Unit { at: 1 }),
            ("1h5", ParseDurationError::Unit { at: 3 }),
            ("3 s", ParseDurationError::Unit { at: 1 }),
            ("1d", ParseDurationError::Unit { at: 1 }),
            ("s", ParseDurationError::NoNumber { at: 0 }),
            ("1s.h", ParseDurationError::NoNumber { at: 2 }),
            ("9999999999h", ParseDurationError::TooLong),
            ("99999999999999999999ns", ParseDurationError::TooLong),
        ] {
            assert_eq!(parse_go_duration(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse_go_duration(&text);
        }

        #[test]
        fn whole_numbers_of_every_unit_are_exact(count in 0u64..2_000_000) {
            prop_assert_eq!(parse_go_duration(&format!("{count}ms")), Ok(Duration::from_millis(count)));
            prop_assert_eq!(parse_go_duration(&format!("{count}h")), Ok(Duration::from_secs(count * 3600)));
        }
    }
}
