//! A span's flags in the words of OTLP, of Jaeger, and of a store that keeps one number.
//!
//! OTLP's "random id" is Jaeger's "debug", so a number alone is not understood. Between the two only "sampled" is carried over, as by
//! `open-telemetry/opentelemetry-collector-contrib pkg/translator/jaeger` since it carries flags at all. What Jaeger stores is Jaeger's or,
//! since 2.7, OTLP's, and comes back as it is.

use crate::{FlagsAre, SpanRow};

const SAMPLED: u32 = 1;
const DEBUG: u32 = 2;
/// Not in use at W3C's.
const FIREHOSE: u32 = 8;
/// OTLP's words about a remote parent, which Jaeger has none for. SDKs that know of random ids set the first one.
const REMOTE: u32 = 0x300;

impl SpanRow {
    /// In Jaeger's words.
    #[must_use]
    pub fn jaeger_flags(&self) -> u32 {
        match self.flags_are {
            FlagsAre::Jaeger => self.flags,
            FlagsAre::Otlp => self.flags & SAMPLED,
        }
    }

    /// In OTLP's words.
    #[must_use]
    pub fn otlp_flags(&self) -> u32 {
        let are_otlps = self.flags_are == FlagsAre::Otlp || self.flags & REMOTE != 0;
        if are_otlps { self.flags } else { self.flags & SAMPLED }
    }

    /// As one number for a store: the flags as they are, but for those of OTLP that would be read as Jaeger's "debug" or "firehose".
    #[must_use]
    pub fn stored_flags(&self) -> u32 {
        let would_mislead = self.flags_are == FlagsAre::Otlp && self.flags & REMOTE == 0;
        if would_mislead { self.flags & !(DEBUG | FIREHOSE) } else { self.flags }
    }

    /// To be kept at all costs, in Jaeger's words.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.jaeger_flags() & DEBUG != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_not_debug_and_debug_is_not_a_random_id() {
        for (flags, flags_are, jaeger, otlp, stored) in [
            (0x303, FlagsAre::Otlp, 1, 0x303, 0x303),
            (0x102, FlagsAre::Otlp, 0, 0x102, 0x102),
            (3, FlagsAre::Otlp, 1, 3, 1),
            (8, FlagsAre::Otlp, 0, 8, 0),
            (3, FlagsAre::Jaeger, 3, 1, 3),
            (8, FlagsAre::Jaeger, 8, 0, 8),
            // OTLP's out of a store.
            (0x303, FlagsAre::Jaeger, 0x303, 0x303, 0x303),
        ] {
            let row = SpanRow { flags, flags_are, ..SpanRow::default() };
            assert_eq!((row.jaeger_flags(), row.otlp_flags(), row.stored_flags()), (jaeger, otlp, stored));
            assert_eq!(row.is_debug(), jaeger & 2 != 0);
        }
    }
}
