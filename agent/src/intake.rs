//! Hot path: from a datagram to the gathering: reading, tags, encoding, accounts. One of each worker's own, so that its buffers are used again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use spoor_model::SpanBatch;
use spoor_pipeline::{Quiet, is_nameless};
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
        self.accounts.received(datagram.spans.len(), datagram.spans.repaired_texts());
        self.take_out_nameless(&mut datagram);
        self.tags.append_to(&mut datagram.spans);
        for_each_process(&datagram.spans, datagram.format, scratch, |process, spans, encoded| {
            self.gathering.add(datagram.format, process, spans, encoded);
        });
    }

    /// A collector refuses spans without ids and stores the others, but the answer is one for the batch, in which many datagrams come together.
    fn take_out_nameless(&self, datagram: &mut Datagram) {
        let nameless = datagram.spans.span_rows().iter().filter(|span| is_nameless(span)).count();
        if nameless == 0 {
            return;
        }
        datagram.spans.retain_spans(|_, span| !is_nameless(span));
        self.accounts.without_ids(datagram.format, nameless);
        if let Some(left_out) = self.quiet.allows() {
            tracing::warn!(
                spans = nameless,
                left_out,
                "a datagram has spans without a trace id or a span id; they are dropped"
            );
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::buffer::Buffer;
    use crate::testing;

    fn mixed(_: Protocol, _: &Bytes) -> Result<Datagram, spoor_proto::DecodeError> {
        let spans = testing::batch_of_ids("shop", [1, 0, 2, 0, 0]);
        Ok(Datagram { format: Format::Jaeger, spans, sequence: None, stats: None })
    }

    #[tokio::test]
    async fn spans_without_ids_are_counted_by_themselves_and_cost_the_others_of_their_datagram_nothing() {
        let accounts = Arc::new(Accounts::default());
        let buffer = Arc::new(Buffer::in_memory(1 << 20, Arc::clone(&accounts)));
        let intake = Intake {
            decode: mixed,
            tags: Arc::default(),
            gathering: Arc::new(Gathering::new(Arc::clone(&buffer), 1 << 20, Duration::ZERO)),
            clients: Arc::default(),
            accounts: Arc::clone(&accounts),
            quiet: Arc::default(),
        };
        assert!(intake.take(Protocol::Compact, &Bytes::new(), &mut Scratch::default()));
        intake.gathering.flush();
        let taken = buffer.take().await;
        assert_eq!(taken.package().spans, 2);
        taken.delivered();
        let counts = accounts.counts();
        assert_eq!((counts.received, counts.delivered, counts.without_ids), (5, 2, 3));
        assert_eq!((counts.waiting, counts.in_flight, counts.refused), (0, 0, 0));
    }
}
