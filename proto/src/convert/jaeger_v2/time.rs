//! Timestamps and durations of protobuf's well-known types: seconds and nanoseconds apart, both signed.
//! What the model cannot say (before 1970, beyond 2554, a negative duration) becomes the nearest it can, and is told.

use spoor_model::UnixNanos;

use super::fields::moment;
use crate::error::DecodeError;
use crate::wire::{Reader, Writer};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

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

/// Writes a moment or a length of time, in nanoseconds, as field `number`; zero as an empty message.
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

/// A point in time, and whether it had to be moved to fit.
pub(super) fn point(moment: Moment) -> (UnixNanos, bool) {
    match moment.nanos() {
        Ok(nanos) => (UnixNanos(nanos), false),
        Err(nanos) => (UnixNanos(nanos), true),
    }
}
