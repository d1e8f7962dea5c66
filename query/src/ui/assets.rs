//! Files of the UI: found below their directory only, and kept by browsers as long as their names allow.

use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use tower_http::services::ServeFile;

/// Serves the file that `path`, as it stands in the URL, names below `root`; `None` where there is none. A compressed copy beside it
/// (.gz, .br, .zst) goes to who takes that.
pub(super) async fn serve(root: &Path, path: &str, request: Request) -> Option<Response> {
    let relative = relative_path(path)?;
    let (root, file) = (root.to_owned(), root.join(&relative));
    let file = tokio::task::spawn_blocking(move || within(&root, &file).then_some(file)).await.ok()??;
    let mut service = ServeFile::new(file).precompressed_gzip().precompressed_br().precompressed_zstd();
    let mut response = match service.try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::warn!(file = path, %error, "a file of the UI cannot be read");
            return None;
        }
    };
    if matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED) {
        describe(&mut response, &relative);
    }
    Some(response)
}

/// The path that a URL means, if it stays where it is.
fn relative_path(path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let relative = Path::new(&*path);
    let plain = relative.components().all(|component| matches!(component, Component::Normal(_)));
    // A file has no slash at its end, and no name has a zero.
    (plain && !path.is_empty() && !path.ends_with('/') && !path.contains('\0')).then(|| relative.to_owned())
}

/// True for a file that is really there, wherever links lead: volumes of Kubernetes are links within their directory.
fn within(root: &Path, file: &Path) -> bool {
    let real = std::fs::canonicalize(root).and_then(|root| Ok((root, std::fs::canonicalize(file)?)));
    real.is_ok_and(|(root, file)| file.starts_with(root) && file.is_file())
}

/// What the library does not know: types with their character set, a tag that is that of all encodings, how long to keep it.
fn describe(response: &mut Response, file: &Path) {
    let headers = response.headers_mut();
    if file.extension().is_some_and(|extension| extension == "map") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok())
        && kind.starts_with("text/")
        && !kind.contains(';')
        && let Ok(kind) = HeaderValue::try_from(format!("{kind}; charset=utf-8"))
    {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if let Some(tag) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok())
        && let Ok(weak) = HeaderValue::try_from(format!("W/{tag}"))
    {
        headers.insert(header::ETAG, weak);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let keep = if is_hashed(&name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
}

/// True for a name that a bundler made from the content: `index-BX3f_9zk.js` (Vite), `main.0a1b2c3d.chunk.js` (webpack).
/// A name that only could be one is none: it costs a question, the other mistake would cost a year.
fn is_hashed(name: &str) -> bool {
    let mut parts = name.split('.');
    let stem = parts.next().unwrap_or_default();
    let of_vite =
        stem.len().checked_sub(9).and_then(|at| stem.get(at..)).and_then(|end| end.strip_prefix('-'));
    // The last part is the file's kind.
    let of_webpack = parts.clone().take(parts.count().saturating_sub(1));
    of_vite.is_some_and(looks_random) || of_webpack.into_iter().any(is_hex)
}

fn is_hex(text: &str) -> bool {
    text.len() >= 8
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Eight signs of base64url that are more words than people put into eight signs. A word is capitals, small letters and digits, in
/// this order: `JaegerUI`, `Big-Logo` and `my-logo2` are two each, `DIY-hhtN` is three. Nearly one in five real hashes looks like words.
fn looks_random(text: &str) -> bool {
    let class = |sign: u8| match sign {
        b'A'..=b'Z' => Some(0),
        b'a'..=b'z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let (mut words, mut before) = (0, None);
    for sign in text.bytes() {
        let now = class(sign);
        if now.is_none() && !matches!(sign, b'-' | b'_') {
            return false;
        }
        words += usize::from(now.is_some() && (before.is_none() || now < before));
        before = now;
    }
    words > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_made_from_content_are_told_from_names_that_people_gave() {
        for hashed in [
            "index-BX3f_9zk.js",
            "index-BX3f_9zk.js.map",
            "index-legacy-D7AR1nkc.js",
            "index-DIY-hhtN.css",
            "index-DJ-lr0mq.js",
            "polyfills-legacy-eC6-qqte.js",
            "main.0a1b2c3d.chunk.js",
            "2.0a1b2c3d4e5f60718293.css",
        ] {
            assert!(is_hashed(hashed), "{hashed}");
        }
        for plain in [
            "index.js",
            "jaeger-polyfill.js",
            "jaeger-JaegerUI.svg",
            "a-Big-Logo.svg",
            "a-DIY-Logo.svg",
            "app-version2.js",
            "app-my-logo2.js",
            "report-20261126.json",
            "app.deadbeef.js",
            "0a1b2c3d.js",
            "x.0a1b2c3d",
            "-.js",
            "",
            "ÄÖÜäöü-ßß.js",
        ] {
            assert!(!is_hashed(plain), "{plain}");
        }
    }

    #[test]
    fn no_path_leaves_the_directory() {
        for (path, file) in [("a.js", "a.js"), ("b/a%20%C3%BC.js", "b/a ü.js"), ("a..js", "a..js")] {
            assert_eq!(relative_path(path).as_deref(), Some(Path::new(file)));
        }
        for path in
            ["", "/", "/etc/passwd", "../a", "%2e%2e/a", "a/../../b", "a%2f..%2f..%2fb", "a/", "a%00", "%ff"]
        {
            assert_eq!(relative_path(path), None, "{path}");
        }
    }
}
