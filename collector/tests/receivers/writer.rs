//! A store that does as it is told, call by call, and remembers what it stored.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spoor_model::{SpanBatch, SpanView};
use spoor_storage::{Rejection, RequestContext, SpanWriter, WriteError, WriteErrorKind, Written};
use tokio::sync::Semaphore;

/// What a write does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Stores all.
    Store,
    /// Stores nothing.
    Fail(WriteErrorKind, Option<Duration>),
    /// Never takes spans of this name; stores the others.
    Reject(&'static str),
    /// Waits for the gate, then stores all.
    Gated,
    /// Never answers, whatever the deadline.
    Hang,
    Panic,
    /// Says Ok with one span fewer than it was given.
    Lie,
    /// Breaks off without a word about what became of the spans.
    Silent,
    /// Stores the first span, refuses the second for good, and breaks off.
    Half,
}

/// What is remembered of a stored span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) span_id: u64,
}

pub(crate) struct FakeWriter {
    script: Mutex<VecDeque<Act>>,
    stored: Mutex<Vec<Stored>>,
    deadlines: Mutex<Vec<Duration>>,
    tenants: Mutex<Vec<String>>,
    /// Lets a gated write go on.
    pub(crate) gate: Semaphore,
    /// Counts the writes that have begun.
    pub(crate) begun: Semaphore,
}

impl FakeWriter {
    /// Acts as told, then stores.
    pub(crate) fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self {
            script: Mutex::new(script.into_iter().collect()),
            stored: Mutex::default(),
            deadlines: Mutex::default(),
            tenants: Mutex::default(),
            gate: Semaphore::new(0),
            begun: Semaphore::new(0),
        }
    }

    pub(crate) fn stored(&self) -> Vec<Stored> {
        self.stored.lock().unwrap().clone()
    }

    /// The time left in each write's context when it began.
    pub(crate) fn patience(&self) -> Vec<Duration> {
        self.deadlines.lock().unwrap().clone()
    }

    /// The tenant in each write's context.
    pub(crate) fn tenants(&self) -> Vec<String> {
        self.tenants.lock().unwrap().clone()
    }

    /// Waits until one more write has begun.
    pub(crate) async fn has_begun(&self) {
        self.begun.acquire().await.unwrap().forget();
    }

    fn store<'a>(&self, spans: impl Iterator<Item = SpanView<'a>>) -> usize {
        let mut stored = self.stored.lock().unwrap();
        let before = stored.len();
        stored.extend(spans.map(|span| Stored {
            service: span.service().to_owned(),
            name: span.name().to_owned(),
            span_id: span.span_id().0,
        }));
        stored.len() - before
    }
}

fn rejection(index: usize, span: SpanView<'_>) -> Rejection {
    let reason = "mapping conflict".to_owned();
    Rejection { index, trace_id: span.trace_id(), span_id: span.span_id(), reason }
}

#[async_trait]
impl SpanWriter for FakeWriter {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        self.deadlines.lock().unwrap().push(context.remaining());
        self.tenants.lock().unwrap().push(context.tenant.name().to_owned());
        let act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Store);
        self.begun.add_permits(1);
        match act {
            Act::Store => {}
            Act::Gated => self.gate.acquire().await.unwrap().forget(),
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("told to"),
            Act::Lie => return Ok(Written { stored: batch.len() - 1, rejected: Vec::new() }),
            Act::Fail(kind, retry_after) => {
                let error = WriteError::nothing_settled(kind, batch.len(), "told to fail");
                return Err(WriteError { retry_after, ..error });
            }
            Act::Reject(name) => {
                let bad: Vec<_> = batch.spans().enumerate().filter(|(_, span)| span.name() == name).collect();
                let rejected = bad.into_iter().map(|(index, span)| rejection(index, span)).collect();
                let stored = self.store(batch.spans().filter(|span| span.name() != name));
                return Ok(Written { stored, rejected });
            }
            Act::Silent => {
                let error = WriteError::nothing_settled(WriteErrorKind::Unavailable, batch.len(), "silent");
                return Err(WriteError { unfinished: Vec::new(), ..error });
            }
            Act::Half => {
                let stored = self.store(batch.spans().take(1));
                let rejected = batch.span(1).map(|span| rejection(1, span)).into_iter().collect();
                let error =
                    WriteError::nothing_settled(WriteErrorKind::Unavailable, batch.len(), "broke off");
                let unfinished = (2..batch.len()).collect();
                return Err(WriteError { settled: Written { stored, rejected }, unfinished, ..error });
            }
        }
        Ok(Written { stored: self.store(batch.spans()), rejected: Vec::new() })
    }
}
