//! Address of one node of the store, as the configuration names it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use percent_encoding::percent_decode_str;

use super::auth::AuthScheme;
use crate::Secret;

/// Text that is not the address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseNodeUrlError {
    /// Not a URL, or without scheme or host.
    #[error(
        "it is not a URL with scheme and host, like http://127.0.0.1:9200; in a user name or password / : @ ? # must be percent-encoded"
    )]
    NotAUrl,
    /// Another scheme.
    #[error("its scheme must be http or https")]
    Scheme,
    /// A query behind the path.
    #[error("it must not have a query (`?…`)")]
    Query,
}

/// A node's `http://` or `https://` URL. Credentials in it are kept apart and never shown.
#[derive(Clone, PartialEq)]
pub struct NodeUrl {
    scheme: Scheme,
    authority: Authority,
    path: String,
    credentials: Option<(String, Secret)>,
}

impl NodeUrl {
    /// True for `https://`.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The full address of `path_and_query`, which starts with `/`. `None` when it holds what a URL cannot.
    pub(crate) fn join(&self, path_and_query: &str) -> Option<Uri> {
        let path: PathAndQuery = format!("{}{path_and_query}", self.path).parse().ok()?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .ok()
    }

    /// The `Authorization` header for the credentials in the URL, if it has any.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.credentials.as_ref()?;
        AuthScheme::Basic(user.clone()).header(password)
    }

    /// The same address with the credentials in another one.
    pub(crate) fn with_credentials_of(&self, other: &Self) -> Self {
        Self { credentials: other.credentials.clone(), ..self.clone() }
    }

    /// Its host.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// Its port, where it names one.
    pub(crate) fn port(&self) -> Option<u16> {
        self.authority.port_u16()
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let numeric = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || numeric.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for NodeUrl {
    type Err = ParseNodeUrlError;

    fn from_str(text: &str) -> Result<Self, ParseNodeUrlError> {
        let uri: Uri = text.trim().parse().map_err(|_| ParseNodeUrlError::NotAUrl)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(ParseNodeUrlError::NotAUrl);
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(ParseNodeUrlError::Scheme);
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err(ParseNodeUrlError::Query);
        }
        let (credentials, authority) = match authority.as_str().rsplit_once('@') {
            None => (None, authority),
            Some((user_info, host)) => {
                let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
                let credentials = (decode(user), Secret::from(decode(password).as_str()));
                (Some(credentials), host.parse().map_err(|_| ParseNodeUrlError::NotAUrl)?)
            }
        };
        // `http://me:pa/ss@host` would be the host `me`: a password that is not percent-encoded ends up in other places.
        let has_bad_port = authority.port_u16().is_none() && authority.as_str() != authority.host();
        if has_bad_port || path.path().contains('@') {
            return Err(ParseNodeUrlError::NotAUrl);
        }
        Ok(Self { scheme, authority, path: path.path().trim_end_matches('/').to_owned(), credentials })
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl fmt::Debug for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_not_percent_encoded_is_no_host() {
        for text in ["http://me:pa/ss@host", "http://me:pass@ho:st", "http://host:port", "http://host:99999"]
        {
            assert_eq!(text.parse::<NodeUrl>(), Err(ParseNodeUrlError::NotAUrl), "{text}");
        }
        assert!("http://[::1]:9200".parse::<NodeUrl>().is_ok() && "http://[::1]".parse::<NodeUrl>().is_ok());
    }

    #[test]
    fn credentials_are_taken_out_and_never_shown() {
        let url: NodeUrl = "https://us%40er:pa%3Ass@host:9200/base/".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "https://host:9200/base https://host:9200/base");
        assert_eq!(url.authorization().unwrap(), "Basic dXNAZXI6cGE6c3M=");
        assert_eq!(url.join("/_bulk?x=1").unwrap(), "https://host:9200/base/_bulk?x=1");
        assert!(url.is_https());
    }

    #[test]
    fn a_bare_address_is_refused_with_an_example() {
        assert_eq!("127.0.0.1:9200".parse::<NodeUrl>(), Err(ParseNodeUrlError::NotAUrl));
        assert_eq!("ftp://host".parse::<NodeUrl>(), Err(ParseNodeUrlError::Scheme));
        assert_eq!("http://host/?q=1".parse::<NodeUrl>(), Err(ParseNodeUrlError::Query));
        assert_eq!("".parse::<NodeUrl>(), Err(ParseNodeUrlError::NotAUrl));
    }
}
