//! How long a list of names may be. Names come from whoever sends spans: one service that puts ids into its operations' names makes
//! millions of them, and nobody reads a list of that length.

use std::sync::Once;

/// Most names of a list: a hundred times what a page for people can show, and what fits into a few megabytes where names are sane.
const MOST_NAMES: usize = 100_000;
/// Most bytes of the names of a list: as long as a hundred thousand names of 160 bytes.
const MOST_BYTES: usize = 16 << 20;

/// Says where a list of names ends.
#[derive(Debug, Default)]
pub struct ListBound {
    names: usize,
    bytes: usize,
    is_reached: bool,
}

impl ListBound {
    /// Whether one more name belongs to the list. Once one does not, none does.
    pub fn takes(&mut self, name: &str) -> bool {
        self.names += 1;
        self.bytes += name.len();
        self.is_reached |= self.names > MOST_NAMES || self.bytes > MOST_BYTES;
        !self.is_reached
    }

    /// Whether a name was left out.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// Says in the log that a list is cut, if this one is: once, since the next answers are no other.
    pub fn tell(&self) {
        static TOLD: Once = Once::new();
        if self.is_reached {
            TOLD.call_once(|| {
                tracing::warn!(
                    "a list of services or operations is cut at {MOST_NAMES} names or {MOST_BYTES} bytes; somebody puts ids into names"
                );
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_so_many_names_or_bytes() {
        let mut bound = ListBound::default();
        assert!((0..MOST_NAMES).all(|_| bound.takes("a")) && !bound.is_reached());
        assert!(!bound.takes("a") && bound.is_reached());
        let (mut bound, mebibyte) = (ListBound::default(), "a".repeat(1 << 20));
        assert!((0..16).all(|_| bound.takes(&mebibyte)));
        assert!(!bound.takes("a") && !bound.takes(""));
    }
}
