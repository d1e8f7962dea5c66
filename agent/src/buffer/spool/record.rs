//! A package as it lies in a segment: length (4 bytes), spans (4), format (1), checksum (8: XXH3 of all but itself), the framed request.
//! Numbers are little-endian.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3Default;

use crate::datagram::Format;
use crate::package::Package;

/// Bytes before the request.
pub(super) const HEAD: usize = 17;
/// No request is larger; a length above it is damage.
const MOST_BYTES: u32 = 64 << 20;

/// What stands before a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) format: Format,
    pub(super) spans: u32,
    pub(super) length: u32,
    checksum: u64,
}

impl Head {
    /// Of this package; `None` when it is too large.
    pub(super) fn of(package: &Package) -> Option<Self> {
        let length = u32::try_from(package.request.len()).ok().filter(|length| *length <= MOST_BYTES)?;
        let mut head = Self { format: package.format, spans: package.spans, length, checksum: 0 };
        head.checksum = head.sum(&package.request);
        Some(head)
    }

    fn sum(self, request: &[u8]) -> u64 {
        let mut hasher = Xxh3Default::new();
        hasher.update(&self.fixed());
        hasher.update(request);
        hasher.digest()
    }

    fn fixed(self) -> [u8; 9] {
        let mut fixed = [0; 9];
        fixed[..4].copy_from_slice(&self.length.to_le_bytes());
        fixed[4..8].copy_from_slice(&self.spans.to_le_bytes());
        fixed[8] = self.format.number();
        fixed
    }

    pub(super) fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..9].copy_from_slice(&self.fixed());
        bytes[9..].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    /// `None` when it cannot be one.
    pub(super) fn from_bytes(bytes: &[u8; HEAD]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, format, sum @ ..] = *bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        let format = Format::ALL.into_iter().find(|known| known.number() == format)?;
        let head = Self {
            format,
            spans: u32::from_le_bytes([e, f, g, h]),
            length,
            checksum: u64::from_le_bytes(sum),
        };
        (length <= MOST_BYTES).then_some(head)
    }

    /// Whether the request is the one that was written.
    pub(super) fn fits(self, request: &[u8]) -> bool {
        self.sum(request) == self.checksum
    }

    pub(super) fn package(self, request: Bytes) -> Package {
        Package::framed(self.format, self.spans, request)
    }
}
