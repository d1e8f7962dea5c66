//! What was found and removed, for people and for programs.

use std::fmt::Write;

use serde_json::json;

use super::Erased;

/// One line for each index in which something was found, and a last line with the sums.
#[must_use]
pub fn as_table(erased: &Erased, dry_run: bool) -> String {
    let concerned: Vec<_> =
        erased.indices.iter().filter(|of| of.found.saturating_add(of.deleted) > 0).collect();
    let width = concerned.iter().map(|of| of.index.len()).max().unwrap_or(0).max(5);
    let mut out = format!("{:width$}  {:>12}  {:>12}\n", "index", "found", "removed");
    for of in concerned {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:width$}  {:>12}  {:>12}", of.index, of.found, of.deleted);
    }
    if erased.earlier > 0 {
        let _ = writeln!(
            out,
            "{} spans were removed by a task that an earlier process had begun",
            erased.earlier
        );
    }
    let (verb, count) =
        if dry_run { ("would be removed", erased.found()) } else { ("removed", erased.deleted()) };
    let _ = writeln!(out, "{count} spans {verb}, {} indices looked at", erased.indices.len());
    out
}

/// One JSON object: `dryRun`, `found` and `deleted` spans, and the same for each of `indices`; `earlier` are those of the deleted spans that a task
/// removed that an earlier process had begun.
#[must_use]
pub fn as_json(erased: &Erased, dry_run: bool) -> String {
    let indices: Vec<_> = erased
        .indices
        .iter()
        .map(|of| json!({ "index": of.index, "found": of.found, "deleted": of.deleted }))
        .collect();
    let sums = json!({
        "dryRun": dry_run, "found": erased.found(), "deleted": erased.deleted(), "earlier": erased.earlier,
        "indices": indices,
    });
    let mut text = sums.to_string();
    text.push('\n');
    text
}
