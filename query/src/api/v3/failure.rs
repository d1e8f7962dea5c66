//! API v3's error body: `{"error":{"httpCode":404,"message":"…"}}` as text, as Jaeger sends it. Codes: `api/status.rs`.

use axum::response::{IntoResponse, Response};
use spoor_model::json;

use crate::api::status::Failure;

/// A question to API v3 that is answered with an error.
#[derive(Debug)]
pub(in crate::api) struct V3Failure(Failure);

impl V3Failure {
    /// Nothing was found where something is looked for by its id, and by a search for traces; Jaeger's words.
    pub(super) fn no_traces_found() -> Self {
        Self(Failure::not_found("No traces found"))
    }
}

impl<F: Into<Failure>> From<F> for V3Failure {
    fn from(failure: F) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for V3Failure {
    fn into_response(self) -> Response {
        self.0.into_text(|code, message| {
            let mut body = b"{\"error\":{\"httpCode\":".to_vec();
            json::write_int(&mut body, code);
            body.extend_from_slice(b",\"message\":");
            json::write_string(&mut body, message.as_bytes());
            body.extend_from_slice(b"}}");
            body
        })
    }
}
