//! Where a collector is, as the settings name it.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A collector, or a name that stands for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    /// `dns:///`: each address of the name is a collector.
    pub(super) all: bool,
}

/// Text that names no collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no collector: {problem}; write HOST:PORT or dns:///HOST:PORT")]
pub struct ParseTargetError {
    text: String,
    problem: &'static str,
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let error = |problem| ParseTargetError { text: text.to_owned(), problem };
        let (rest, all) = match text.split_once("://") {
            None => (text, false),
            Some(("dns", rest)) => {
                let name = rest.strip_prefix('/');
                (name.ok_or_else(|| error("a name server of its own cannot be asked"))?, true)
            }
            Some(_) => return Err(error("of the schemes only dns:/// is known")),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| error("the port is missing"))?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(|| error("a bracket is not closed"))?,
            None if host.contains(':') => return Err(error("an IPv6 address stands in brackets")),
            None => host,
        };
        let port = port.parse().map_err(|_| error("the port is no number up to 65535"))?;
        if host.is_empty() || port == 0 || host.contains(['/', '@', ' ']) {
            return Err(error("host and port are both needed"));
        }
        Ok(Self { host: host.to_owned(), port, all })
    }
}

/// Where one connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// For the certificate and `:authority`.
    pub(super) host: String,
    pub(super) port: u16,
    /// One of the host's addresses; `None` tries them all.
    pub(super) address: Option<SocketAddr>,
}

impl Place {
    /// As it stands in a URI.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{} ({address})", self.authority()),
            None => f.write_str(&self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_as_jaegers_agent_takes_it() {
        let target = |text: &str| text.parse::<Target>().map(|target| (target.host, target.port, target.all));
        assert_eq!(target("collector:14250"), Ok(("collector".to_owned(), 14250, false)));
        assert_eq!(target("dns:///collectors.svc:14250"), Ok(("collectors.svc".to_owned(), 14250, true)));
        assert_eq!(target("[::1]:14250"), Ok(("::1".to_owned(), 14250, false)));
        for (text, problem) in [
            ("collector", "port is missing"),
            ("dns://8.8.8.8/collector:1", "name server"),
            ("http://collector:1", "dns:///"),
            ("::1:1", "brackets"),
            (":14250", "both needed"),
            ("host:99999", "65535"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
