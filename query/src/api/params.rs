//! The query string: `+` and percent signs decoded, names may repeat, an empty value is none.
//! Messages: `jaegertracing/jaeger cmd/query/app/query_parser.go` (`unable to parse param '<name>': <cause>`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use spoor_model::{UnixNanos, parse_go_duration};

use super::status::Failure;

/// The parameters of one question, in their order.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a raw query string. A percent sign without two hex digits behind it stands for itself; what is not UTF-8 is replaced.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// The first value of a parameter, unless it is empty.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A number.
    pub(super) fn number<N>(&self, name: &str) -> Result<Option<N>, Failure>
    where
        N: FromStr,
        N::Err: fmt::Display,
    {
        self.first(name)
            .map(|text| text.parse().map_err(|cause: N::Err| unreadable(name, format!("{text:?}: {cause}"))))
            .transpose()
    }

    /// A moment in µs since 1970; before that is the same as 1970. Zero is a moment, not "none".
    pub(super) fn micros(&self, name: &str) -> Result<Option<u64>, Failure> {
        Ok(self.number::<i64>(name)?.map(|micros| u64::try_from(micros).unwrap_or(0)))
    }

    /// A moment in ms since 1970; before that is the same as 1970.
    pub(super) fn moment_millis(&self, name: &str) -> Result<Option<UnixNanos>, Failure> {
        Ok(self.number::<i64>(name)?.map(|millis| UnixNanos::from_millis(u64::try_from(millis).unwrap_or(0))))
    }

    /// A duration in whole ms.
    pub(super) fn millis(&self, name: &str) -> Result<Option<Duration>, Failure> {
        let Some(millis) = self.number::<i64>(name)? else { return Ok(None) };
        let millis = u64::try_from(millis).map_err(|_| unreadable(name, format!("{millis} is negative")))?;
        Ok(Some(Duration::from_millis(millis)))
    }

    /// A duration in Go's spelling; zero is none.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, Failure> {
        let Some(text) = self.first(name) else { return Ok(None) };
        let duration =
            parse_go_duration(text).map_err(|cause| unreadable(name, format!("{text:?}: {cause}")))?;
        Ok((!duration.is_zero()).then_some(duration))
    }

    /// A truth in one of Go's spellings; false when absent.
    pub(super) fn truth(&self, name: &str) -> Result<bool, Failure> {
        match self.first(name) {
            Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
            None | Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
            Some(text) => Err(unreadable(name, format!("{text:?} is neither true nor false"))),
        }
    }

    /// `prettyPrint` with anything but `false`.
    pub(super) fn pretty(&self) -> bool {
        self.first("prettyPrint").is_some_and(|value| value != "false")
    }
}

/// The message for a value that cannot be read.
pub(super) fn unreadable(name: &str, cause: impl fmt::Display) -> Failure {
    Failure::bad_request(format!("unable to parse param '{name}': {cause}"))
}

fn decode(text: &str) -> String {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The moment that the clock shows.
pub(super) fn now() -> UnixNanos {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixNanos::ZERO.saturating_add(since_1970)
}
