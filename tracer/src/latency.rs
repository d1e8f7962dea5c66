//! Histograms of durations whose buckets name a trace as an example, where one was recorded.

use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;

use crate::OwnSpan;

/// A histogram of seconds. In OpenMetrics each bucket has the latest recorded request that fell into it as its exemplar; the classic text has none.
pub type LatencyHistogram = HistogramWithExemplars<TraceLabel>;

/// The label of an exemplar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TraceLabel {
    /// As lower-case hex.
    pub trace_id: String,
}

/// Counts a duration, with the span's trace as an example if it is recorded. One that has ended is none: it may have been taken back.
pub fn observe(histogram: &LatencyHistogram, time: Duration, span: &OwnSpan) {
    let ids = span.ids().filter(|_| span.is_open());
    let label = ids.map(|(trace_id, _)| TraceLabel { trace_id: trace_id.to_string() });
    let now = label.is_some().then(SystemTime::now);
    histogram.observe(time.as_secs_f64(), label, now);
}
