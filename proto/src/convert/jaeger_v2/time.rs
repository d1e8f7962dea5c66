//! Timestamps and durations of protobuf's well-known types: seconds and nanoseconds apart, both signed.
//! What the model cannot say (before 1970, beyond 2554, a negative duration) becomes the nearest it can, and is told.

use std::time::Duration;

use spoor_model::{ParseDurationError, UnixNanos, json, parse_go_duration};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fields::moment;
use crate::error::DecodeError;
use crate::wire::{Reader, Writer};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

pub(crate) const START_MOVED: &str =
    "the start time lies outside of what can be stored (1970 to 2554) and was moved to its edge";
pub(crate) const DURATION_NEGATIVE: &str = "the duration was negative and is taken as zero";
pub(crate) const DURATION_TOO_LONG: &str = "the span ends beyond what can be stored (2554) and was cut there";
pub(crate) const LOG_MOVED: &str =
    "the time of a log lies outside of what can be stored (1970 to 2554) and was moved to its edge";

/// A `Timestamp` or `Duration` as received; fields that are missing are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    seconds: i64,
    nanos: i32,
}

impl Moment {
    /// Reads the message into `self`, so that a field that comes twice is merged.
    #[inline]
    pub(super) fn merge(&mut self, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                moment::SECONDS => self.seconds = reader.int64()?,
                moment::NANOS => self.nanos = reader.int32()?,
                _ => reader.skip_unknown(tag, moment::LAST)?,
            }
        }
        Ok(())
    }

    /// In nanoseconds when that is between 0 and `u64::MAX`; else the nearer end.
    #[inline]
    pub(super) fn nanos(self) -> Result<u64, u64> {
        if let (Ok(seconds), Ok(nanos)) = (u64::try_from(self.seconds), u64::try_from(self.nanos))
            && let Some(total) =
                seconds.checked_mul(NANOS_PER_SECOND).and_then(|total| total.checked_add(nanos))
        {
            return Ok(total);
        }
        let total = i128::from(self.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos);
        u64::try_from(total).map_err(|_| if total < 0 { 0 } else { u64::MAX })
    }
}

/// Writes a moment, in nanoseconds, as field `number`; zero as an empty message.
pub(super) fn write(writer: &mut Writer<'_>, number: u32, nanos: u64) {
    writer.message(number, |writer| {
        let (seconds, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
        if seconds != 0 {
            writer.varint(moment::SECONDS.number(), seconds);
        }
        if rest != 0 {
            writer.varint(moment::NANOS.number(), rest);
        }
    });
}

/// Writes a length of time as field `number`. What is longer than Go can say (292 years) is cut there, since a reader in Go would
/// refuse the whole span (`gogo/protobuf types/duration.go`).
pub(super) fn write_duration(writer: &mut Writer<'_>, number: u32, nanos: u64) {
    write(writer, number, longest_of_go(nanos));
}

fn longest_of_go(nanos: u64) -> u64 {
    nanos.min(i64::MAX.unsigned_abs())
}

/// Appends a point in time as RFC 3339 in UTC between quotes, with 0, 3, 6 or 9 digits of a second's fraction.
pub(super) fn write_json_time(out: &mut Vec<u8>, time: UnixNanos) {
    let (seconds, rest) = (time.0 / NANOS_PER_SECOND, time.0 % NANOS_PER_SECOND);
    // Up to 2554, where the model's times end.
    let date =
        OffsetDateTime::from_unix_timestamp(seconds.cast_signed()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second) = date.to_hms();
    out.push(b'"');
    for (number, width, sign) in [
        (year.unsigned_abs(), 4, b'-'),
        (u32::from(u8::from(month)), 2, b'-'),
        (u32::from(day), 2, b'T'),
        (u32::from(hour), 2, b':'),
        (u32::from(minute), 2, b':'),
    ] {
        write_digits(out, u64::from(number), width);
        out.push(sign);
    }
    write_digits(out, u64::from(second), 2);
    write_fraction(out, rest);
    out.extend_from_slice(b"Z\"");
}

/// Appends a length of time as protobuf's JSON has it: seconds with 0, 3, 6 or 9 digits of a fraction. It is cut as in
/// [`write_duration`].
pub(super) fn write_json_duration(out: &mut Vec<u8>, nanos: u64) {
    let nanos = longest_of_go(nanos);
    out.push(b'"');
    json::write_int(out, nanos / NANOS_PER_SECOND);
    write_fraction(out, nanos % NANOS_PER_SECOND);
    out.extend_from_slice(b"s\"");
}

fn write_fraction(out: &mut Vec<u8>, nanos: u64) {
    let (mut rest, mut width) = (nanos, 9);
    while width > 0 && rest % 1000 == 0 {
        (rest, width) = (rest / 1000, width - 3);
    }
    if width > 0 {
        out.push(b'.');
        write_digits(out, rest, width);
    }
}

fn write_digits(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
}

/// A point in time, and whether it had to be moved to fit.
pub(super) fn point(moment: Moment) -> (UnixNanos, bool) {
    match moment.nanos() {
        Ok(nanos) => (UnixNanos(nanos), false),
        Err(nanos) => (UnixNanos(nanos), true),
    }
}

/// When a span began and ended; what had to be changed is told to `warn`.
pub(super) fn span_times(
    start: Moment,
    duration: Moment,
    warn: &mut dyn FnMut(&str),
) -> (UnixNanos, UnixNanos) {
    let (start, is_moved) = point(start);
    if is_moved {
        warn(START_MOVED);
    }
    let end = match duration.nanos() {
        Ok(nanos) => start.0.checked_add(nanos).map(UnixNanos),
        Err(0) => {
            warn(DURATION_NEGATIVE);
            Some(start)
        }
        Err(_) => None,
    };
    let end = end.unwrap_or_else(|| {
        warn(DURATION_TOO_LONG);
        UnixNanos::MAX
    });
    (start, end)
}

/// Reads RFC 3339 text.
pub(super) fn parse_json_time(text: &str) -> Option<Moment> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(Moment { seconds: time.unix_timestamp(), nanos: time.nanosecond().cast_signed() })
}

/// Reads a duration in any spelling of Go's, negative ones too.
pub(super) fn parse_json_duration(text: &str) -> Option<Moment> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let duration = match parse_go_duration(unsigned) {
        Ok(duration) => duration,
        // The nearest that can be said, which the caller warns of.
        Err(ParseDurationError::TooLong) => Duration::from_secs(i64::MAX.unsigned_abs()),
        Err(_) => return None,
    };
    let seconds = i64::try_from(duration.as_secs()).ok()?;
    Some(Moment {
        seconds: sign * seconds,
        nanos: i32::try_from(sign).ok()? * duration.subsec_nanos().cast_signed(),
    })
}
