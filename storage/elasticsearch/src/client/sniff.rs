//! Asking the store which nodes it has (`--es.sniffer`), again and again while the client lives.
//! The answer's form: `GET /_nodes/http` of Elasticsearch 7 to 9 and OpenSearch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::nodes::Change;
use super::{Client, ConnectionError, Error, NodeUrl, Request};
use crate::ConnectionConfig;

const PATH: &str = "/_nodes/http?filter_path=nodes.*.roles,nodes.*.http.publish_address";
const ATTEMPTED: &str = "ask the store for its nodes";
/// The most nodes taken.
const MOST_NODES: usize = 200;
/// The longest that one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// After a failure the next question comes sooner.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    nodes: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    roles: Vec<String>,
    http: Option<Http>,
}

#[derive(Deserialize)]
struct Http {
    publish_address: String,
}

/// Refuses settings by which nothing would be found, or not be reached.
pub(super) fn check(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    let sniffing = &config.sniffing;
    if sniffing.tls && !sniffing.enabled {
        return Err(ConnectionError::Alone {
            set: "--es.sniffer-tls-enabled",
            missing: "--es.sniffer is not set",
        });
    }
    if sniffing.enabled && !sniffing.tls && config.server_urls.iter().all(NodeUrl::is_https) {
        return Err(ConnectionError::Alone {
            set: "--es.sniffer",
            missing: "the addresses in --es.server-urls are https://, but the nodes found would be spoken to by http: set \
                      --es.sniffer-tls-enabled",
        });
    }
    Ok(())
}

/// Runs until the client is gone.
async fn keep_sniffing(client: Weak<Client>, tls: bool, interval: Duration) {
    let mut told = None;
    loop {
        let Some(strong) = client.upgrade() else { return };
        let failure = strong.sniff(tls).await.err().map(|error| error.to_string());
        drop(strong);
        // The same trouble again is not news.
        if let Some(error) = failure.as_ref().filter(|_| failure != told) {
            tracing::warn!("{error}; going on with the nodes known so far (--es.sniffer)");
        }
        let pause = pause(failure.is_some(), interval);
        told = failure;
        tokio::time::sleep(pause).await;
    }
}

/// Until the next question.
fn pause(has_failed: bool, interval: Duration) -> Duration {
    if has_failed { interval.min(PAUSE_AFTER_FAILURE) } else { interval }
}

impl Client {
    /// Asks for the nodes in the background from now on, if the settings say so.
    pub(super) fn start_sniffing(self: &Arc<Self>) {
        if let Some(interval) = self.sniffing.enabled.then_some(self.sniffing.interval) {
            let task = tokio::spawn(keep_sniffing(Arc::downgrade(self), self.sniffing.tls, interval));
            let _ = self.sniffer.set(task.abort_handle());
        }
    }

    /// Asks once; requests then go to the nodes found.
    async fn sniff(&self, tls: bool) -> Result<(), Error> {
        let reply = self.send(Request::get(PATH, ATTEMPTED), Instant::now() + TIMEOUT).await?;
        let answer: Answer = serde_json::from_slice(&reply.body)
            .map_err(|error| reply.malformed(ATTEMPTED, &error.to_string()))?;
        let found = addresses(&answer, if tls { "https" } else { "http" });
        if found.is_empty() {
            return Err(reply.malformed(ATTEMPTED, "it names no node that takes requests by HTTP"));
        }
        let credentials = self.nodes.configured().find(|url| url.authorization().is_some());
        let found: Vec<NodeUrl> = found
            .into_iter()
            .map(|url| credentials.map_or_else(|| url.clone(), |of| url.with_credentials_of(of)))
            .collect();
        tell(found.len(), &self.nodes.discovered(found));
        Ok(())
    }
}

/// Tells of the nodes that came and went; nothing when all are as before.
fn tell(nodes: usize, change: &Change) {
    if *change == Change::default() {
        return;
    }
    let named = |urls: &[NodeUrl]| urls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let (joined, left) = (named(&change.joined), named(&change.left));
    tracing::info!(nodes, joined, left, "the store's nodes have changed (--es.sniffer)");
}

/// The nodes that take requests, each once, at most [`MOST_NODES`].
fn addresses(answer: &Answer, scheme: &str) -> Vec<NodeUrl> {
    let serving = answer.nodes.values().filter(|node| node.roles != ["master"]);
    let urls: BTreeSet<String> = serving
        .filter_map(|node| node.http.as_ref())
        .map(|http| format!("{scheme}://{}", host_and_port(&http.publish_address)))
        .collect();
    urls.iter().filter_map(|url| url.parse().ok()).take(MOST_NODES).collect()
}

/// `10.0.0.1:9200` as it is, and the name out of `es-1.example/10.0.0.1:9200`: it is what a certificate bears.
fn host_and_port(address: &str) -> String {
    match address.split_once('/') {
        Some((name, numeric)) if !name.is_empty() => match numeric.rsplit_once(':') {
            Some((_, port)) => format!("{name}:{port}"),
            None => name.to_owned(),
        },
        Some((_, numeric)) => numeric.to_owned(),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(nodes: &str, scheme: &str) -> Vec<String> {
        let answer = serde_json::from_str(&format!(r#"{{"nodes":{nodes}}}"#)).unwrap();
        addresses(&answer, scheme).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn after_a_failure_the_next_question_comes_sooner() {
        let seconds = Duration::from_secs;
        assert_eq!([pause(false, seconds(300)), pause(true, seconds(300))], [seconds(300), seconds(5)]);
        assert_eq!([pause(false, seconds(2)), pause(true, seconds(2))], [seconds(2), seconds(2)]);
    }

    #[test]
    fn addresses_come_as_numbers_or_with_a_name() {
        let nodes = r#"{"a":{"roles":["data","master"],"http":{"publish_address":"10.0.0.1:9200"}},
            "b":{"http":{"publish_address":"es-2.example/10.0.0.2:9201"}},"c":{"http":{"publish_address":"[::1]:9200"}},
            "d":{"http":{"publish_address":"/10.0.0.4:9200"}},"e":{"http":{"publish_address":"six/[fe80::1]:9202"}}}"#;
        let expected = [
            "http://10.0.0.1:9200",
            "http://10.0.0.4:9200",
            "http://[::1]:9200",
            "http://es-2.example:9201",
            "http://six:9202",
        ];
        assert_eq!(found(nodes, "http"), expected);
        assert_eq!(found(nodes, "https")[0], "https://10.0.0.1:9200");
    }

    #[test]
    fn masters_only_nodes_without_http_and_nonsense_are_left_out() {
        let nodes = r#"{"a":{"roles":["master"],"http":{"publish_address":"10.0.0.1:9200"}},"b":{"roles":["data"]},
            "c":{"roles":[],"http":{"publish_address":"10.0.0.3:9200"}},"d":{"http":{"publish_address":"no:such:port"}}}"#;
        assert_eq!(found(nodes, "http"), ["http://10.0.0.3:9200"]);
        assert!(found("{}", "http").is_empty());
    }

    #[test]
    fn no_more_nodes_are_taken_than_the_bound() {
        let nodes: Vec<String> = (0..500)
            .map(|n| format!(r#""{n}":{{"http":{{"publish_address":"10.0.0.1:{}"}}}}"#, 1000 + n))
            .collect();
        assert_eq!(found(&format!("{{{}}}", nodes.join(",")), "http").len(), MOST_NODES);
    }
}
