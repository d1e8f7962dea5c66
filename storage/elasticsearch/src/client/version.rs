//! Which server this is. Asked once; the answer only chooses between request shapes (templates).

use http::StatusCode;
use serde::Deserialize;

use super::{Cause, Client, Error, Request};

/// A supported line of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Elasticsearch 7, 8 or 9.
    Elasticsearch(u32),
    /// OpenSearch 1, 2 or 3.
    OpenSearch(u32),
}

impl Server {
    /// Reads the number of `--es.version`: 7, 8, 9 or 101, 102, 103. `None` for any other.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            7..=9 => Some(Self::Elasticsearch(number)),
            101..=103 => Some(Self::OpenSearch(number - 100)),
            _ => None,
        }
    }

    /// True where templates are composable ones: Elasticsearch 8 and later.
    pub(crate) fn has_composable_templates(self) -> bool {
        matches!(self, Self::Elasticsearch(8..))
    }

    /// From the answer to `GET /`, by Jaeger's rules: OpenSearch is told by the tagline (its number may pretend to be
    /// 7.10.2), and versions unknown to us count as the nearest later line.
    fn from_greeting(greeting: &Greeting) -> Self {
        let major = greeting.version.number.split('.').next().and_then(|major| major.parse().ok());
        let open_search = greeting.tagline.contains("OpenSearch")
            || greeting.version.distribution.as_deref() == Some("opensearch");
        match (open_search, major) {
            (true, Some(major @ 1..=2)) => Self::OpenSearch(major),
            (true, _) => Self::OpenSearch(3),
            (false, Some(major @ (7 | 9))) => Self::Elasticsearch(major),
            (false, _) => Self::Elasticsearch(8),
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Elasticsearch(major) => write!(f, "Elasticsearch {major}"),
            Self::OpenSearch(major) => write!(f, "OpenSearch {major}"),
        }
    }
}

#[derive(Deserialize)]
struct Greeting {
    version: Version,
    #[serde(default)]
    tagline: String,
}

#[derive(Deserialize)]
struct Version {
    number: String,
    distribution: Option<String>,
}

impl Client {
    /// Asks the store what it is.
    pub(crate) async fn detect(&self, deadline: std::time::Instant) -> Result<Server, Error> {
        const OVERRIDE: &str = "name the version by --es.version (7, 8, 9, or 101, 102, 103 for OpenSearch)";
        let request = Request::get("/", "ask the store for its version");
        let reply = self.send(request, deadline).await.map_err(|mut error| {
            if let Cause::Status(refusal) = &mut error.fault.cause
                && matches!(refusal.status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND)
            {
                refusal.reason =
                    format!("{}; this server does not tell its version: {OVERRIDE}", refusal.reason);
            }
            error
        })?;
        let greeting = serde_json::from_slice(&reply.body).map_err(|error| {
            reply.malformed("ask the store for its version", &format!("{error}; if it is right, {OVERRIDE}"))
        })?;
        Ok(Server::from_greeting(&greeting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: &str, tagline: &str) -> Server {
        let text = format!(r#"{{"version":{{"number":"{number}"}},"tagline":"{tagline}"}}"#);
        Server::from_greeting(&serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn servers_are_told_apart_by_tagline_and_major_version() {
        const ELASTIC: &str = "You Know, for Search";
        const OPEN: &str = "The OpenSearch Project: https://opensearch.org/";
        assert_eq!(told("7.10.2", ELASTIC), Server::Elasticsearch(7));
        assert_eq!(told("8.19.0", ELASTIC), Server::Elasticsearch(8));
        assert_eq!(told("9.2.0", ELASTIC), Server::Elasticsearch(9));
        assert_eq!(told("10.0.0", ELASTIC), Server::Elasticsearch(8));
        assert_eq!(told("1.3.13", OPEN), Server::OpenSearch(1));
        assert_eq!(told("2.19.1", OPEN), Server::OpenSearch(2));
        assert_eq!(told("7.10.2", OPEN), Server::OpenSearch(3));
        assert_eq!(told("odd", ELASTIC), Server::Elasticsearch(8));
    }

    #[test]
    fn the_override_knows_six_numbers() {
        assert_eq!(Server::from_number(103), Some(Server::OpenSearch(3)));
        assert_eq!(Server::from_number(7), Some(Server::Elasticsearch(7)));
        for unknown in [0, 6, 10, 100, 104] {
            assert_eq!(Server::from_number(unknown), None);
        }
    }
}
