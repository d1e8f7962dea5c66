//! Which node gets the next request: they take turns, and one that failed is passed over for a while.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::NodeUrl;

const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The nodes, at least one.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Node {
    url: NodeUrl,
    health: Mutex<Health>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Health {
    failures: u32,
    resting_until: Option<Instant>,
}

impl Nodes {
    pub(super) fn new(urls: Vec<NodeUrl>) -> Self {
        let nodes = urls.into_iter().map(|url| Node { url, health: Mutex::default() }).collect();
        Self { nodes, turn: AtomicUsize::new(0) }
    }

    /// All nodes in the order in which a request tries them: those in good health by turns, then those at rest, the one
    /// that rested longest first. Never empty while there are nodes.
    pub(super) fn order(&self, now: Instant) -> Vec<usize> {
        let count = self.nodes.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % count.max(1);
        let mut order: Vec<usize> = (0..count).map(|step| (first + step) % count).collect();
        order.sort_by_key(|&index| self.health(index).resting_until.filter(|&until| until > now));
        order
    }

    pub(super) fn url(&self, index: usize) -> &NodeUrl {
        &self.nodes[index].url
    }

    pub(super) fn succeeded(&self, index: usize) {
        self.set_health(index, Health::default());
    }

    pub(super) fn failed(&self, index: usize, now: Instant) {
        let failures = self.health(index).failures.saturating_add(1);
        let rest = FIRST_REST.saturating_mul(1 << (failures - 1).min(5)).min(LONGEST_REST);
        self.set_health(index, Health { failures, resting_until: Some(now + rest) });
    }

    fn health(&self, index: usize) -> Health {
        *self.nodes[index].health.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set_health(&self, index: usize, health: Health) {
        *self.nodes[index].health.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = health;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Nodes {
        Nodes::new(["http://a", "http://b", "http://c"].map(|url| url.parse().unwrap()).to_vec())
    }

    #[test]
    fn nodes_take_turns() {
        let nodes = nodes();
        let now = Instant::now();
        assert_eq!(nodes.order(now), [0, 1, 2]);
        assert_eq!(nodes.order(now), [1, 2, 0]);
    }

    #[test]
    fn a_failed_node_comes_last_until_it_has_rested() {
        let nodes = nodes();
        let now = Instant::now();
        nodes.failed(1, now);
        nodes.failed(1, now);
        nodes.failed(2, now);
        assert_eq!(nodes.order(now), [0, 2, 1]);
        assert_eq!(nodes.order(now + FIRST_REST), [2, 0, 1]);
        nodes.succeeded(1);
        assert_eq!(nodes.order(now), [0, 1, 2], "third turn: 2 would be first, but rests");
    }

    #[test]
    fn the_rest_grows_to_a_bound() {
        let nodes = nodes();
        let now = Instant::now();
        for _ in 0..100 {
            nodes.failed(0, now);
        }
        assert_eq!(nodes.health(0).resting_until, Some(now + LONGEST_REST));
    }
}
