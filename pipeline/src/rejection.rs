//! Telling a sender which of its spans will never be stored: the count and the first few by name, bounded in length.

use std::fmt::Write;

use spoor_storage::Rejection;

/// How many spans a message names.
const NAMED: usize = 5;
/// The longest reason given for one span, in bytes.
const LONGEST_REASON: usize = 200;

/// One line about the rejected spans of a request of `received` spans, whose others are `kept`: "stored".
#[must_use]
pub fn describe_rejected(rejected: &[Rejection], received: usize, kept: &str) -> String {
    let mut text = format!("{} of {received} spans rejected, the others are {kept}", rejected.len());
    for (number, rejection) in rejected.iter().take(NAMED).enumerate() {
        let separator = if number == 0 { ": " } else { "; " };
        let Rejection { trace_id, span_id, .. } = rejection;
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}trace {trace_id} span {span_id}: {}", shortened(&rejection.reason));
    }
    if rejected.len() > NAMED {
        let _ = write!(text, "; and {} more", rejected.len() - NAMED);
    }
    text
}

fn shortened(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(LONGEST_REASON)]
}

#[cfg(test)]
mod tests {
    use spoor_model::{SpanId, TraceId};

    use super::*;

    #[test]
    fn names_the_first_few_and_counts_the_rest() {
        let rejected: Vec<_> = (0..40u64)
            .map(|n| Rejection {
                index: 0,
                trace_id: TraceId(10),
                span_id: SpanId(n),
                reason: "ä".repeat(1_000),
            })
            .collect();
        let text = describe_rejected(&rejected, 512, "stored");
        assert!(text.starts_with("40 of 512 spans rejected"), "{text}");
        assert!(text.contains("trace 0000000000000000000000000000000a span 0000000000000004: ä"), "{text}");
        assert!(!text.contains("span 0000000000000005") && text.ends_with("; and 35 more"), "{text}");
        assert!(text.len() < 2_000);
    }
}
