//! How every reader and store asks: only a store that is ready, by one deadline, for answers that can be told to be whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use spoor_model::UnixNanos;
use spoor_storage::{ReadError, ReadErrorKind, RecordError, RecordErrorKind, RequestContext};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Config;
use crate::client::{Cause, Chunks, Client, Error, Fault, Reply, Request, Server};
use crate::index::Targets;
use crate::setup::{NotReady, Readiness, Setup};
use crate::turns::{Answered, Room, Turns};
use crate::wholeness::{self, WHOLENESS};

/// So many nodes may go away one after the other while one search is answered.
const NODES_LOST: usize = 2;

/// The way to the store, shared by everything that is opened together.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    client: Arc<Client>,
    setup: Arc<Setup>,
    turns: Turns,
    /// The longest that one request may take.
    timeout: Option<Duration>,
}

impl Access {
    pub(crate) fn new(client: Arc<Client>, setup: Arc<Setup>, config: &Config) -> Self {
        Self {
            client,
            setup,
            turns: Turns::new(config.reading.max_concurrent_searches),
            timeout: Some(config.connection.timeout).filter(|timeout| !timeout.is_zero()),
        }
    }

    /// Whether all can be read, and if not, why: now and whenever it changes.
    pub(crate) fn readiness(&self) -> tokio::sync::watch::Receiver<Readiness> {
        self.setup.readiness_to_read()
    }

    /// Nothing when the store can be asked in time for what is in all that is read: aliases and remote clusters.
    pub(crate) async fn check_ready(
        &self,
        context: &RequestContext,
        attempted: &str,
    ) -> Result<(), ReadError> {
        Self::checked(context, attempted, self.setup.ready_to_read(context.deadline)).await
    }

    /// Nothing when the store itself can be asked in time.
    pub(crate) async fn check_prepared(
        &self,
        context: &RequestContext,
        attempted: &str,
    ) -> Result<(), ReadError> {
        Self::checked(context, attempted, self.setup.ready(context.deadline)).await
    }

    async fn checked(
        context: &RequestContext,
        attempted: &str,
        ready: impl Future<Output = Result<Server, NotReady>>,
    ) -> Result<(), ReadError> {
        if context.remaining().is_zero() {
            let what = "the deadline had passed before the question";
            return Err(ReadError::new(ReadErrorKind::DeadlineExceeded, attempted, what));
        }
        match ready.await {
            Ok(_) => Ok(()),
            Err(not_ready) => Err(ReadError::new(ReadErrorKind::Unavailable, attempted, not_ready)),
        }
    }

    /// The server, once it is ready to be written to.
    pub(crate) async fn ready_to_write(
        &self,
        context: &RequestContext,
        attempted: &str,
    ) -> Result<Server, RecordError> {
        if context.remaining().is_zero() {
            let what = "the deadline had passed before the write";
            return Err(RecordError::new(RecordErrorKind::DeadlineExceeded, attempted, what));
        }
        let ready = self.setup.ready(context.deadline).await;
        ready.map_err(|not_ready| RecordError::new(RecordErrorKind::Unavailable, attempted, not_ready))
    }

    /// Sends one search, whatever the size of its answer. `filter` names what is to come back besides what tells that the
    /// answer is whole, or is [`EVERYTHING`].
    pub(crate) async fn search(
        &self,
        context: &RequestContext,
        targets: &Targets,
        filter: &str,
        body: &Value,
        attempted: &str,
    ) -> Result<Answered, ReadError> {
        let usual = self.search_within(Room::Usual, context, targets, filter, body, attempted).await;
        if !usual.as_ref().is_err_and(is_too_large) {
            return usual;
        }
        self.search_within(Room::Most, context, targets, filter, body, attempted).await
    }

    /// Sends one search for an answer that fits into the room; see [`is_too_large`].
    pub(crate) async fn search_within(
        &self,
        room: Room,
        context: &RequestContext,
        targets: &Targets,
        filter: &str,
        body: &Value,
        attempted: &str,
    ) -> Result<Answered, ReadError> {
        let body = self.timed(context, body).to_string().into_bytes();
        let copies = copies(context).map_or_else(String::new, |copies| format!("preference={copies}&"));
        let request = Request::search(search_path(targets, &copies, filter), body, attempted);
        self.question(room, context, request).await
    }

    /// Sends several searches of the same indices as one request. `filter` as in [`Access::search`].
    pub(crate) async fn multi_search(
        &self,
        context: &RequestContext,
        targets: &Targets,
        filter: &str,
        questions: impl Iterator<Item = Value>,
        attempted: &str,
    ) -> Result<Answered, ReadError> {
        let mut header =
            json!({ "index": targets.names(), "ignore_unavailable": true, "allow_no_indices": true });
        if let Some(copies) = copies(context) {
            header["preference"] = copies.into();
        }
        let header = header.to_string();
        let mut lines = String::new();
        for question in questions {
            let question = self.timed(context, &question).to_string();
            lines.extend([header.as_str(), "\n", question.as_str(), "\n"]);
        }
        let path = multi_search_path(filter);
        let request = Request::lines(path, Chunks::from(lines.into_bytes()), attempted);
        self.question(Room::Usual, context, request).await
    }

