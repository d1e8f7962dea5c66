//! Documents of reports, and how several of them become one answer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use spoor_model::{DependencyLink, DependencyReport};
use spoor_storage::ReadError;
use xxhash_rust::xxh3::xxh3_64;

use crate::access::{parse_json, rfc3339};
use crate::scroll::Hit;

/// The id of a report: its day and what follows from its source. Day first, for people.
pub(super) fn id(report: &DependencyReport) -> String {
    let midnight = rfc3339(report.midnight());
    let day = midnight.split('T').next().unwrap_or_default();
    format!("{day}_{:016x}", xxh3_64(report.source.as_bytes()))
}

/// The document of a report, as spark-dependencies writes it; each pair once.
pub(super) fn body(report: &DependencyReport) -> Value {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for calls in &report.calls {
        let sum = sums.entry((&calls.parent, &calls.child)).or_default();
        *sum = sum.saturating_add(calls.call_count);
    }
    let link = |((parent, child), count): ((&str, &str), u64)| json!({ "parent": parent, "child": child, "callCount": count, "source": report.source });
    json!({
        "timestamp": rfc3339(report.midnight()),
        "dependencies": sums.into_iter().map(link).collect::<Vec<_>>(),
    })
}

#[derive(Debug, Deserialize)]
struct Document {
    /// Jaeger writes null for none.
    #[serde(default)]
    dependencies: Option<Vec<Link>>,
}

#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    parent: String,
    #[serde(default)]
    child: String,
    #[serde(default, rename = "callCount")]
    call_count: u64,
    /// Jaeger writes none.
    #[serde(default)]
    source: Option<String>,
}

/// One document as read: its moment as the store sorted by it, and its links.
pub(super) struct Report {
    moment: String,
    links: Vec<Link>,
}

/// Reads a document.
pub(super) fn parse(hit: &Hit<'_>, attempted: &str) -> Result<Report, ReadError> {
    let Document { dependencies } = parse_json(hit.source.get().as_bytes(), attempted)?;
    let moment = hit.sort.map(|sort| sort.get().to_owned()).unwrap_or_default();
    Ok(Report { moment, links: dependencies.unwrap_or_default() })
}

/// Parent and child.
type Pair = (String, String);

/// What a pair takes besides its names, or a moment and source besides theirs: two texts, a count, and their places in a map.
const ENTRY_BYTES: usize = 128;

/// What several documents say together: by moment and source, the largest count of each pair.
#[derive(Debug, Default)]
pub(super) struct Reports {
    counts: BTreeMap<(String, String), BTreeMap<Pair, u64>>,
    bytes: usize,
}

