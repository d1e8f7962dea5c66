//! Why a request is not answered with success, and the one table that turns this into codes of gRPC and HTTP.
//! Facts: OTLP's specification, "Failures" and "Retryable response codes"; `open-telemetry/opentelemetry-collector
//! receiver/otlpreceiver/internal/errors`.

use std::time::Duration;

use http::StatusCode;
use spoor_net::body::BodyError;
use spoor_net::tenancy::TenancyError;
use spoor_storage::{WriteError, WriteErrorKind};
use tonic::Code;

/// What a sender is asked to wait when the store has not said otherwise.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);

/// A request without success. Its text is for the sender and holds nothing of the payload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    #[error("too many requests at a time; send again later")]
    TooManyRequests,
    #[error("the requests at hand fill the memory set aside for them; send again later")]
    NoRoom,
    #[error("the request is larger than the limit of {limit} bytes; send fewer spans at a time")]
    TooLarge { limit: usize },
    #[error("{0}")]
    UnsupportedEncoding(String),
    #[error("{0}")]
    Undecodable(String),
    #[error("the body did not come in time")]
    SlowBody,
    #[error("the request broke off")]
    BrokenOff,
    #[error("the store has no room right now; send again later")]
    StoreBusy { retry_after: Option<Duration> },
    #[error("the store cannot take spans right now; send again later")]
    StoreUnavailable { retry_after: Option<Duration> },
    #[error("the store did not answer in time; send again later")]
    Late { retry_after: Option<Duration> },
    #[error("an internal error; nothing is acknowledged")]
    Broken,
}

/// How a refusal travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Codes {
    pub(crate) grpc: Code,
    pub(crate) http: StatusCode,
    /// The code within the `google.rpc.Status` of an HTTP answer.
    pub(crate) http_rpc: Code,
    /// When to send again; `None` where the same request would fail again.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// The table.
    pub(crate) fn codes(&self) -> Codes {
        use StatusCode as Http;
        let (grpc, http, http_rpc, retry_after) = match self {
            // As Jaeger's collector has it for gRPC, and its query for HTTP.
            Self::Tenancy(TenancyError::Missing) => refused_at_the_door(Code::Unauthenticated),
            Self::Tenancy(_) => refused_at_the_door(Code::PermissionDenied),
            Self::TooManyRequests | Self::NoRoom => busy(BUSY_PAUSE),
            Self::StoreBusy { retry_after } => busy(retry_after.unwrap_or(BUSY_PAUSE)),
            Self::StoreUnavailable { retry_after } => unavailable(retry_after.unwrap_or(OUTAGE_PAUSE)),
            Self::Late { retry_after } => unavailable(retry_after.unwrap_or(BUSY_PAUSE)),
            Self::TooLarge { .. } => {
                (Code::ResourceExhausted, Http::PAYLOAD_TOO_LARGE, Code::InvalidArgument, None)
            }
            Self::UnsupportedEncoding(_) => {
                (Code::Unimplemented, Http::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, None)
            }
            Self::Undecodable(_) => (Code::Internal, Http::BAD_REQUEST, Code::InvalidArgument, None),
            // Not 408: OTLP's clients repeat a 503 only, and a slow network must not cost them the spans.
            Self::SlowBody => unavailable(BUSY_PAUSE),
            Self::BrokenOff => (Code::Cancelled, Http::BAD_REQUEST, Code::Cancelled, None),
            // By gRPC not INTERNAL, which senders take for a verdict on the request at once, nor UNAVAILABLE, with which a request that breaks
            // every collector would come again for ever: UNKNOWN is tried again for a while.
            Self::Broken => (Code::Unknown, Http::INTERNAL_SERVER_ERROR, Code::Internal, None),
        };
        Codes { grpc, http, http_rpc, retry_after }
    }

    /// The word that metrics count it under.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Tenancy(_) => "tenancy",
            Self::TooManyRequests => "too_many_requests",
            Self::NoRoom => "no_room",
            Self::TooLarge { .. } => "too_large",
            Self::UnsupportedEncoding(_) => "unsupported_encoding",
            Self::Undecodable(_) => "undecodable",
            Self::SlowBody => "slow_body",
            Self::BrokenOff => "broken_off",
            Self::StoreBusy { .. } => "busy",
            Self::StoreUnavailable { .. } => "unavailable",
            Self::Late { .. } => "deadline",
            Self::Broken => "internal",
        }
    }
}

