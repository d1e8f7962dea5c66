//! The document of a lock, and the requests that change it only as it was last seen.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::observed::Version;
use crate::access::rfc3339;
use crate::client::Request;
use crate::index::{encoded, now};

/// A lock as it is stored.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    #[serde(rename = "_seq_no")]
    seq_no: u64,
    #[serde(rename = "_primary_term")]
    primary_term: u64,
    #[serde(rename = "_source")]
    source: Source,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Source {
    /// Nobody when empty.
    holder: String,
    lease_millis: u64,
}

impl Stored {
    pub(super) fn version(&self) -> Version {
        Version { seq_no: self.seq_no, primary_term: self.primary_term }
    }

    /// Who holds it; empty when it was released.
    pub(super) fn holder(&self) -> &str {
        &self.source.holder
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_millis(self.source.lease_millis)
    }
}

/// The requests about one lock.
pub(super) struct LockDocument<'a> {
    pub(super) index: &'a str,
    pub(super) resource: &'a str,
    pub(super) attempted: &'a str,
}

impl LockDocument<'_> {
    pub(super) fn get(&self) -> Request {
        let path = format!("{}?filter_path=_seq_no,_primary_term,_source", self.path("_doc"));
        Request::get(path, self.attempted)
    }

    /// Makes the index; small, and on as many nodes as there are two of.
    pub(super) fn make_index(&self) -> Request {
        let body = json!({
            "settings": { "index.number_of_shards": 1, "index.auto_expand_replicas": "0-1" },
            "mappings": { "dynamic": false },
        });
        let body = body.to_string().into_bytes();
        Request::put(format!("/{}", encoded(self.index)), body, self.attempted)
    }

    /// Takes a lock that nobody has held yet.
    pub(super) fn create(&self, holder: &str, lease: Duration) -> Request {
        let body = self.body(holder, lease).to_string().into_bytes();
        Request::put(self.path("_create"), body, self.attempted).once()
    }

    /// Changes the lock if it still is what was seen. Not sent twice: the second attempt would find the first one's change.
    pub(super) fn change(&self, seen: Version, holder: &str, lease: Duration) -> Request {
        let Version { seq_no, primary_term } = seen;
        let path = format!("{}?if_seq_no={seq_no}&if_primary_term={primary_term}", self.path("_doc"));
        Request {
            method: Method::PUT,
            ..Request::search(path, self.body(holder, lease).to_string().into_bytes(), self.attempted)
        }
        .once()
    }

    /// The id is of one length, whatever the resource is called.
    fn path(&self, kind: &str) -> String {
        format!("/{}/{kind}/{:032x}", encoded(self.index), xxh3_128(self.resource.as_bytes()))
    }

    fn body(&self, holder: &str, lease: Duration) -> Value {
        json!({
            "Resource": self.resource,
            "Holder": holder,
            "LeaseMillis": u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            // For people. Nobody's clock decides anything.
            "Written": rfc3339(now()),
        })
    }
}
