//! Durations as Go programs take them on the command line: `300ms`, `1.5h`, `2h45m`, `0`.
//! Jaeger's flags, environment variables and files are written in this form.

use std::time::Duration;

/// Text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration: {problem}; write a number with a unit, such as 300ms, 5s or 1h30m")]
pub struct ParseDurationError {
    text: String,
    problem: &'static str,
}

/// Reads a duration that is not negative; units are ns, us, µs, ms, s, m and h, and `0` needs none.
///
/// # Errors
/// [`ParseDurationError`] says what is wrong with the text.
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let error = |problem| ParseDurationError { text: text.to_owned(), problem };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.starts_with('-') {
        return Err(error("it is negative"));
    }
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(error("it is empty"));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| error("the unit is missing"))?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let number: f64 = number.parse().map_err(|_| error("a number is not readable"))?;
        let seconds = number * unit_seconds(unit).ok_or_else(|| error("the unit is not known"))?;
        let part = Duration::try_from_secs_f64(seconds).map_err(|_| error("it is too long"))?;
        total = total.checked_add(part).ok_or_else(|| error("it is too long"))?;
        rest = tail;
    }
    Ok(total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_programs_take() {
        for (text, millis) in
            [("0", 0), ("0s", 0), ("300ms", 300), ("1.5s", 1500), ("2h45m", 9_900_000), ("1h0.5s", 3_600_500)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("7us"), Ok(Duration::from_micros(7)));
        assert_eq!(parse("7µs"), Ok(Duration::from_micros(7)));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, problem) in [
            ("", "empty"),
            ("5", "unit is missing"),
            ("-1s", "negative"),
            ("5d", "not known"),
            ("s", "not readable"),
            ("1.2.3s", "not readable"),
            ("99999999999999999999999h", "too long"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
