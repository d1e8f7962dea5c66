//! Loss-free paging over a trace's spans in the order (startTime, spanID). Pure: what of a page is kept, and where the next begins.

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
