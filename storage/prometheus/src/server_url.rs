//! The address of Prometheus.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// An address with a scheme, perhaps a path, perhaps a user's name and password.
#[derive(Clone, PartialEq)]
pub struct ServerUrl {
    /// As given.
    text: String,
    /// `http://host:9090/path`, without user and without slash behind it.
    base: String,
    is_https: bool,
    /// `Basic …`, marked as sensitive.
    authorization: Option<HeaderValue>,
}

impl ServerUrl {
    /// Whether TLS is spoken there.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The address of an endpoint of the API: `path` begins with a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The header for the user in the address.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text: String = text.split_whitespace().collect();
        let wrong = || {
            "write the address like http://localhost:9090, with http:// or https:// and no ? or #".to_owned()
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let is_https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let base = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        if uri.host().is_none_or(str::is_empty) || text.contains(['?', '#']) {
            return Err(wrong());
        }
        let authorization = user.map(basic).transpose()?;
        Ok(Self { text, base, is_https, authorization })
    }
}

fn basic(user: &str) -> Result<HeaderValue, String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let pair = [decode(name), b":".to_vec(), decode(password)].concat();
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| "the user in the address cannot be sent in a header".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

impl fmt::Display for ServerUrl {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_path_and_a_user_who_is_not_shown() {
        let url: ServerUrl = " https://ann:p%40ss@prom.example:9090/a/b/ ".parse().unwrap();
        assert_eq!(url.join("/api/v1/query_range"), "https://prom.example:9090/a/b/api/v1/query_range");
        assert!(url.is_https());
        assert_eq!(url.authorization().unwrap(), &format!("Basic {}", STANDARD.encode("ann:p@ss")));
        assert!(!format!("{url:?} {url}").contains("ann"));
        let plain: ServerUrl = "http://[::1]:9090".parse().unwrap();
        assert_eq!((plain.join("/x").as_str(), plain.is_https()), ("http://[::1]:9090/x", false));
        assert!(plain.authorization().is_none());
    }

    #[test]
    fn what_is_no_address_is_refused_without_telling_its_password() {
        for text in [
            "",
            "localhost:9090",
            "ftp://x",
            "http://",
            "http://u:hush@",
            "http://u:hush@x/?a=b",
            "http://a b c/#x",
        ] {
            let error = text.parse::<ServerUrl>().unwrap_err();
            assert!(error.contains("http://localhost:9090") && !error.contains("hush"), "{text}: {error}");
        }
    }
}
