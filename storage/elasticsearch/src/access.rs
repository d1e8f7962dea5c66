//! How every reader and store asks: only a store that is ready, by one deadline, for answers that can be told to be whole.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use spoor_model::UnixNanos;
use spoor_storage::{ReadError, ReadErrorKind, RecordError, RecordErrorKind, RequestContext};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{Cause, Client, Error, Reply, Request, Server};
use crate::index::Targets;
use crate::setup::Setup;
use crate::wholeness::WHOLENESS;

/// The way to the store, shared by everything that is opened together.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    client: Arc<Client>,
    setup: Arc<Setup>,
}

impl Access {
    pub(crate) fn new(client: Arc<Client>, setup: Arc<Setup>) -> Self {
        Self { client, setup }
    }

    /// As the function of that name.
    pub(crate) async fn check_ready(
        &self,
        context: &RequestContext,
        attempted: &str,
    ) -> Result<(), ReadError> {
        check_ready(&self.setup, context, attempted).await
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

    /// As the function of that name.
    pub(crate) async fn search(
        &self,
        context: &RequestContext,
        targets: &Targets,
        filter: &str,
        body: &Value,
        attempted: &str,
    ) -> Result<Bytes, ReadError> {
        search(&self.client, context, targets, filter, body, attempted).await
    }

    /// Asks on behalf of the context's caller.
    pub(crate) async fn ask(&self, context: &RequestContext, request: Request) -> Result<Reply, Error> {
        self.client.send_for(context, request).await
    }

    pub(crate) async fn send(&self, request: Request, deadline: Instant) -> Result<Reply, Error> {
        self.client.send(request, deadline).await
    }
}

/// Nothing when the store can be asked in time.
pub(crate) async fn check_ready(
    setup: &Setup,
    context: &RequestContext,
    attempted: &str,
) -> Result<(), ReadError> {
    if context.remaining().is_zero() {
        let what = "the deadline had passed before the question";
        return Err(ReadError::new(ReadErrorKind::DeadlineExceeded, attempted, what));
    }
    match setup.ready(context.deadline).await {
        Ok(_) => Ok(()),
        Err(not_ready) => Err(ReadError::new(ReadErrorKind::Unavailable, attempted, not_ready)),
    }
}

/// Sends one search. `filter` names what is to come back besides what tells that the answer is whole.
pub(crate) async fn search(
    client: &Client,
    context: &RequestContext,
    targets: &Targets,
    filter: &str,
    body: &Value,
    attempted: &str,
) -> Result<Bytes, ReadError> {
    let path = search_path(targets, "", filter);
    let request = Request::search(path, body.to_string().into_bytes(), attempted);
    Ok(client.send_for(context, request).await?.body)
}

/// The address of a search; `more` are parameters, each with `&` behind it.
pub(crate) fn search_path(targets: &Targets, more: &str, filter: &str) -> String {
    let targets = targets.path();
    format!(
        "/{targets}/_search?{more}ignore_unavailable=true&allow_no_indices=true&filter_path={WHOLENESS},{filter}"
    )
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
