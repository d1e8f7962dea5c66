//! The one table of what a collector's answer means for the batch and for the collector.

use std::time::Duration;

use spoor_net::grpc::rejected_spans;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::connection::CallError;
use crate::package::Suspicion;

/// The longest that a collector may ask to be left alone.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How long a batch is tried again that meets failures of which nothing is known.
const UNSURE: Duration = Duration::from_secs(60);

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A collector has it.
    Delivered,
    /// No collector will ever take it.
    Refused(String),
    /// A collector has it but for so many spans, which none will ever take.
    RefusedInPart { spans: u32, why: String },
    /// This collector cannot, now; it is left alone for `rest` or the usual pause. Nothing is held against the batch.
    Elsewhere { rest: Option<Duration>, why: String },
    /// The batch or the collector is at fault; after several times, and no sooner than after `patience`, it was the batch.
    Suspect { patience: Duration, why: String },
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
        Code::InvalidArgument if let Some(spans) = rejected_spans(status) => {
            Verdict::RefusedInPart { spans, why }
        }
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::FailedPrecondition
        | Code::DataLoss
        | Code::NotFound
        | Code::AlreadyExists => Verdict::Refused(why),
        // Spoor's collector says so of what it cannot read.
        Code::Internal => Verdict::Suspect { patience: Duration::ZERO, why },
        // Jaeger's collector says so of many things; proxies and collectors that are half dead do, too.
        Code::Unknown => Verdict::Suspect { patience: UNSURE, why },
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

/// Whether so many failures since then were the batch's own fault.
pub(super) fn is_its_own_fault(suspicion: Suspicion, retry_max: u32, patience: Duration) -> bool {
    suspicion.failures >= retry_max && suspicion.since.is_some_and(|since| since.elapsed() >= patience)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
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
        let Verdict::Suspect { patience: Duration::ZERO, .. } = verdict(Status::internal("undecodable"))
        else {
            panic!("it may be the batch");
        };
        assert_eq!(judge(Ok(())), Verdict::Delivered);
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_failures_are_the_batchs_fault_only_when_they_go_on() {
        let Verdict::Suspect { patience, .. } = verdict(Status::unknown("half dead")) else {
            panic!("it may be the batch");
        };
        let first = Suspicion { failures: 3, since: Some(Instant::now()) };
        assert!(is_its_own_fault(first, 3, Duration::ZERO) && !is_its_own_fault(first, 3, patience));
        tokio::time::advance(patience).await;
        assert!(is_its_own_fault(first, 3, patience) && !is_its_own_fault(first, 4, patience));
    }
}
