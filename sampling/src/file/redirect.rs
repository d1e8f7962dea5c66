//! Where an answer of 3xx sends whoever asks, and where nobody goes.

use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};
use url::Url;

use super::SourceError;

/// How often a reading is sent on at most.
pub(super) const MOST: usize = 5;

/// Whether an answer says that the document is somewhere else.
pub(super) fn is_one(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Where an answer with these headers, from `from`, sends on to: by HTTP, and by https where it came by https. A user that is named there
/// is left out: only the settings name one.
///
/// # Errors
/// [`SourceError::Redirect`], which does not repeat the place: addresses may hold secrets.
pub(super) fn target(from: &Uri, headers: &HeaderMap) -> Result<Uri, SourceError> {
    let nowhere = || SourceError::Redirect("it sends on, but not to an address");
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok()).ok_or_else(nowhere)?;
    let from = Url::parse(&from.to_string()).map_err(|_| nowhere())?;
    let mut to = from.join(location).map_err(|_| nowhere())?;
    match (from.scheme(), to.scheme()) {
        ("https", "http") => {
            return Err(SourceError::Redirect(
                "it sends on from https to http, where anybody in between could answer; give the last address itself if that is meant",
            ));
        }
        (_, "http" | "https") => {}
        _ => return Err(SourceError::Redirect("it sends on to something else than http and https")),
    }
    to.set_fragment(None);
    to.set_username("").and_then(|()| to.set_password(None)).map_err(|()| nowhere())?;
    to.as_str().parse().map_err(|_| nowhere())
}

/// Whether both are of one server by one scheme.
pub(super) fn is_same_place(one: &Uri, other: &Uri) -> bool {
    let place = |uri: &Uri| Url::parse(&uri.to_string()).ok().map(|url| url.origin());
    place(one).is_some() && place(one) == place(other)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn sent(from: &str, location: &'static str) -> Result<String, String> {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        let target = target(&from.parse().unwrap(), &headers);
        target.map(|uri| uri.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_place_is_read_against_the_one_that_tells_it() {
        for (location, to) in [
            ("https://b/x.json?k=1#part", "https://b/x.json?k=1"),
            ("//b:81/x.json", "http://b:81/x.json"),
            ("/x.json", "http://a:81/x.json"),
            ("x.json", "http://a:81/d/x.json"),
            ("../x.json", "http://a:81/x.json"),
            ("http://ann:hush@b/x.json", "http://b/x.json"),
        ] {
            assert_eq!(sent("http://a:81/d/s.json", location).unwrap(), to);
        }
    }

    #[test]
    fn nobody_goes_from_https_to_http_or_out_of_both() {
        let refusal = sent("https://a/s.json", "http://b/?token=hush").unwrap_err();
        assert!(refusal.contains("from https to http") && !refusal.contains("hush"), "{refusal}");
        assert!(sent("http://a/s.json", "file:///etc/passwd").unwrap_err().contains("something else"));
        assert!(sent("http://a/s.json", "http://").unwrap_err().contains("not to an address"));
        assert_eq!(sent("https://a/s.json", "/t.json").unwrap(), "https://a/t.json");
        let unnamed = target(&Uri::from_static("http://a/"), &HeaderMap::new());
        assert!(unnamed.unwrap_err().to_string().contains("not to an address"));
    }

    #[test]
    fn a_place_is_scheme_host_and_port() {
        let same = |one: &'static str, other: &'static str| {
            is_same_place(&Uri::from_static(one), &Uri::from_static(other))
        };
        assert!(same("http://a/x", "http://A:80/y"));
        assert!(!same("http://a/", "http://b/") && !same("http://a/", "http://a:81/"));
        assert!(!same("http://a/", "https://a/"));
    }
}