    /// As [`Access::ask_within`] for what may be asked any number of times. The store itself asks the next copy of a shard when a node goes
    /// away, but not for the documents of hits that this node had found: that takes a new search.
    async fn question(
        &self,
        room: Room,
        context: &RequestContext,
        request: Request,
    ) -> Result<Answered, ReadError> {
        let mut answer = self.ask_within(room, context, request.clone()).await?;
        for _ in 0..NODES_LOST {
            if !wholeness::has_lost_a_node(&answer) {
                break;
            }
            drop(answer);
            answer = self.ask_within(room, context, request.clone()).await?;
        }
        Ok(answer)
    }

    /// Asks on behalf of the context's caller when the turn comes for an answer of that size.
    pub(crate) async fn ask_within(
        &self,
        room: Room,
        context: &RequestContext,
        request: Request,
    ) -> Result<Answered, ReadError> {
        let turns = self.turns.take(room, context, &request.attempted).await?;
        let request = Request { largest_answer: room.bytes(), ..request };
        let body = self.ask(context, request).await?.body;
        Ok(Answered::new(body, turns))
    }

    /// Asks on behalf of the context's caller, out of turn: for what is no search.
    pub(crate) async fn ask(&self, context: &RequestContext, request: Request) -> Result<Reply, Error> {
        let answer = self.client.send_for(context, request).await;
        if answer.as_ref().is_err_and(|error| error.status().is_some_and(|status| status.is_server_error())) {
            self.setup.doubt();
        }
        answer
    }

    pub(crate) async fn send(&self, request: Request, deadline: Instant) -> Result<Reply, Error> {
        self.client.send(request, deadline).await
    }

    /// The question with the time that is left for it, so that the store gives up when nobody waits any more. In whole
    /// seconds, rounded up: the store's cache of answers takes questions with other times for other ones.
    fn timed(&self, context: &RequestContext, question: &Value) -> Value {
        let left = context.remaining().min(self.timeout.unwrap_or(Duration::MAX));
        let mut question = question.clone();
        let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
        question["timeout"] = format!("{}s", seconds.max(1)).into();
        question
    }
}

/// Which copies of the shards are asked: with the same text the store takes the same ones as long as they are there. It must not begin
/// with `_`, which has a meaning of its own.
fn copies(context: &RequestContext) -> Option<String> {
    context.question.map(|question| format!("q{question:016x}"))
}

/// The answer was larger than there was room for: less has to be asked for at once, or more room taken.
pub(crate) fn is_too_large(error: &ReadError) -> bool {
    error.source.downcast_ref::<Fault>().is_some_and(|fault| matches!(fault.cause, Cause::TooLarge(_)))
}

/// In place of a filter: all of an answer comes back. To take whole documents out of it costs the store half as much again as
/// to find and send them as they lie there, and what comes besides is a sixth of them.
pub(crate) const EVERYTHING: &str = "";

/// The address of a search; `more` are parameters, each with `&` behind it.
pub(crate) fn search_path(targets: &Targets, more: &str, filter: &str) -> String {
    let path = format!("/{}/_search?{more}ignore_unavailable=true&allow_no_indices=true", targets.path());
    if filter == EVERYTHING { path } else { format!("{path}&filter_path={WHOLENESS},{filter}") }
}

fn multi_search_path(filter: &str) -> String {
    if filter == EVERYTHING {
        return "/_msearch".to_owned();
    }
    let fields = WHOLENESS.split(',').chain(filter.split(','));
    let fields: Vec<String> = fields.map(|field| format!("responses.{field}")).collect();
    format!("/_msearch?filter_path=responses.error,responses.status,{}", fields.join(","))
}

/// Reads an answer's JSON.
pub(crate) fn parse_json<'a, T: Deserialize<'a>>(body: &'a [u8], attempted: &str) -> Result<T, ReadError> {
    serde_json::from_slice(body).map_err(|error| {
        ReadError::new(
            ReadErrorKind::Incomplete,
            attempted,
            format!("an answer that is not understood: {error}"),
        )
    })
}

impl From<Error> for RecordError {
    fn from(error: Error) -> Self {
        let kind = match &error.fault.cause {
            Cause::TimedOut => RecordErrorKind::DeadlineExceeded,
            Cause::Status(refusal) => match refusal.status {
                StatusCode::TOO_MANY_REQUESTS => RecordErrorKind::Busy,
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => RecordErrorKind::Refused,
                _ => RecordErrorKind::Unavailable,
            },
            _ => RecordErrorKind::Unavailable,
        };
        Self::new(kind, error.attempted, error.fault)
    }
}

/// The address of one document. Where the index is to be an alias it must be one already.
pub(crate) fn document_path(index: &str, id: &str, require_alias: bool) -> String {
    let (index, id) = (crate::index::encoded(index), crate::index::encoded(id));
    let alias = if require_alias { "?require_alias=true" } else { "" };
    format!("/{index}/_doc/{id}{alias}")
}

/// A moment as documents spell it, to the nanosecond where it has any: `2026-08-20T00:00:00Z`.
pub(crate) fn rfc3339(moment: UnixNanos) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.0));
    moment.expect("the year is at most 2554").format(&Rfc3339).expect("a year of four digits")
}
