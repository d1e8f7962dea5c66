//! Claims about the conversions of Zipkin's spans. The requests in `testdata/zipkin_*` and what they say (`.txt` beside them) are
//! written and checked by hand against the tables of Zipkin's API and of OpenTelemetry's translator.

mod golden;
mod hostile;
mod round_trip;
mod v1;
mod v2;
mod wire;

use std::fmt::Write;

use spoor_model::{SpanBatch, UnixNanos};

/// When the spans arrive that do not say when they began: 2023-11-14T22:13:20Z.
const NOW: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

/// Everything of a batch that counts, in one form for all encodings.
fn described(batch: &SpanBatch) -> String {
    let mut out = String::new();
    for span in batch.spans() {
        writeln!(out, "{span:#?}").expect("memory");
    }
    out
}
