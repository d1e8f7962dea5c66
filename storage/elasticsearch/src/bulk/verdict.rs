//! What a bulk's answer says about each of its items. Only what is confirmed item by item counts as stored.
//! Facts: `jaegertracing/jaeger internal/storage/elasticsearch/esclient/sync_bulk.go`; answers of real servers.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spoor_storage::WriteErrorKind;

use crate::client::ServerError;

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Stored now, or found stored.
    Stored,
    /// The store will never take this document; the reason is for its sender.
    Rejected(String),
    /// Not stored now, but may be later.
    Unfinished(Trouble),
}

/// Why an item is unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What the writer's caller does next.
    pub(crate) kind: WriteErrorKind,
    pub(crate) reason: String,
}

impl Trouble {
    /// True when this says more about what to do than the other: a broken store outweighs a slow one, that a busy one.
    pub(crate) fn outweighs(&self, other: &Self) -> bool {
        let weight = |kind| match kind {
            WriteErrorKind::Busy => 0,
            WriteErrorKind::DeadlineExceeded => 1,
            WriteErrorKind::Unavailable => 2,
        };
        weight(self.kind) > weight(other.kind)
    }
}

/// Exceptions that tell of the store's state, whatever their status: the same document may be taken later.
const STATE_OF_THE_STORE: &[&str] = &[
    "cluster_block_exception",
    "index_not_found_exception",
    "index_closed_exception",
    "index_create_block_exception",
    "resource_already_exists_exception",
    "security_exception",
    "unavailable_shards_exception",
    // "this action would add [n] shards, but this cluster currently has …": the index could not be created.
    "validation_exception",
    "process_cluster_event_timeout_exception",
    "master_not_discovered_exception",
    "cluster_manager_not_discovered_exception",
];

/// Reads the answer to a bulk of `items` items.
///
/// # Errors
/// What is wrong with the answer; then nothing is known about any item.
pub(crate) fn parse(answer: &[u8], items: usize) -> Result<Vec<Verdict>, String> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|error| format!("not a bulk's answer: {error}"))?;
    let Some(verdicts) = answer.items else {
        return Err("it has no items".to_owned());
    };
    if verdicts.len() != items {
        return Err(format!("it has {} items for {items} documents", verdicts.len()));
    }
    Ok(verdicts.into_iter().map(|ItemVerdict(verdict)| verdict).collect())
}

fn judge(status: u16, error: Option<&ServerError>) -> Verdict {
    let reason = || match error {
        Some(error) => error.text(),
        None => format!("status {status} without a reason"),
    };
    match status {
        200..=299 if error.is_none() => Verdict::Stored,
        // Somebody stored the same id: the same content.
        409 => Verdict::Stored,
        400..=499 if !matches!(status, 401 | 403 | 408 | 429) && !is_state_of_the_store(error) => {
            Verdict::Rejected(reason())
        }
        429 => Verdict::Unfinished(Trouble { kind: WriteErrorKind::Busy, reason: reason() }),
        _ => Verdict::Unfinished(Trouble { kind: WriteErrorKind::Unavailable, reason: reason() }),
    }
}

fn is_state_of_the_store(error: Option<&ServerError>) -> bool {
    error.is_none_or(|error| STATE_OF_THE_STORE.contains(&error.kind.as_str()))
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    items: Option<Vec<ItemVerdict>>,
}

/// `{"index":{"status":201}}`; the name of the operation does not matter.
struct ItemVerdict(Verdict);

#[derive(Default, Deserialize)]
struct Outcome {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    error: Option<ServerError>,
}

impl<'de> Deserialize<'de> for ItemVerdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneEntry;
        impl<'de> Visitor<'de> for OneEntry {
            type Value = ItemVerdict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one operation")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ItemVerdict, A::Error> {
                let mut outcomes = 0;
                let mut verdict = judge(0, None);
                while map.next_key::<IgnoredAny>()?.is_some() {
                    let Outcome { status, error } = map.next_value()?;
                    verdict = judge(status, error.as_ref());
                    outcomes += 1;
                }
                Ok(ItemVerdict(if outcomes == 1 { verdict } else { judge(0, None) }))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ItemVerdict, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(ItemVerdict(judge(0, None)))
            }

            fn visit_unit<E>(self) -> Result<ItemVerdict, E> {
                Ok(ItemVerdict(judge(0, None)))
            }
        }
        deserializer.deserialize_any(OneEntry)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(item: &str) -> Verdict {
        parse(format!(r#"{{"errors":true,"items":[{item}]}}"#).as_bytes(), 1).unwrap().remove(0)
    }

    fn refused(status: u16, kind: &str) -> Verdict {
        one(&format!(r#"{{"index":{{"status":{status},"error":{{"type":"{kind}","reason":"why"}}}}}}"#))
    }

    #[test]
    fn only_a_confirmed_item_is_stored() {
        for stored in [r#"{"index":{"status":201}}"#, r#"{"create":{"_id":"x","status":200}}"#] {
            assert_eq!(one(stored), Verdict::Stored, "{stored}");
        }
        assert_eq!(refused(409, "version_conflict_engine_exception"), Verdict::Stored);
        for open in
            ["{}", "null", "[]", r#"{"index":{}}"#, r#"{"index":{"status":201},"create":{"status":201}}"#]
        {
            assert!(
                matches!(one(open), Verdict::Unfinished(Trouble { kind: WriteErrorKind::Unavailable, .. })),
                "{open}"
            );
        }
        let doubtful = r#"{"index":{"status":201,"error":{"type":"t"}}}"#;
        assert!(matches!(one(doubtful), Verdict::Unfinished(_)));
    }

    #[test]
    fn a_fault_of_the_document_is_a_rejection_with_the_reason() {
        assert_eq!(
            refused(400, "mapper_parsing_exception"),
            Verdict::Rejected("mapper_parsing_exception: why".to_owned())
        );
        assert!(matches!(refused(413, "too_large"), Verdict::Rejected(_)));
    }

    #[test]
    fn a_fault_of_the_store_leaves_the_item_open() {
        assert_eq!(
            refused(429, "es_rejected_execution_exception"),
            Verdict::Unfinished(Trouble {
                kind: WriteErrorKind::Busy,
                reason: "es_rejected_execution_exception: why".to_owned()
            })
        );
        for (status, kind) in [
            (503, "unavailable_shards_exception"),
            (500, "exception"),
            (507, "exception"),
            (408, "timeout"),
            (403, "cluster_block_exception"),
            (403, "anything"),
            (404, "index_not_found_exception"),
            (400, "validation_exception"),
            (400, "index_closed_exception"),
        ] {
            assert!(
                matches!(
                    refused(status, kind),
                    Verdict::Unfinished(Trouble { kind: WriteErrorKind::Unavailable, .. })
                ),
                "{kind}"
            );
        }
    }

    #[test]
    fn an_answer_for_another_number_of_items_says_nothing() {
        let answer = br#"{"errors":false,"items":[{"index":{"status":201}}]}"#;
        assert_eq!(parse(answer, 2), Err("it has 1 items for 2 documents".to_owned()));
        assert!(parse(b"{}", 0).is_err());
        assert!(parse(b"", 1).is_err());
        assert!(parse(b"<html>", 1).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, 1);
        }

        #[test]
        fn a_mutated_answer_never_panics(at in 0usize..80, byte in any::<u8>()) {
            let mut answer = br#"{"errors":true,"items":[{"index":{"status":400,"error":{"type":"t","reason":"r"}}}]}"#.to_vec();
            answer[at] = byte;
            let _ = parse(&answer, 1);
        }
    }
}
