//! A trace as it comes out of the store, part after part, for who wants it as it was received: its answer begins before its last span
//! is read, and never more than a few parts of it are held. A turn is held while the store is asked, and given back while the client is
//! waited for. Adjusting needs the whole trace; that is the other way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use spoor_model::{SpanBatch, TraceLookup};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext, SpanReader};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::Instrument;

use super::slow::Shape;
use super::{Room, Service, Turn};
use crate::metrics::Operation;

/// How long a part may lie ready without being taken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a whole trace may take: every part has its own, shorter time.
const LONGEST: Duration = Duration::from_secs(86_400);
/// Parts held at a time: one being written, one ready, one just read.
const PARTS_HELD: usize = 3;
const ATTEMPTED: &str = "read a trace";

/// A part, or none at the trace's end.
type Part = Result<Option<SpanBatch>, ReadError>;

/// A known trace on its way. Dropping it stops the reading.
pub(crate) struct LiveTrace {
    first: Option<SpanBatch>,
    rest: Receiver<Part>,
    /// For as long as some of it is held.
    _room: SharedRoom,
}

/// Of who reads and who writes.
type SharedRoom = Arc<Mutex<Room>>;

impl LiveTrace {
    /// The next part; none at the trace's end.
    ///
    /// # Errors
    /// When the store fails midway: what came before is true, but not the whole trace. Also when nothing was taken for too long.
    pub(crate) async fn next(&mut self) -> Part {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        received(&mut self.rest).await
    }
}

async fn received(parts: &mut Receiver<Part>) -> Part {
    let given_up = || {
        let reason = format!("nothing was taken of it for {} s", PATIENCE.as_secs());
        ReadError::new(ReadErrorKind::Unavailable, ATTEMPTED, reason)
    };
    parts.recv().await.unwrap_or_else(|| Err(given_up()))
}

impl Service {
    /// The trace of that id, be it in the archive alone, or none. It has begun to come when this returns.
    ///
    /// # Errors
    /// As [`Service::traces`].
    pub(crate) async fn live_trace(
        self: &Arc<Self>,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<Option<LiveTrace>, ReadError> {
        if lookup.trace_id.is_none() {
            return Ok(None);
        }
        let archive = self.stores.archive.as_ref().map(|archive| &archive.reader);
        for reader in std::iter::once(&self.stores.reader).chain(archive) {
            let turn = self.turn().await?;
            let room = Arc::new(Mutex::new(self.room_without_turn()?));
            let (to_client, mut rest) = channel(1);
            let reading = Reading {
                service: Arc::clone(self),
                reader: Arc::clone(reader),
                context: context.clone(),
                lookup: lookup.clone(),
            };
            tokio::spawn(reading.run(turn, room.clone(), to_client).in_current_span());
            let first = received(&mut rest);
            let count = |part: &Option<SpanBatch>| usize::from(part.is_some());
            if let Some(first) = self.measured(Operation::get_trace, context, count, first).await? {
                return Ok(Some(LiveTrace { first: Some(first), rest, _room: room }));
            }
        }
        Ok(None)
    }
}

/// Reads a trace for as long as somebody takes it.
struct Reading {
    service: Arc<Service>,
    reader: Arc<dyn SpanReader>,
    context: RequestContext,
    lookup: TraceLookup,
}

impl Reading {
    async fn run(mut self, turn: Turn, room: SharedRoom, to_client: Sender<Part>) {
        self.context.deadline = Instant::now() + LONGEST;
        tokio::select! {
            () = to_client.closed() => {}
            () = self.feed(turn, &room, &to_client) => {}
        }
    }

    async fn feed(&self, mut turn: Turn, room: &SharedRoom, to_client: &Sender<Part>) {
        let mut watch = self.service.slow.watch(Shape::Lookup { ids: 1, raw: true });
        let asked = self.in_time(self.reader.trace(&self.context, &self.lookup));
        let mut parts = match watch.asking(asked).await {
            Ok(parts) => parts,
            Err(error) => {
                drop(turn);
                return drop(to_client.send(Err(error)).await);
            }
        };
        loop {
            let part = watch.asking(self.in_time(async { parts.next().await.transpose() })).await;
            let part = part.and_then(|part| self.with_room(room, part));
            if let Ok(part) = &part {
                watch.came(part.as_ref());
            }
            drop(turn);
            let is_last = !matches!(part, Ok(Some(_)));
            if watch.giving(to_client.send_timeout(part, PATIENCE)).await.is_err() || is_last {
                return;
            }
            turn = match self.service.turn_again().await {
                Ok(turn) => turn,
                Err(error) => return drop(to_client.send(Err(error)).await),
            };
        }
    }

    async fn in_time<T>(&self, question: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        let timeout = self.service.timeout;
        tokio::time::timeout(timeout, question).await.unwrap_or_else(|_| {
            let reason = format!("nothing came of it within {timeout:?} (--query.request-timeout)");
            Err(ReadError::new(ReadErrorKind::DeadlineExceeded, ATTEMPTED, reason))
        })
    }

    fn with_room(&self, room: &SharedRoom, part: Option<SpanBatch>) -> Part {
        if let Some(part) = &part {
            let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
            self.service.resize(&mut room, part.memory_bytes() * PARTS_HELD)?;
        }
        Ok(part)
    }
}
