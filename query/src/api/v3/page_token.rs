//! Page tokens: the last place of a page and the question that it was a part of, bound to the conditions of its search. Opaque to
//! clients, valid on every query server of the same store, for as long as their format stays what it is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spoor_model::{FoundTrace, TraceId, TraceQuery};
use xxhash_rust::xxh3::Xxh3Default;

/// Counts up when the content changes.
const VERSION: u8 = 2;

/// Version, conditions, µs, trace id, question.
const LENGTH: usize = 1 + 8 + 8 + 16 + 8;

/// Where a further page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Continuation {
    /// The last place of the page before.
    pub(super) last: FoundTrace,
    /// What the first page asked: see `RequestContext::question`. Whoever makes one up chooses among copies of the store's shards that
    /// all have the same in them, and nothing else.
    pub(super) question: u64,
}

/// Why a token is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// Not one of ours.
    #[error("it is not a page token of this API, or of another version of it; begin again without one")]
    Unknown,
    /// One of ours, elsewhere.
    #[error("it belongs to a search with other conditions; begin again without one")]
    OtherSearch,
}

/// The token for the page that begins there. How many traces a page has is not a condition: it may change from page to page.
pub(super) fn write(query: &TraceQuery, page: Continuation) -> String {
    let mut bytes = [0; LENGTH];
    bytes[0] = VERSION;
    bytes[1..9].copy_from_slice(&conditions(query).to_be_bytes());
    bytes[9..17].copy_from_slice(&page.last.newest_match_micros.to_be_bytes());
    bytes[17..33].copy_from_slice(&page.last.trace_id.to_bytes());
    bytes[33..].copy_from_slice(&page.question.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The page that a token names, if it came with an answer to this query.
pub(super) fn read(query: &TraceQuery, token: &str) -> Result<Continuation, TokenError> {
    let mut bytes = [0; LENGTH];
    match URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) {
        Ok(LENGTH) if bytes[0] == VERSION => {}
        _ => return Err(TokenError::Unknown),
    }
    let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes).unwrap_or_default();
    if number(1) != conditions(query) {
        return Err(TokenError::OtherSearch);
    }
    let trace_id = TraceId(u128::from(number(17)) << 64 | u128::from(number(25)));
    let last = FoundTrace { newest_match_micros: number(9), trace_id };
    Ok(Continuation { last, question: number(33) })
}

/// A number for all that decides which traces are found, and in which order.
fn conditions(query: &TraceQuery) -> u64 {
    // All fields by name: who adds a condition is told here.
    let TraceQuery {
        service,
        operation,
        tags,
        filter,
        start,
        duration_min,
        duration_max,
        limit: _,
        enough_spans: _,
    } = query;
    let mut hash = Xxh3Default::new();
    let mut text = |text: Option<&str>| {
        // A length that no text has stands for none.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(&length.to_be_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    };
    text(service.as_deref());
    text(operation.as_deref());
    for (key, value) in tags {
        text(Some(key));
        text(Some(value));
    }
    // Its content, in some form that tells one from another.
    text(filter.as_ref().map(|filter| format!("{filter:?}")).as_deref());
    for moment in [start.start, start.end] {
        hash.update(&moment.0.to_be_bytes());
    }
    for duration in [duration_min, duration_max] {
        hash.update(&duration.map_or(u128::MAX, |duration| duration.as_nanos()).to_be_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use spoor_model::filter::Filter;
    use spoor_model::{TimeRange, UnixNanos};

    use super::*;

    fn query() -> TraceQuery {
        TraceQuery {
            service: Some("shop".to_owned()),
            operation: None,
            tags: vec![("a".to_owned(), "b".to_owned())],
            start: TimeRange { start: UnixNanos(1), end: UnixNanos(2) },
            duration_min: None,
            duration_max: None,
            limit: 10,
            enough_spans: usize::MAX,
            filter: None,
        }
    }

    const PAGE: Continuation = Continuation {
        last: FoundTrace { newest_match_micros: 7, trace_id: TraceId(1 << 100 | 9) },
        question: u64::MAX - 5,
    };

    #[test]
    fn a_token_names_its_page_whatever_the_size_of_the_page() {
        let token = write(&query(), PAGE);
        assert_eq!(read(&TraceQuery { limit: 3, enough_spans: 1, ..query() }, &token), Ok(PAGE));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
    }

    #[test]
    fn a_token_is_of_no_use_for_any_other_search() {
        let token = write(&query(), PAGE);
        let shop = Some("shop".to_owned());
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        for other in [
            TraceQuery { service: None, ..query() },
            TraceQuery { service: Some(String::new()), ..query() },
            TraceQuery { service: None, operation: shop.clone(), ..query() },
            TraceQuery { operation: shop, ..query() },
            TraceQuery { tags: Vec::new(), ..query() },
            TraceQuery { filter: Some(Filter::All(Vec::new())), ..query() },
            TraceQuery { tags: vec![pair("ab", "")], ..query() },
            TraceQuery { tags: vec![pair("a", "b"), pair("a", "b")], ..query() },
            TraceQuery { start: TimeRange { start: UnixNanos(1), end: UnixNanos(3) }, ..query() },
            TraceQuery { duration_min: Some(Duration::ZERO), ..query() },
            TraceQuery { duration_max: Some(Duration::ZERO), ..query() },
        ] {
            assert_eq!(read(&other, &token), Err(TokenError::OtherSearch), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_from_one_of_another_search() {
        let token = write(&query(), PAGE);
        let earlier_version = URL_SAFE_NO_PAD.encode([1; 33]);
        let later_version = URL_SAFE_NO_PAD.encode([VERSION + 1; LENGTH]);
        let longer = URL_SAFE_NO_PAD.encode([VERSION; LENGTH + 1]);
        for garbage in [
            "",
            "x",
            &token[1..],
            &format!("{token}="),
            &earlier_version,
            &later_version,
            &longer,
            "????",
            "ü",
        ] {
            assert_eq!(read(&query(), garbage), Err(TokenError::Unknown), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn pages_come_through_and_no_text_is_taken_for_one(
            micros: u64, id: u128, question: u64, text in "[A-Za-z0-9_=-]{0,60}"
        ) {
            let last = FoundTrace { newest_match_micros: micros, trace_id: TraceId(id) };
            let page = Continuation { last, question };
            prop_assert_eq!(read(&query(), &write(&query(), page)), Ok(page));
            prop_assert!(read(&query(), &text).is_err());
        }
    }
}
