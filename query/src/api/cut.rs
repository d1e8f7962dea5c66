//! How a list of names that a bound cut tells so. No body of Jaeger's has a place for it that every client bears: what stands among `errors`
//! is a failure to some, and API v3 has no such member. A header is there for who looks, and changes nothing for who does not.

use axum::http::HeaderValue;
use axum::response::Response;

/// Of an answer by HTTP; by gRPC it stands in the metadata before the answer.
pub(crate) const HEADER: &str = "x-spoor-cut";
/// What is cut.
pub(crate) const NAMES: &str = "names";

/// The answer, which says so if its list is cut.
pub(super) fn told(mut response: Response, is_cut: bool) -> Response {
    if is_cut {
        response.headers_mut().insert(HEADER, HeaderValue::from_static(NAMES));
    }
    response
}
