//! Browsers that come from another origin: which may, and with which headers.
//! Facts: `open-telemetry/opentelemetry-collector config/confighttp` (CORS with credentials, `*` within an origin).

use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

pub use tower_http::cors::AllowMethods;

/// Answers preflight requests and marks answers, with credentials allowed; `None` when no origin is allowed.
///
/// In an origin, `*` stands for any text. `headers` come to those that every client sends; a lone `*` allows all.
#[must_use]
pub fn layer(methods: impl Into<AllowMethods>, origins: &[String], headers: &[String]) -> Option<CorsLayer> {
    let patterns: Vec<String> = origins.iter().map(|origin| origin.trim().to_ascii_lowercase()).collect();
    let patterns: Vec<String> = patterns.into_iter().filter(|pattern| !pattern.is_empty()).collect();
    if patterns.is_empty() {
        return None;
    }
    let allowed = move |origin: &HeaderValue, _: &http::request::Parts| {
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        patterns.iter().any(|pattern| matches(pattern, &origin))
    };
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods(methods)
        .allow_headers(allowed_headers(headers))
        .allow_credentials(true);
    Some(layer)
}

fn allowed_headers(headers: &[String]) -> AllowHeaders {
    if headers.iter().any(|name| name.trim() == "*") {
        return AllowHeaders::mirror_request();
    }
    let always = [ACCEPT, CONTENT_TYPE, CONTENT_ENCODING, HeaderName::from_static("x-requested-with")];
    // A name that is none could not be sent by anybody either.
    AllowHeaders::list(always.into_iter().chain(headers.iter().filter_map(|name| name.trim().parse().ok())))
}

/// True when the pattern, in which `*` stands for any text, fits the whole origin.
fn matches(pattern: &str, origin: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == origin };
    let Some(mut origin) = origin.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match origin.find(part) {
            Some(at) => origin = &origin[at + part.len()..],
            None => return false,
        }
    }
    origin.ends_with(end)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_nothing_else_does() {
        assert!(matches("https://shop.example", "https://shop.example"));
        assert!(!matches("https://shop.example", "https://shop.example.evil"));
        assert!(matches("*", "https://anything"));
        assert!(matches("https://*.example", "https://a.b.example"));
        assert!(!matches("https://*.example", "https://example"));
        assert!(matches("http*://x:*", "https://x:8080"));
        assert!(!matches("a*a", "a"), "start and end do not share text");
    }

    #[test]
    fn no_origin_means_no_layer() {
        assert!(layer([Method::POST], &[], &["*".to_owned()]).is_none());
        assert!(layer([Method::POST], &[" ".to_owned()], &[]).is_none());
        assert!(layer([Method::POST], &["*".to_owned()], &[]).is_some());
    }
}
