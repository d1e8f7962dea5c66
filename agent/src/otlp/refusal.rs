//! Why a request is not taken, and the one table of its codes.
//! Facts: OTLP's specification, "Failures" and "Retryable response codes".

use std::io;
use std::time::Duration;

use http::StatusCode;
use spoor_net::body::BodyError;
use tonic::Code;

use crate::buffer::OfferError;

/// What a sender is asked to wait while requests are many.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// What it is asked to wait until the buffer has room, which takes a collector.
const FULL_PAUSE: Duration = Duration::from_secs(5);

/// A request without success. Its text is for the sender and holds nothing of the payload.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the requests at hand fill the memory set aside for them; send again later")]
    Busy,
    #[error("the agent's buffer has no room while collectors do not take its spans; send again later")]
    Full,
    #[error("the agent's spool cannot be written: {0}; send again later")]
    Disk(io::Error),
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
    #[error("an internal error; nothing is acknowledged")]
    Broken,
}

/// How a refusal travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Codes {
    pub(super) grpc: Code,
    pub(super) http: StatusCode,
    /// The code within the `google.rpc.Status` of an HTTP answer.
    pub(super) http_rpc: Code,
    /// When to send again; `None` where the same request would fail again.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// The table.
    pub(super) fn codes(&self) -> Codes {
        use StatusCode as Http;
        let again = |code, http, pause| (code, http, code, Some(pause));
        let (grpc, http, http_rpc, retry_after) = match self {
            Self::Busy => again(Code::ResourceExhausted, Http::TOO_MANY_REQUESTS, BUSY_PAUSE),
            Self::Full => again(Code::ResourceExhausted, Http::TOO_MANY_REQUESTS, FULL_PAUSE),
            Self::Disk(_) => again(Code::Unavailable, Http::SERVICE_UNAVAILABLE, FULL_PAUSE),
            // Not 408: OTLP's clients repeat a 503 only.
            Self::SlowBody => again(Code::Unavailable, Http::SERVICE_UNAVAILABLE, BUSY_PAUSE),
            Self::TooLarge { .. } => {
                (Code::ResourceExhausted, Http::PAYLOAD_TOO_LARGE, Code::InvalidArgument, None)
            }
            Self::UnsupportedEncoding(_) => {
                (Code::Unimplemented, Http::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, None)
            }
            Self::Undecodable(_) => (Code::Internal, Http::BAD_REQUEST, Code::InvalidArgument, None),
            Self::BrokenOff => (Code::Cancelled, Http::BAD_REQUEST, Code::Cancelled, None),
            Self::Broken => (Code::Internal, Http::INTERNAL_SERVER_ERROR, Code::Internal, None),
        };
        Codes { grpc, http, http_rpc, retry_after }
    }

    /// The word that metrics count it under.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "buffer-full",
            Self::Disk(_) => "spool-failed",
            Self::TooLarge { .. } => "too-large",
            Self::UnsupportedEncoding(_) => "unsupported-encoding",
            Self::Undecodable(_) => "undecodable",
            Self::SlowBody => "slow-body",
            Self::BrokenOff => "broken-off",
            Self::Broken => "internal",
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::TooLarge { limit },
            BodyError::NoRoom(_) => Self::Busy,
            BodyError::UnsupportedEncoding(_) => Self::UnsupportedEncoding(error.to_string()),
            BodyError::Corrupt { .. } | BodyError::Frame(_) => Self::Undecodable(error.to_string()),
            BodyError::BrokenOff(_) => Self::BrokenOff,
        }
    }
}

impl From<OfferError> for Refusal {
    fn from(error: OfferError) -> Self {
        match error {
            OfferError::Full => Self::Full,
            OfferError::NeverFits { limit } => Self::TooLarge { limit },
            OfferError::Disk(error) => Self::Disk(error),
        }
    }
}
