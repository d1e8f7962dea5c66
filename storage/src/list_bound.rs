//! How long a list of names may be. Names come from whoever sends spans: one service that puts ids into its operations' names makes
//! millions of them, and nobody reads a list of that length.

use std::sync::Once;

use crate::RequestContext;

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

    /// Says that the list is cut, if it is: to who asked, and in the log, there once, since the next answers are no other.
    pub fn tell(&self, context: &RequestContext) {
        static TOLD: Once = Once::new();
        if self.is_reached {
            context.is_cut();
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::{AnswerRoom, ReadError};

    #[test]
    fn a_list_ends_at_so_many_names_or_bytes() {
        let mut bound = ListBound::default();
        assert!((0..MOST_NAMES).all(|_| bound.takes("a")) && !bound.is_reached());
        assert!(!bound.takes("a") && bound.is_reached());
        let (mut bound, mebibyte) = (ListBound::default(), "a".repeat(1 << 20));
        assert!((0..16).all(|_| bound.takes(&mebibyte)));
        assert!(!bound.takes("a") && !bound.takes(""));
    }

    #[derive(Debug, Default)]
    struct Told(AtomicUsize);

    impl AnswerRoom for Told {
        fn takes(&self, _: usize) -> Result<(), ReadError> {
            Ok(())
        }

        fn is_cut(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn every_one_who_asks_is_told_that_the_list_is_cut_and_nobody_else() {
        let told = Arc::new(Told::default());
        let context =
            RequestContext { room: Some(told.clone()), ..RequestContext::with_timeout(Duration::ZERO) };
        let mut bound = ListBound::default();
        assert!(bound.takes("a"));
        bound.tell(&context);
        assert_eq!(told.0.load(Ordering::SeqCst), 0);
        assert!(!bound.takes(&"a".repeat(MOST_BYTES)));
        for times in 1..=2 {
            bound.tell(&context);
            assert_eq!(told.0.load(Ordering::SeqCst), times);
        }
    }
}
