//! The one table of what a collector's answer means for the batch and for the collector.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::connection::CallError;

/// The longest that a collector may ask to be left alone.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A collector has it.
    Delivered,
    /// No collector will ever take it.
    Refused(String),
    /// This collector cannot, now; it is left alone for `rest` or the usual pause. Nothing is held against the batch.
    Elsewhere { rest: Option<Duration>, why: String },
    /// The batch or the collector is at fault; after several times it was the batch.
    Suspect(String),
}

/// Judges the answer to a batch.
pub(super) fn judge<T>(answer: Result<T, CallError>) -> Verdict {
    match answer {
        Ok(_) => Verdict::Delivered,
        Err(CallError::Lost(error)) => Verdict::Elsewhere { rest: None, why: error.to_string() },
        Err(CallError::Status(status)) => judge_status(&status),
    }
}

fn judge_status(status: &Status) -> Verdict {
    let why = format!("{:?}: {}", status.code(), status.message());
    let rest = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let rest = rest.map(|rest| rest.min(LONGEST_REST));
    match status.code() {
        Code::Ok => Verdict::Delivered,
        // gRPC's servers say so of a message over their limit, which no pause makes smaller.
        Code::ResourceExhausted if rest.is_none() && status.message().contains("larger than") => {
            Verdict::Refused(why)
        }
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::FailedPrecondition
        | Code::DataLoss
        | Code::NotFound
        | Code::AlreadyExists => Verdict::Refused(why),
        Code::Internal | Code::Unknown => Verdict::Suspect(why),
        // Away or busy; or this collector's settings do not fit ours, which a person puts right while the batch waits.
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::Unimplemented => Verdict::Elsewhere { rest, why },
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn verdict(status: Status) -> Verdict {
        judge::<()>(Err(CallError::Status(Box::new(status))))
    }

    #[test]
    fn a_collector_that_is_away_or_busy_costs_the_batch_nothing() {
        for code in
            [Code::Unavailable, Code::ResourceExhausted, Code::DeadlineExceeded, Code::Unauthenticated]
        {
            assert!(matches!(verdict(Status::new(code, "later")), Verdict::Elsewhere { rest: None, .. }));
        }
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        let asked = Status::with_error_details(Code::ResourceExhausted, "larger than usual load", details);
        let Verdict::Elsewhere { rest, .. } = verdict(asked) else { panic!("it may come again") };
        assert_eq!(rest, Some(Duration::from_secs(7)));
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(86_400)));
        let absurd = Status::with_error_details(Code::Unavailable, "", details);
        assert!(matches!(verdict(absurd), Verdict::Elsewhere { rest: Some(LONGEST_REST), .. }));
        assert!(matches!(
            judge::<()>(Err(CallError::Lost("gone".into()))),
            Verdict::Elsewhere { rest: None, .. }
        ));
    }

    #[test]
    fn what_no_collector_will_take_is_refused_and_what_may_be_is_suspect() {
        let large = Status::new(Code::ResourceExhausted, "grpc: received message larger than max (9 vs. 4)");
        assert!(matches!(verdict(large), Verdict::Refused(_)));
        assert!(matches!(verdict(Status::invalid_argument("no")), Verdict::Refused(_)));
        assert!(matches!(verdict(Status::internal("undecodable")), Verdict::Suspect(_)));
        assert_eq!(judge(Ok(())), Verdict::Delivered);
    }
}
