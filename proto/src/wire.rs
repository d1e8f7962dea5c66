//! Protobuf's wire form, read and written by hand: the ground under the OTLP and Jaeger walks.
//! [`Reader`] lends slices with their absolute offsets, so that a model text is a range of the received bytes.
//! Hot path: no allocation, one bounds check per value; what is rare (long varints, groups, errors) is out of line.

mod reader;
mod writer;

pub use reader::{Reader, Slice};
pub use writer::Writer;
pub(crate) use writer::varint_width;

/// The longest message the readers take: offsets are kept as `u32` in the model.
pub const MAX_MESSAGE_BYTES: usize = u32::MAX as usize;

/// How deep groups may nest while unknown fields are skipped (prost's own limit).
pub const MAX_GROUP_DEPTH: usize = 100;

/// A field's tag as it stands on the wire: field number × 8 + wire type. Made as a constant, to be matched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u32);

impl Tag {
    const VARINT: u32 = 0;
    const FIXED64: u32 = 1;
    const LENGTH: u32 = 2;
    const GROUP_START: u32 = 3;
    const GROUP_END: u32 = 4;
    const FIXED32: u32 = 5;

    /// The tag of an integer, bool or enum field.
    #[must_use]
    pub const fn varint(number: u32) -> Self {
        Self(number << 3 | Self::VARINT)
    }

    /// The tag of a `double`, `fixed64` or `sfixed64` field.
    #[must_use]
    pub const fn fixed64(number: u32) -> Self {
        Self(number << 3 | Self::FIXED64)
    }

    /// The tag of a string, bytes or message field.
    #[must_use]
    pub const fn length(number: u32) -> Self {
        Self(number << 3 | Self::LENGTH)
    }

    /// The tag of a `float`, `fixed32` or `sfixed32` field.
    #[must_use]
    pub const fn fixed32(number: u32) -> Self {
        Self(number << 3 | Self::FIXED32)
    }

    /// The field's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 >> 3
    }

    /// The tag's one byte on the wire, to match on; for field numbers up to 15.
    #[must_use]
    pub const fn byte(self) -> u8 {
        assert!(self.0 < 0x80, "the tag has more than one byte");
        self.0.to_le_bytes()[0]
    }

    const fn wire_type(self) -> u32 {
        self.0 & 7
    }
}

#[cfg(test)]
mod tests;
