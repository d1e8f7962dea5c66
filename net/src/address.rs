//! `host:port` as Go programs take it: `:4317` means every interface, `[::1]:4317` one IPv6 address.
//! A bare `4317` is read as `:4317`, as Jaeger v1's flags do.

use std::fmt;
use std::str::FromStr;

/// Where to listen. The host may be a name; it is resolved when the socket is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

/// Text that is no `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address to listen on: {problem}; write host:port, or :port for every interface")]
pub struct ParseAddressError {
    text: String,
    problem: &'static str,
}

impl ListenAddress {
    /// The host, without brackets; empty for every interface.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 lets the system choose one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ListenAddress {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let error = |problem| ParseAddressError { text: text.to_owned(), problem };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| error("a bracket is not closed"))?;
                (host, rest.strip_prefix(':').ok_or_else(|| error("the port is missing"))?)
            }
            None => text.rsplit_once(':').unwrap_or(("", text)),
        };
        if port.is_empty() {
            return Err(error("the port is missing"));
        }
        if !text.starts_with('[') && host.contains(':') {
            return Err(error("an IPv6 address stands in brackets"));
        }
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error("the port is not a number"));
        }
        let port = port.parse().map_err(|_| error("the port is above 65535"))?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where to listen, or nowhere: the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalAddress(pub Option<ListenAddress>);

impl FromStr for OptionalAddress {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|address| Self(Some(address))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, u16) {
        let address: ListenAddress = text.parse().unwrap();
        (address.host().to_owned(), address.port())
    }

    #[test]
    fn reads_what_go_programs_take() {
        assert_eq!(parts(":4317"), (String::new(), 4317));
        assert_eq!(parts("4317"), (String::new(), 4317));
        assert_eq!(parts("0.0.0.0:0"), ("0.0.0.0".into(), 0));
        assert_eq!(parts("localhost:80"), ("localhost".into(), 80));
        assert_eq!(parts("[::1]:14250"), ("::1".into(), 14250));
    }

    #[test]
    fn prints_what_it_reads() {
        for text in [":4317", "127.0.0.1:1", "[::1]:65535", "collector.example:9"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, problem) in [
            ("", "missing"),
            ("host:", "missing"),
            (":http", "not a number"),
            (":+80", "not a number"),
            (":70000", "65535"),
            ("::1:80", "brackets"),
            ("[::1", "not closed"),
            ("[::1]80", "missing"),
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
