//! Which node gets the next request: they take turns, and one that failed is passed over for a while. Nodes that the store
//! named itself come before those of the configuration, which are then what is left when none of them is well.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::NodeUrl;

const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The nodes, at least one.
#[derive(Debug)]
pub(super) struct Nodes {
    configured: Vec<Arc<Node>>,
    /// Those found by asking; empty until then.
    discovered: Mutex<Arc<[Arc<Node>]>>,
    /// Whether a node that failed is passed over.
    rests: bool,
    turn: AtomicUsize,
}

/// One node and how it does.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) url: NodeUrl,
    health: Mutex<Health>,
    /// It has taken a compressed body since it last failed.
    unzips: AtomicBool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Health {
    failures: u32,
    resting_until: Option<Instant>,
}

impl Node {
    fn new(url: NodeUrl) -> Arc<Self> {
        Arc::new(Self { url, health: Mutex::default(), unzips: AtomicBool::new(false) })
    }

    pub(super) fn succeeded(&self) {
        self.set_health(Health::default());
    }

    pub(super) fn failed(&self, now: Instant) {
        let failures = self.health().failures.saturating_add(1);
        let rest = FIRST_REST.saturating_mul(1 << (failures - 1).min(5)).min(LONGEST_REST);
        self.set_health(Health { failures, resting_until: Some(now + rest) });
        // What answers at this address next may be another server, or a proxy.
        self.unzips.store(false, Ordering::Relaxed);
    }

    /// A 2xx answer to a compressed body.
    pub(super) fn took_zipped(&self) {
        self.unzips.store(true, Ordering::Relaxed);
    }

    /// Whether it is known to take compressed bodies, so that a refusal is about what is in them.
    pub(super) fn unzips(&self) -> bool {
        self.unzips.load(Ordering::Relaxed)
    }

    fn resting_until(&self, now: Instant) -> Option<Instant> {
        self.health().resting_until.filter(|&until| until > now)
    }

    fn health(&self) -> Health {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

impl Nodes {
    pub(super) fn new(urls: Vec<NodeUrl>, rests: bool) -> Self {
        Self {
            configured: urls.into_iter().map(Node::new).collect(),
            discovered: Mutex::new(Arc::new([])),
            rests,
            turn: AtomicUsize::new(0),
        }
    }

    /// All nodes in the order in which a request tries them: those in good health by turns, then those at rest, the one
    /// that rested longest first. Never empty while there are nodes.
    pub(super) fn order(&self, now: Instant) -> Vec<Arc<Node>> {
        let discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let by_turns = |nodes: &[Arc<Node>]| {
            let (seen, first) = nodes.split_at(turn % nodes.len().max(1));
            first.iter().chain(seen).cloned().collect::<Vec<_>>()
        };
        let mut order = by_turns(&discovered);
        let known = |node: &Arc<Node>| discovered.iter().any(|other| other.url == node.url);
        order.extend(by_turns(&self.configured).into_iter().filter(|node| !known(node)));
        if self.rests {
            order.sort_by_key(|node| node.resting_until(now));
        }
        order
    }

    /// The nodes of the configuration.
    pub(super) fn configured(&self) -> impl Iterator<Item = &NodeUrl> {
        self.configured.iter().map(|node| &node.url)
    }

    /// These are the store's nodes now. Those known already keep their health. What is other than before.
    pub(super) fn discovered(&self, urls: Vec<NodeUrl>) -> Change {
        let mut discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            |url: &NodeUrl| discovered.iter().chain(&self.configured).find(|node| node.url == *url).cloned();
        let new: Arc<[Arc<Node>]> =
            urls.into_iter().map(|url| known(&url).unwrap_or_else(|| Node::new(url))).collect();
        let change = Change { joined: without(&new, &discovered), left: without(&discovered, &new) };
        *discovered = new;
        change
    }
}

/// Which nodes the store has more, and which fewer, than when it was asked before.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    pub(super) joined: Vec<NodeUrl>,
    pub(super) left: Vec<NodeUrl>,
}

/// The addresses of those `nodes` that are not among the `others`.
fn without(nodes: &[Arc<Node>], others: &[Arc<Node>]) -> Vec<NodeUrl> {
    let is_among = |url: &NodeUrl| others.iter().any(|other| other.url == *url);
    nodes.iter().map(|node| &node.url).filter(|url| !is_among(url)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls<const N: usize>(urls: [&str; N]) -> Vec<NodeUrl> {
        urls.map(|url| url.parse().unwrap()).to_vec()
    }

    fn nodes() -> Nodes {
        Nodes::new(urls(["http://a", "http://b", "http://c"]), true)
    }

    /// The hosts in their order.
    fn order(nodes: &Nodes, now: Instant) -> String {
        nodes.order(now).iter().map(|node| node.url.to_string().replace("http://", "")).collect()
    }

    #[test]
    fn nodes_take_turns() {
        let (nodes, now) = (nodes(), Instant::now());
        assert_eq!(order(&nodes, now), "abc");
        assert_eq!(order(&nodes, now), "bca");
    }

    #[test]
    fn a_failed_node_comes_last_until_it_has_rested() {
        let (nodes, now) = (nodes(), Instant::now());
        nodes.configured[1].failed(now);
        nodes.configured[1].failed(now);
        nodes.configured[2].failed(now);
        assert_eq!(order(&nodes, now), "acb");
        assert_eq!(order(&nodes, now + FIRST_REST), "cab");
        nodes.configured[1].succeeded();
        assert_eq!(order(&nodes, now), "abc", "third turn: c would be first, but rests");
    }

    #[test]
    fn without_health_checks_a_failed_node_keeps_its_turn() {
        let (nodes, now) = (Nodes::new(urls(["http://a", "http://b"]), false), Instant::now());
        nodes.configured[0].failed(now);
        assert_eq!(order(&nodes, now), "ab");
    }

    #[test]
    fn the_rest_grows_to_a_bound() {
        let (nodes, now) = (nodes(), Instant::now());
        for _ in 0..100 {
            nodes.configured[0].failed(now);
        }
        assert_eq!(nodes.configured[0].resting_until(now), Some(now + LONGEST_REST));
    }

    #[test]
    fn nodes_that_the_store_named_come_before_those_configured() {
        let (nodes, now) = (Nodes::new(urls(["http://a", "http://z"]), true), Instant::now());
        let change = nodes.discovered(urls(["http://a", "http://b"]));
        assert_eq!(change, Change { joined: urls(["http://a", "http://b"]), left: Vec::new() });
        assert_eq!(order(&nodes, now), "abz");
        assert_eq!(order(&nodes, now), "baz");
        nodes.order(now)[0].failed(now);
        assert_eq!(order(&nodes, now), "bza", "what is configured comes before what is at rest");
        assert_eq!(nodes.discovered(urls(["http://a", "http://b"])), Change::default());
        assert_eq!(order(&nodes, now), "bza", "nothing new, and a still rests");
        let change = nodes.discovered(urls(["http://c", "http://b"]));
        assert_eq!(change, Change { joined: urls(["http://c"]), left: urls(["http://a"]) });
        nodes.discovered(urls(["http://c"]));
        assert_eq!(order(&nodes, now).chars().next(), Some('c'));
        assert_eq!(order(&nodes, now).len(), 3, "the configured ones are never forgotten");
    }
}