impl Reports {
    /// Takes one more document.
    pub(super) fn add(&mut self, Report { moment, links }: Report) {
        // Within one document, what is there twice adds up.
        let mut own: BTreeMap<String, BTreeMap<Pair, u64>> = BTreeMap::new();
        for Link { parent, child, call_count, source } in links {
            let pairs = own.entry(source.unwrap_or_default()).or_default();
            let sum = pairs.entry((parent, child)).or_default();
            *sum = sum.saturating_add(call_count);
        }
        for (source, pairs) in own {
            let (of_report, bytes) = (moment.len() + source.len() + ENTRY_BYTES, &mut self.bytes);
            let counts = self.counts.entry((moment.clone(), source)).or_insert_with(|| {
                *bytes += of_report;
                BTreeMap::new()
            });
            for (pair, count) in pairs {
                let of_pair = pair.0.len() + pair.1.len() + ENTRY_BYTES;
                let largest = counts.entry(pair).or_insert_with(|| {
                    *bytes += of_pair;
                    0
                });
                *largest = count.max(*largest);
            }
        }
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Each (parent, child, source) once, summed over all moments, sorted.
    pub(super) fn links(self) -> Vec<DependencyLink> {
        let mut sums: BTreeMap<(Pair, String), u64> = BTreeMap::new();
        for ((_, source), pairs) in self.counts {
            for (pair, count) in pairs {
                let sum = sums.entry((pair, source.clone())).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        let link =
            |(((parent, child), source), call_count)| DependencyLink { parent, child, source, call_count };
        sums.into_iter().map(link).collect()
    }
}

#[cfg(test)]
mod tests {
    use spoor_model::{ServiceCalls, UnixNanos};

    use super::*;

    fn links(documents: &[(&str, &str)]) -> Vec<(String, String, String, u64)> {
        let reports = documents.iter().map(|(moment, text)| {
            let source = serde_json::from_str(text).unwrap();
            let sort = serde_json::from_str(moment).unwrap();
            parse(&Hit { source, sort: Some(sort) }, "read").unwrap()
        });
        let mut all = Reports::default();
        reports.for_each(|report| all.add(report));
        all.links().into_iter().map(|link| (link.parent, link.child, link.source, link.call_count)).collect()
    }

    fn told(parent: &str, child: &str, source: &str, count: u64) -> (String, String, String, u64) {
        (parent.to_owned(), child.to_owned(), source.to_owned(), count)
    }

    #[test]
    fn a_day_that_was_run_again_is_counted_once_and_days_add_up() {
        let first = r#"{"dependencies":[{"parent":"a","child":"b","callCount":3,"source":"jaeger"},{"parent":"a","child":"c","callCount":1,"source":"jaeger"}]}"#;
        let again = r#"{"dependencies":[{"parent":"a","child":"b","callCount":5,"source":"jaeger"}]}"#;
        let found = links(&[("[1]", first), ("[1]", again), ("[2]", again)]);
        assert_eq!(found, [told("a", "b", "jaeger", 10), told("a", "c", "jaeger", 1)]);
    }

    #[test]
    fn what_the_reports_take_grows_with_their_pairs_and_not_with_their_number() {
        let mut all = Reports::default();
        let mut add = |moment: &str, pair: usize| {
            let text = format!(r#"{{"dependencies":[{{"parent":"a","child":"{pair}","callCount":3}}]}}"#);
            let source = serde_json::from_str(&text).unwrap();
            let sort = serde_json::from_str(moment).unwrap();
            all.add(parse(&Hit { source, sort: Some(sort) }, "read").unwrap());
            all.bytes()
        };
        let first = add("[1]", 1);
        assert_eq!(add("[1]", 1), first);
        let second = add("[1]", 2);
        assert!(second > first && add("[2]", 2) > second);
    }

    #[test]
    fn sources_of_one_moment_stay_apart_and_a_missing_one_is_empty() {
        let without = r#"{"dependencies":[{"parent":"a","child":"b","callCount":3},{"parent":"a","child":"b","callCount":4}]}"#;
        let with = r#"{"dependencies":[{"parent":"a","child":"b","callCount":5,"source":"x"}]}"#;
        assert_eq!(
            links(&[("[1]", without), ("[1]", with)]),
            [told("a", "b", "", 7), told("a", "b", "x", 5)]
        );
        assert_eq!(links(&[("[1]", r#"{"dependencies":null}"#), ("[1]", "{}")]), []);
    }

    #[test]
    fn a_report_is_written_as_jaegers_job_writes_it() {
        let calls = |parent: &str, child: &str, call_count| ServiceCalls {
            parent: parent.to_owned(),
            child: child.to_owned(),
            call_count,
        };
        let report = DependencyReport {
            day: UnixNanos(1_787_184_000_000_000_000 + 5),
            source: "jaeger".to_owned(),
            calls: vec![calls("b", "a", 1), calls("a", "b", 2), calls("a", "b", 3)],
        };
        assert_eq!(
            id(&report),
            id(&DependencyReport { day: UnixNanos(1_787_270_399_999_999_999), ..report.clone() })
        );
        assert!(id(&report).starts_with("2026-08-20_"), "{}", id(&report));
        assert_ne!(id(&report), id(&DependencyReport { source: "x".to_owned(), ..report.clone() }));
        let golden: Value = serde_json::from_str(include_str!("golden/report.json")).unwrap();
        assert_eq!(body(&report), golden);
    }
}
