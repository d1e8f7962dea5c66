//! Sends one bulk and files the verdicts. A bulk that is too large for the server (413) is cut in halves until it fits.

use std::time::Instant;

use http::StatusCode;
use spoor_storage::WriteErrorKind;
use spoor_tracer::{KeyValue, OwnSpan, SpanKind};

use super::BulkMetrics;
use super::pace::Load;
use super::queue::Part;
use super::verdict::{self, Trouble, Verdict};
use crate::client::{Chunks, Client, Error, Request};

/// Only what is judged comes back: without the filter an answer is ten times as long.
const PATH: &str = "/_bulk?filter_path=items.*.status,items.*.error";

/// How the sending of one bulk ended.
enum Sent {
    /// All its items are settled.
    Settled(Load),
    /// It was too large; these are its halves.
    Halved(Vec<Part>, Vec<Part>),
}

/// Sends the parts and settles all their items, whatever happens. Answers how the store bears it.
pub(super) async fn send(client: &Client, metrics: &BulkMetrics, parts: Vec<Part>) -> Load {
    let mut bulks = vec![parts];
    let mut heaviest = Load::Bearable;
    while let Some(bulk) = bulks.pop() {
        match send_once(client, metrics, bulk).await {
            Sent::Settled(Load::Bearable) => {}
            Sent::Settled(too_much) => heaviest = too_much,
            Sent::Halved(front, back) => bulks.extend([back, front]),
        }
    }
    if heaviest != Load::Bearable {
        metrics.slowed();
    }
    heaviest
}

async fn send_once(client: &Client, metrics: &BulkMetrics, bulk: Vec<Part>) -> Sent {
    let items = bulk.iter().map(|part| part.items.len()).sum();
    let Some(deadline) = bulk.iter().map(|part| part.ticket.deadline).max() else {
        return Sent::Settled(Load::Bearable);
    };
    let mut body = Chunks::default();
    bulk.iter().for_each(|part| body.push(part.bytes()));
    let bytes = body.len();
    let attempted = format!("send a bulk of {items} documents ({bytes} bytes)");
    let begun = Instant::now();
    let within = own_span(&bulk);
    let request = Request::lines(PATH, body, attempted.as_str()).once();
    let result = client.send_within(&within, request, deadline).await;
    within.end();
    let verdicts = result.and_then(|reply| {
        verdict::parse(&reply.body, items).map_err(|what| reply.malformed(&attempted, &what))
    });
    match verdicts {
        Ok(verdicts) => {
            metrics.answered(begun.elapsed(), &verdicts);
            let too_much = verdicts.iter().any(is_too_much);
            file(&bulk, verdicts);
            Sent::Settled(if too_much { Load::TooMuch(None) } else { Load::Bearable })
        }
        Err(error) if error.status() == Some(StatusCode::PAYLOAD_TOO_LARGE) && items > 1 => {
            tracing::debug!(items, bytes, "the store takes no bulk of this size; sending its halves");
            metrics.halved(begun.elapsed());
            let (front, back) = halves(bulk, items / 2);
            Sent::Halved(front, back)
        }
        Err(error) if error.status() == Some(StatusCode::PAYLOAD_TOO_LARGE) => {
            let reason = format!(
                "the document of {bytes} bytes is larger than the store takes (413): raise its http.max_content_length, or the limit of a proxy \
                 before it"
            );
            let verdicts = vec![Verdict::Rejected(reason)];
            metrics.answered(begun.elapsed(), &verdicts);
            file(&bulk, verdicts);
            Sent::Settled(Load::Bearable)
        }
        Err(error) => {
            metrics.failed(begun.elapsed(), items);
            fail(&bulk, &error);
            // A store that is late works on what it was sent even when nobody waits for it any more.
            let too_much =
                matches!(error.write_kind(), WriteErrorKind::Busy | WriteErrorKind::DeadlineExceeded);
            Sent::Settled(if too_much { Load::TooMuch(error.retry_after()) } else { Load::Bearable })
        }
    }
}

/// A bulk is a part of the first of its writes that is recorded, and was done for the others, too.
fn own_span(bulk: &[Part]) -> OwnSpan {
    let mut recorded = bulk.iter().map(|part| &part.ticket.own_span).filter(|span| span.is_recorded());
    let Some(first) = recorded.next() else { return OwnSpan::default() };
    let span = first.child(SpanKind::Internal, "bulk", || {
        let items = bulk.iter().map(|part| part.items.len()).sum::<usize>();
        vec![KeyValue::new("db.operation.batch.size", i64::try_from(items).unwrap_or(i64::MAX))]
    });
    recorded.for_each(|other| span.link(other));
    span
}

fn is_too_much(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Unfinished(trouble) if trouble.kind == WriteErrorKind::Busy)
}

fn file(bulk: &[Part], verdicts: Vec<Verdict>) {
    let mut verdicts = verdicts.into_iter();
    for part in bulk {
        part.ticket.settle(part.items.clone(), verdicts.by_ref().take(part.items.len()));
    }
}

fn fail(bulk: &[Part], error: &Error) {
    tracing::debug!(%error, "a bulk failed");
    let trouble = Trouble { kind: error.write_kind(), reason: error.to_string() };
    for part in bulk {
        part.ticket.fail(part.items.clone(), &trouble, error.retry_after());
    }
}

/// The bulk in two, the first with `count` items.
fn halves(bulk: Vec<Part>, mut count: usize) -> (Vec<Part>, Vec<Part>) {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for mut part in bulk {
        let here = count.min(part.items.len());
        count -= here;
        if here > 0 {
            front.push(part.split_off_front(here));
        }
        if !part.items.is_empty() {
            back.push(part);
        }
    }
    (front, back)
}
