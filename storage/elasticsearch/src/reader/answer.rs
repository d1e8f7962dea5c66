//! Answers to searches: what is read of them, and whether they are whole.

use serde::Deserialize;
use serde_json::value::RawValue;
use spoor_storage::{ReadError, ReadErrorKind};

use super::document::SpanDocument;
use crate::client::ServerError;
use crate::wholeness::Shards;

/// An answer to one search. What tells whether it is whole is required: an answer without it is none.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
pub(super) struct Answer<'a, A = Aggregations> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    /// Nothing where no index exists.
    #[serde(default, borrow)]
    pub(super) hits: Hits<'a>,
    /// Nothing where no index exists.
    #[serde(default)]
    pub(super) aggregations: Option<A>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Hits<'a> {
    #[serde(default, borrow)]
    pub(super) hits: Vec<Hit<'a>>,
}

/// One hit; which parts are there depends on what was asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Hit<'a> {
    #[serde(default, rename = "_source", borrow)]
    pub(super) source: Option<SpanDocument<'a>>,
    /// The values of the sort, as the store wrote them: `[1787184000123456,"00…12"]`. They go back unread.
    #[serde(default, borrow)]
    pub(super) sort: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) fields: HitFields,
}

/// Fields of a collapsed hit.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HitFields {
    #[serde(default, rename = "traceID")]
    pub(super) trace_id: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Aggregations {
    pub(super) names: Names,
}

/// One page of a composite aggregation.
#[derive(Debug, Deserialize)]
pub(super) struct Names {
    #[serde(default)]
    pub(super) buckets: Vec<NameBucket>,
    #[serde(default)]
    pub(super) after_key: Option<NameKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NameBucket {
    pub(super) key: NameKey,
    /// Of operations, where a document tells a kind.
    #[serde(default)]
    pub(super) kinds: Kinds,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Kinds {
    #[serde(default)]
    pub(super) buckets: Vec<KindBucket>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KindBucket {
    pub(super) key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct NameKey {
    pub(super) name: String,
}

/// The answer to several searches.
#[derive(Debug, Deserialize)]
pub(super) struct MultiAnswer<'a> {
    #[serde(borrow)]
    pub(super) responses: Vec<&'a RawValue>,
}

/// What an item of several searches has instead of an answer.
#[derive(Debug, Deserialize)]
struct FailedItem {
    error: ServerError,
    #[serde(default)]
    status: u16,
}

impl<A> Answer<'_, A> {
    /// Nothing when all shards answered in time, else the error that says what is missing.
    pub(super) fn check(&self, attempted: &str) -> Result<(), ReadError> {
        self.shards.check(self.timed_out, attempted)
    }
}

/// Reads one item of several searches.
pub(super) fn parse_item<'a, A: Deserialize<'a>>(
    item: &'a RawValue,
    attempted: &str,
) -> Result<Answer<'a, A>, ReadError> {
    if let Ok(FailedItem { error, status }) = serde_json::from_str(item.get()) {
        let kind = match status {
            429 => ReadErrorKind::Busy,
            400 if error.is_refusal() => ReadErrorKind::Invalid,
            _ => ReadErrorKind::Incomplete,
        };
        return Err(ReadError::new(kind, attempted, error.text()));
    }
    let answer: Answer<'a, A> = serde_json::from_str(item.get()).map_err(|error| {
        ReadError::new(
            ReadErrorKind::Incomplete,
            attempted,
            format!("an answer that is not understood: {error}"),
        )
    })?;
    answer.check(attempted)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(text: &str) -> Result<usize, String> {
        let item: &RawValue = serde_json::from_str(text).unwrap();
        parse_item::<Aggregations>(item, "search")
            .map(|answer| answer.hits.hits.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_answer_is_taken_even_without_any_index() {
        assert_eq!(checked(r#"{"timed_out":false,"_shards":{"failed":0}}"#), Ok(0));
        assert_eq!(checked(r#"{"timed_out":false,"_shards":{"failed":0},"hits":{"hits":[{}]}}"#), Ok(1));
    }

    #[test]
    fn a_part_of_an_answer_is_an_error_that_names_the_reason() {
        let failed = r#"{"timed_out":false,"_shards":{"failed":2,"failures":[{"index":"i","reason":{"type":"t","reason":"r"}}]}}"#;
        assert_eq!(checked(failed), Err("search: 2 shards failed; the first, of i: t: r".to_owned()));
        let away = r#"{"timed_out":false,"_shards":{"total":3,"successful":1,"skipped":0,"failed":0}}"#;
        assert_eq!(checked(away), Err("search: 2 of 3 shards have no copy that could be asked".to_owned()));
        let skipped = r#"{"timed_out":false,"_shards":{"total":3,"successful":3,"skipped":2,"failed":0}}"#;
        assert_eq!(checked(skipped), Ok(0));
        let late = r#"{"timed_out":true,"_shards":{"failed":0},"hits":{"hits":[{}]}}"#;
        assert_eq!(checked(late), Err("search: the store ran out of time half-way".to_owned()));
        let error = r#"{"error":{"type":"index_closed_exception","reason":"closed"},"status":400}"#;
        assert_eq!(checked(error), Err("search: index_closed_exception: closed".to_owned()));
        assert!(checked(r#"{"took":1}"#).unwrap_err().contains("not understood"));
    }

    #[test]
    fn a_question_that_shards_do_not_understand_is_refused_and_no_part_of_an_answer() {
        let kind = |text: &str| {
            let item: &RawValue = serde_json::from_str(text).unwrap();
            parse_item::<Aggregations>(item, "search").unwrap_err().kind
        };
        let not_understood = r#"{"index":"i","reason":{"type":"query_shard_exception","reason":"r"}}"#;
        let away = r#"{"index":"j","reason":{"type":"node_disconnected_exception","reason":"r"}}"#;
        let failed = |failures: &str| {
            format!(
                r#"{{"timed_out":false,"_shards":{{"total":4,"successful":2,"failed":2,"failures":[{failures}]}}}}"#
            )
        };
        assert_eq!(kind(&failed(not_understood)), ReadErrorKind::Invalid);
        assert_eq!(kind(&failed(&format!("{not_understood},{away}"))), ReadErrorKind::Incomplete);
        let refused = r#"{"error":{"type":"search_phase_execution_exception","root_cause":[{"type":"query_shard_exception"}]},"status":400}"#;
        assert_eq!(kind(refused), ReadErrorKind::Invalid);
        let closed = r#"{"error":{"type":"index_closed_exception"},"status":400}"#;
        assert_eq!(kind(closed), ReadErrorKind::Incomplete, "that is no matter of the question");
    }

    proptest! {
        #[test]
        fn bytes_from_anywhere_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(serde_json::from_slice::<Answer<'_>>(&bytes).is_err());
        }

        #[test]
        fn a_mutated_answer_is_read_or_refused(at in 0usize..300, byte in any::<u8>()) {
            let mut text = concat!(
                r#"{"timed_out":false,"_shards":{"failed":0},"hits":{"hits":[{"sort":[1,"a"],"fields":{"traceID":["1"]},"#,
                r#""_source":{"traceID":"abc","spanID":"1","startTime":5,"tags":[{"key":"k","type":"bool","value":true}]}}]},"#,
                r#""aggregations":{"names":{"after_key":{"name":"x"},"buckets":[{"key":{"name":"x"}}]}}}"#,
            ).as_bytes().to_vec();
            let at = at % text.len();
            text[at] = byte;
            if let Ok(answer) = serde_json::from_slice::<Answer<'_>>(&text) {
                prop_assert!(answer.hits.hits.len() <= 1);
            }
        }
    }
}
