//! What was decided and done, for people and for programs.

use std::fmt::Write;

use serde_json::json;

use crate::{Cleaned, Fate, Snapshot};

/// One line an index, by family, the newest first; a line with the sums; and one about the snapshot, where there is one.
#[must_use]
pub fn as_table(cleaned: &Cleaned, dry_run: bool) -> String {
    let width = cleaned.fates.iter().map(|fate| fate.decision.name.len()).max().unwrap_or(0).max(5);
    let mut out = format!("{:width$}  {:>14}  {:6}  why\n", "index", "bytes", "action");
    for Fate { decision, bytes, .. } in &cleaned.fates {
        let bytes = bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        let (name, action, reason) = (&decision.name, action(decision.delete), decision.reason);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:width$}  {bytes:>14}  {action:6}  {reason}");
    }
    let going: Vec<&Fate> = cleaned.fates.iter().filter(|fate| fate.decision.delete).collect();
    let bytes: u64 = going.iter().filter_map(|fate| fate.bytes).sum();
    let (verb, count) =
        if dry_run { ("would be deleted", going.len()) } else { ("deleted", cleaned.deleted.len()) };
    let _ = writeln!(out, "{count} of {} indices {verb}, {bytes} bytes", cleaned.fates.len());
    if let Some(Snapshot { repository, name }) = &cleaned.snapshot {
        let _ = match name {
            Some(name) => writeln!(out, "they are in the snapshot {name} in the repository {repository}"),
            None => {
                writeln!(out, "before that, a snapshot of them would be made in the repository {repository}")
            }
        };
    }
    out
}

/// One JSON object: `dryRun`, `deleted` names, `snapshot` (null without one; its `name` is null where it is only planned), and `indices` with
/// what was decided about each.
#[must_use]
pub fn as_json(cleaned: &Cleaned, dry_run: bool) -> String {
    let index = |Fate { decision, bytes, .. }: &Fate| {
        json!({
            "index": decision.name, "family": decision.family.base(), "bytes": bytes,
            "action": action(decision.delete), "reason": decision.reason,
        })
    };
    let indices: Vec<_> = cleaned.fates.iter().map(index).collect();
    let snapshot = cleaned.snapshot.as_ref();
    let snapshot =
        snapshot.map(|Snapshot { repository, name }| json!({ "repository": repository, "name": name }));
    let report =
        json!({ "dryRun": dry_run, "deleted": cleaned.deleted, "snapshot": snapshot, "indices": indices });
    let mut text = report.to_string();
    text.push('\n');
    text
}

fn action(delete: bool) -> &'static str {
    if delete { "delete" } else { "keep" }
}
