//! What was planned and done, for people and for programs.

use std::fmt::Write;

use serde_json::json;

use super::{Outcome, Taken};

/// One line a step, and one for each that was not taken.
#[must_use]
pub fn as_table(taken: &[Taken]) -> String {
    let mut out = String::new();
    for Taken { step, outcome } in taken {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:8}  {step}", word(*outcome));
    }
    if taken.is_empty() {
        out.push_str("nothing to do\n");
    }
    out
}

/// One JSON object: `dryRun`, and `steps` with what became of each.
#[must_use]
pub fn as_json(taken: &[Taken], dry_run: bool) -> String {
    let step =
        |Taken { step, outcome }: &Taken| json!({ "step": step.to_string(), "outcome": word(*outcome) });
    let steps: Vec<_> = taken.iter().map(step).collect();
    let mut text = json!({ "dryRun": dry_run, "steps": steps }).to_string();
    text.push('\n');
    text
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Planned => "planned",
        Outcome::Done => "done",
        Outcome::NotYet => "not yet",
    }
}
