//! Loss-free paging over a trace's spans in the order (startTime, spanID). Pure: what of a page is kept, where the next begins, and how
//! many spans it is to have.

use crate::turns::Room;

/// The most hits a server gives at once by default (`index.max_result_window`).
pub(super) const LARGEST_PAGE: usize = 10_000;
/// A page of one could never tell whether its group goes on.
pub(super) const SMALLEST_PAGE: usize = 2;
/// Hits in the first page: nearly every trace is whole then, and spans of usual size leave most of the room free.
const FIRST_PAGE: usize = 2_000;
/// Which part of the room pages grow to fill: the spans of the next one may be larger than those of the last, and what is made of a page takes
/// several times its bytes.
const FULL: (usize, usize) = (3, 8);
/// So many times more hits than the last page has the next one at most.
const GROWTH: usize = 4;

/// How many hits are asked for at once, page after page. To find a page the store looks at all spans of the trace, so that fewer pages cost
/// it less: they grow as far as their bytes allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSize {
    now: usize,
    most: usize,
}

impl PageSize {
    /// Of the first page, where `most` hits are wanted at once.
    pub(super) fn first(most: usize) -> Self {
        let most = most.clamp(SMALLEST_PAGE, LARGEST_PAGE);
        Self { now: FIRST_PAGE.min(most), most }
    }

    /// Hits to ask for.
    pub(super) fn hits(self) -> usize {
        self.now
    }

    /// Behind a page of so many hits that came as so many bytes. Not fewer than in a first page that came whole: small pages cost the store
    /// more, and what does not fit after all is told by [`Self::below`].
    pub(super) fn behind(self, hits: usize, bytes: usize) -> Self {
        let (part, whole) = FULL;
        let fitting = hits.saturating_mul(Room::Usual.bytes() / whole * part) / bytes.max(1);
        let wanted = fitting.min(hits.saturating_mul(GROWTH)).max(hits.min(FIRST_PAGE));
        Self { now: wanted.clamp(SMALLEST_PAGE, self.most), ..self }
    }

    /// Where so many hits did not fit: fewer, in all pages from here on.
    pub(super) fn below(hits: usize) -> Self {
        let most = (hits / 4).max(SMALLEST_PAGE);
        Self { now: most, most }
    }
}

/// What a page gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Page<'a> {
    /// All its hits; nothing follows.
    Last,
    /// The first `keep` hits; the next page begins behind `cursor`.
    More { keep: usize, cursor: &'a str },
    /// All hits have the same sort values, and more may follow: a larger page is needed.
    OneGroup,
}

/// Judges a page that was asked for with `size`, by the sort values of its hits.
///
/// The next page begins behind a pair of sort values. Hits that share the pair of the last one may lie on both sides of the
/// page's edge, so they are given up here and read again, whole, with the next page.
pub(super) fn judge<'a>(keys: &[&'a str], size: usize) -> Page<'a> {
    let Some(last) = keys.last().filter(|_| keys.len() >= size) else { return Page::Last };
    let keep = keys.iter().rposition(|key| key != last).map_or(0, |before| before + 1);
    match keep.checked_sub(1) {
        Some(before) => Page::More { keep, cursor: keys[before] },
        None => Page::OneGroup,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_grow_until_their_bytes_fill_the_room_but_for_a_margin() {
        let first = PageSize::first(LARGEST_PAGE);
        assert_eq!(first.hits(), 2_000);
        let usual = first.behind(2_000, 2_000 * 2_140);
        assert_eq!(usual.hits(), 2_939);
        assert_eq!(usual.behind(2_939, 2_939 * 2_140), usual, "as long as spans are of that size");
        assert_eq!(usual.behind(2_939, 2_939 * 2_600).hits(), 2_419, "where they get larger");
        assert_eq!(usual.behind(2_939, 2_939 * 5_000).hits(), 2_000, "not below the first page");
        assert_eq!(first.behind(2_000, 2_000).hits(), 8_000);
        assert_eq!(first.behind(8_000, 8_000).hits(), LARGEST_PAGE);
        assert_eq!(first.behind(2, 1 << 30).hits(), SMALLEST_PAGE);
    }

    #[test]
    fn no_page_is_larger_than_what_is_wanted_at_once_or_than_what_did_not_fit() {
        assert_eq!(PageSize::first(500).hits(), 500);
        assert_eq!(PageSize::first(500).behind(500, 500).hits(), 500);
        assert_eq!(PageSize::first(1).hits(), SMALLEST_PAGE);
        assert_eq!(PageSize::below(2_000).hits(), 500);
        assert_eq!(PageSize::below(2_000).behind(500, 500).hits(), 500);
        assert_eq!(PageSize::below(3).hits(), SMALLEST_PAGE);
    }

    #[test]
    fn a_page_that_is_not_full_is_the_last() {
        assert_eq!(judge(&[], 3), Page::Last);
        assert_eq!(judge(&["a", "a"], 3), Page::Last);
    }

    #[test]
    fn the_group_at_the_edge_is_left_to_the_next_page() {
        assert_eq!(judge(&["a", "b", "b"], 3), Page::More { keep: 1, cursor: "a" });
        assert_eq!(judge(&["a", "b", "c"], 3), Page::More { keep: 2, cursor: "b" });
        assert_eq!(judge(&["b", "b", "b"], 3), Page::OneGroup);
    }

    proptest! {
        /// Whatever groups there are: every hit comes exactly once, in order.
        #[test]
        fn nothing_is_lost_or_repeated(mut groups in proptest::collection::vec(0u8..12, 0..80), size in 2usize..9) {
            groups.sort_unstable();
            let keys: Vec<String> = groups.iter().map(u8::to_string).map(|key| format!("{key:>3}")).collect();
            let (mut read, mut cursor, mut page_size) = (Vec::new(), None::<&str>, size);
            loop {
                let page: Vec<&str> = keys.iter().map(String::as_str)
                    .filter(|key| cursor.is_none_or(|cursor| *key > cursor)).take(page_size).collect();
                match judge(&page, page_size) {
                    Page::Last => {
                        read.extend(page);
                        break;
                    }
                    Page::More { keep, cursor: next } => {
                        read.extend(&page[..keep]);
                        cursor = Some(next);
                        page_size = size;
                    }
                    Page::OneGroup => page_size *= 2,
                }
            }
            prop_assert!(read.iter().eq(keys.iter()));
        }
    }
}