type Row = (Code, StatusCode, Code, Option<Duration>);

fn refused_at_the_door(code: Code) -> Row {
    (code, StatusCode::UNAUTHORIZED, code, None)
}

fn busy(pause: Duration) -> Row {
    (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted, Some(pause))
}

fn unavailable(pause: Duration) -> Row {
    (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, Some(pause))
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::TooLarge { limit },
            BodyError::NoRoom(_) => Self::NoRoom,
            BodyError::UnsupportedEncoding(_) => Self::UnsupportedEncoding(error.to_string()),
            BodyError::Corrupt { .. } | BodyError::Frame(_) => Self::Undecodable(error.to_string()),
            BodyError::BrokenOff(_) => Self::BrokenOff,
        }
    }
}

impl From<&WriteError> for Refusal {
    fn from(error: &WriteError) -> Self {
        let retry_after = error.retry_after;
        match error.kind {
            WriteErrorKind::Busy => Self::StoreBusy { retry_after },
            WriteErrorKind::Unavailable => Self::StoreUnavailable { retry_after },
            WriteErrorKind::DeadlineExceeded => Self::Late { retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent_again_says_when_and_nothing_else_does() {
        let codes = |refusal: Refusal| refusal.codes();
        let again = |refusal: Refusal| codes(refusal).retry_after.is_some();
        assert!(again(Refusal::TooManyRequests) && again(Refusal::NoRoom));
        assert!(again(Refusal::Late { retry_after: None }));
        assert!(again(Refusal::StoreBusy { retry_after: None }));
        assert!(!again(Refusal::TooLarge { limit: 1 }) && !again(Refusal::Undecodable(String::new())));
        let asked = Some(Duration::from_secs(30));
        let unavailable = codes(Refusal::StoreUnavailable { retry_after: asked });
        assert_eq!((unavailable.grpc, unavailable.http.as_u16()), (Code::Unavailable, 503));
        assert_eq!(unavailable.retry_after, asked, "the store's own wish is passed on");
        for kind in [WriteErrorKind::Busy, WriteErrorKind::Unavailable, WriteErrorKind::DeadlineExceeded] {
            let error = WriteError { retry_after: asked, ..WriteError::nothing_settled(kind, 1, "no") };
            assert_eq!(codes(Refusal::from(&error)).retry_after, asked, "{kind:?}");
        }
    }

    #[test]
    fn codes_are_those_of_the_otlp_receiver() {
        let pairs = [
            (Refusal::TooManyRequests, Code::ResourceExhausted, 429),
            (Refusal::Tenancy(TenancyError::Missing), Code::Unauthenticated, 401),
            (Refusal::Tenancy(TenancyError::Extra), Code::PermissionDenied, 401),
            (Refusal::Tenancy(TenancyError::Unknown), Code::PermissionDenied, 401),
            (Refusal::TooLarge { limit: 1 }, Code::ResourceExhausted, 413),
            (Refusal::Undecodable(String::new()), Code::Internal, 400),
            (Refusal::UnsupportedEncoding(String::new()), Code::Unimplemented, 415),
            (Refusal::Broken, Code::Unknown, 500),
        ];
        for (refusal, grpc, http) in pairs {
            let codes = refusal.codes();
            assert_eq!((codes.grpc, codes.http.as_u16()), (grpc, http), "{refusal}");
        }
    }
}
