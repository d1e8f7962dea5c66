//! From a request to packages: as it came, for senders of OTLP gather themselves.

use spoor_model::SpanBatch;
use spoor_pipeline::position_before;
use spoor_proto::convert::jaeger_v2::{encode_batch_span, encode_process};
use spoor_storage::Rejection;

use crate::datagram::Format;
use crate::package::Package;

/// The largest message to a collector, less than the 4 MiB that it takes.
const MOST: usize = (4 << 20) - 1024;

/// Seals the spans of each run of neighbours with one process, in packages of `batch` bytes and of one span beyond that. Spans that no
/// collector could take are added to `rejected`, which knows of those taken out of the batch before.
pub(super) fn seal(batch: &SpanBatch, most: usize, rejected: &mut Vec<Rejection>) -> Vec<Package> {
    let (mut packages, mut too_large) = (Vec::new(), Vec::new());
    let (mut process, mut open, mut count, mut one) = (Vec::new(), Vec::new(), 0, Vec::new());
    let mut resource = None;
    for (index, span) in batch.spans().enumerate() {
        let row = span.resource().row();
        if !resource.is_some_and(|known| std::ptr::eq(known, row)) {
            close(&mut packages, &mut count, &mut open, &process);
            resource = Some(row);
            process.clear();
            encode_process(&mut process, span.resource());
        }
        one.clear();
        encode_batch_span(&mut one, span);
        if one.len() + process.len() > MOST {
            let reason = format!(
                "with its process it has {} bytes; collectors take {MOST}",
                one.len() + process.len()
            );
            let index = position_before(rejected, index);
            too_large.push(Rejection { index, trace_id: span.trace_id(), span_id: span.span_id(), reason });
            continue;
        }
        if count > 0 && open.len() + one.len() > most {
            close(&mut packages, &mut count, &mut open, &process);
        }
        open.extend_from_slice(&one);
        count += 1;
    }
    close(&mut packages, &mut count, &mut open, &process);
    rejected.append(&mut too_large);
    packages
}

fn close(packages: &mut Vec<Package>, count: &mut u32, open: &mut Vec<u8>, process: &[u8]) {
    if *count > 0 {
        packages.push(Package::seal(Format::Otlp, *count, open, process));
        (*count, *open) = (0, Vec::new());
    }
}
