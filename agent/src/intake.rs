//! Hot path: from a datagram to the gathering: reading, tags, encoding, accounts. One of each worker's own, so that its buffers are used again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use spoor_model::SpanBatch;
use spoor_pipeline::Quiet;
use spoor_proto::convert::jaeger_v2::{encode_batch_span, encode_process};

use crate::Tags;
use crate::clients::Clients;
use crate::datagram::{Datagram, Decode, Format, Protocol};
use crate::gathering::Gathering;
use crate::metrics::Accounts;

/// Where datagrams go; clones share it.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) decode: Decode,
    pub(crate) tags: Arc<Tags>,
    pub(crate) gathering: Arc<Gathering>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) quiet: Arc<Quiet>,
}

/// Buffers of one worker.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    process: Vec<u8>,
    spans: Vec<u8>,
}

impl Intake {
    /// Takes a datagram; false when it was refused, which is logged now and then.
    pub(crate) fn take(&self, protocol: Protocol, packet: &Bytes, scratch: &mut Scratch) -> bool {
        let length = packet.len();
        // Nothing that comes from a network may end the worker, should the decoder have a mistake.
        let decoded = catch_unwind(AssertUnwindSafe(|| (self.decode)(protocol, packet)));
        let problem = match decoded {
            Ok(Ok(datagram)) => {
                self.accept(datagram, scratch);
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the decoder broke".to_owned(),
        };
        if let Some(left_out) = self.quiet.allows() {
            tracing::warn!(
                protocol = protocol.name(),
                length,
                problem,
                left_out,
                "a datagram cannot be read; it is dropped"
            );
        }
        false
    }

    fn accept(&self, mut datagram: Datagram, scratch: &mut Scratch) {
        self.clients.saw(&datagram);
        self.tags.append_to(&mut datagram.spans);
        let spans = datagram.spans.len();
        self.accounts.received(spans, datagram.spans.repaired_texts());
        for_each_process(&datagram.spans, datagram.format, scratch, |process, spans, encoded| {
            self.gathering.add(datagram.format, process, spans, encoded);
        });
    }
}

/// Encodes the spans of each run of neighbours with one process, and hands them on: the format's number with the encoded process behind
/// it, the number of spans, the encoded spans.
pub(crate) fn for_each_process(
    batch: &SpanBatch,
    format: Format,
    scratch: &mut Scratch,
    mut each: impl FnMut(&[u8], u32, &[u8]),
) {
    let Scratch { process, spans: encoded } = scratch;
    let mut spans = batch.spans().peekable();
    while let Some(first) = spans.next() {
        let resource = first.resource();
        process.clear();
        process.push(format.number());
        encode_process(process, resource);
        encoded.clear();
        encode_batch_span(encoded, first);
        let mut count = 1;
        while let Some(span) = spans.next_if(|span| std::ptr::eq(span.resource().row(), resource.row())) {
            encode_batch_span(encoded, span);
            count += 1;
        }
        each(process, count, encoded);
    }
}
