//! The one place where what went wrong becomes a gRPC status.

use std::time::Duration;

use spoor_storage::{ReadError, ReadErrorKind, WriteError, WriteErrorKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::causes::with_causes;
use crate::service::ArchiveError;

/// When to ask again, in answers that say that it helps.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// Most bytes of a message. It travels as a header, percent-encoded, and a header that is too large for a client ends its connection, with all
/// that is asked by it; what was asked may be of any length and stands in messages.
const MOST_MESSAGE_BYTES: usize = 1 << 10;

/// There is no such trace; Jaeger's words.
pub(super) fn trace_not_found() -> Status {
    Status::not_found("trace not found")
}

/// Jaeger answers INTERNAL whenever its store fails. Clients act differently on what is theirs to change, on what will pass, and on
/// time that is up, so that these have their own codes.
fn code_of(kind: ReadErrorKind) -> Code {
    match kind {
        ReadErrorKind::Invalid => Code::InvalidArgument,
        ReadErrorKind::Busy => Code::ResourceExhausted,
        ReadErrorKind::DeadlineExceeded => Code::DeadlineExceeded,
        ReadErrorKind::Unavailable => Code::Unavailable,
        ReadErrorKind::Incomplete => Code::Internal,
    }
}

/// A question that the store did not answer.
#[expect(clippy::needless_pass_by_value, reason = "the last use of an error")]
pub(super) fn read_failed(error: ReadError) -> Status {
    let message = with_causes(&error);
    match error.kind {
        ReadErrorKind::Invalid => tracing::debug!(error = message, "a question was refused by the store"),
        _ => tracing::warn!(kind = ?error.kind, error = message, "a question could not be answered"),
    }
    status(code_of(error.kind), message)
}

/// A trace that was not archived.
pub(super) fn archive_failed(error: ArchiveError) -> Status {
    let code = match error {
        ArchiveError::Read(error) => return read_failed(error),
        ArchiveError::NotFound => return trace_not_found(),
        ArchiveError::NoArchive => Code::Unimplemented,
        ArchiveError::TooLarge => Code::FailedPrecondition,
        ArchiveError::Refused { .. } => Code::Internal,
        ArchiveError::Write(WriteError { kind, .. }) => match kind {
            WriteErrorKind::Busy => Code::ResourceExhausted,
            WriteErrorKind::Unavailable => Code::Unavailable,
            WriteErrorKind::DeadlineExceeded => Code::DeadlineExceeded,
        },
    };
    let message = with_causes(&error);
    tracing::warn!(error = message, "a trace was not archived");
    status(code, message)
}

/// The status with as much of its message as every client takes.
pub(super) fn bounded(status: Status) -> Status {
    if status.message().len() <= MOST_MESSAGE_BYTES {
        return status;
    }
    let end = status.message().floor_char_boundary(MOST_MESSAGE_BYTES);
    let message = format!("{}…", &status.message()[..end]);
    let details = bytes::Bytes::copy_from_slice(status.details());
    Status::with_details_and_metadata(status.code(), message, details, status.metadata().clone())
}

fn status(code: Code, message: String) -> Status {
    bounded(unbounded(code, message))
}

fn unbounded(code: Code, message: String) -> Status {
    if code == Code::ResourceExhausted {
        return Status::with_error_details(code, message, ErrorDetails::with_retry_info(Some(BUSY_PAUSE)));
    }
    Status::new(code, message)
}
