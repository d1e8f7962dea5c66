//! Small bulks of sampling documents, each judged item by item. Not those of spans: they come once a minute.

use serde_json::{Value, json};
use spoor_storage::{RecordError, RecordErrorKind, RequestContext, WriteErrorKind};

use crate::access::Access;
use crate::bulk::{Verdict, parse_verdicts};
use crate::client::{Chunks, Request};

/// Documents in a bulk.
const MOST_ITEMS: usize = 1_000;
/// Bytes in a bulk, beyond which it is sent.
const MOST_BYTES: usize = 2 << 20;

/// Documents that wait to be sent.
pub(super) struct Bulk<'a> {
    attempted: &'a str,
    path: &'static str,
    lines: Vec<u8>,
    items: usize,
}

impl<'a> Bulk<'a> {
    pub(super) fn new(attempted: &'a str, require_alias: bool) -> Self {
        let path = if require_alias {
            "/_bulk?require_alias=true&filter_path=items.*.status,items.*.error"
        } else {
            "/_bulk?filter_path=items.*.status,items.*.error"
        };
        Self { attempted, path, lines: Vec::new(), items: 0 }
    }

    pub(super) fn add(&mut self, index: &str, id: &str, document: &Value) {
        for line in [&json!({ "index": { "_index": index, "_id": id } }), document] {
            serde_json::to_writer(&mut self.lines, line).expect("a JSON value writes into memory");
            self.lines.push(b'\n');
        }
        self.items += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.items >= MOST_ITEMS || self.lines.len() >= MOST_BYTES
    }

    /// Sends what waits. Ok when every document is stored.
    pub(super) async fn send(
        &mut self,
        access: &Access,
        context: &RequestContext,
    ) -> Result<(), RecordError> {
        if self.items == 0 {
            return Ok(());
        }
        let (lines, items) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.items));
        let request = Request::lines(self.path, Chunks::from(lines), self.attempted);
        let reply = access.send(request, context.deadline).await?;
        let verdicts =
            parse_verdicts(&reply.body, items).map_err(|what| reply.malformed(self.attempted, &what))?;
        let first_failure = verdicts.into_iter().find_map(|verdict| match verdict {
            Verdict::Stored => None,
            Verdict::Rejected(reason) => Some((RecordErrorKind::Refused, reason)),
            Verdict::Unfinished(trouble) => Some((kind(trouble.kind), trouble.reason)),
        });
        match first_failure {
            None => Ok(()),
            Some((kind, reason)) => Err(RecordError::new(kind, self.attempted, reason)),
        }
    }
}

fn kind(kind: WriteErrorKind) -> RecordErrorKind {
    match kind {
        WriteErrorKind::Busy => RecordErrorKind::Busy,
        WriteErrorKind::Unavailable => RecordErrorKind::Unavailable,
        WriteErrorKind::DeadlineExceeded => RecordErrorKind::DeadlineExceeded,
    }
}
