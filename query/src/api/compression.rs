//! Answers are compressed as their client asks for it: zstd, brotli, gzip or deflate, at their fastest.

use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// A smaller answer fits into a packet as it is.
const WORTHWHILE_BYTES: u64 = 1 << 10;

/// The layer. What waits for more to compress is sent when nothing more is there yet: pieces flow as they are written.
///
/// Why the fastest level: a search's answer of 20 traces, 734 kB, costs 1.2 CPU-ms as zstd (57 kB), 1.8 as gzip (103 kB) and 2.9 as
/// brotli (92 kB) there; gzip's level 6 makes 60 kB of it, for 5.5. While an answer is sent, each holds 0.2 to 0.8 MiB.
pub(super) fn layer() -> CompressionLayer<impl Predicate> {
    let compressible =
        |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| is_compressible(headers);
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTHWHILE_BYTES).and(compressible))
}

/// Texts; images, fonts and archives are compressed already.
fn is_compressible(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || ["json", "javascript", "xml", "wasm"]
            .iter()
            .any(|ending| kind.strip_suffix(ending).is_some_and(|before| before.ends_with(['/', '+'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compressed_and_what_is_compressed_already_is_not() {
        let compressible = |kind: &str| {
            is_compressible(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]))
        };
        for kind in [
            "application/json",
            "text/html; charset=utf-8",
            "text/javascript",
            "application/javascript",
            "image/svg+xml",
            "application/manifest+json",
            "application/wasm",
        ] {
            assert!(compressible(kind), "{kind}");
        }
        for kind in
            ["image/png", "font/woff2", "application/gzip", "application/octet-stream", "x/notjson", ""]
        {
            assert!(!compressible(kind), "{kind}");
        }
        assert!(!is_compressible(&HeaderMap::new()));
    }
}
