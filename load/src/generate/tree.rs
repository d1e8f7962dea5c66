//! The plan of one trace: which span calls which, in which service, from when to when.
//! A parent always stands before its children, and its time encloses theirs.

use super::landscape::{Landscape, Role};

/// One span of the plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    /// Index of the calling span; `None` for the first.
    pub(crate) parent: Option<usize>,
    /// What it does.
    pub(crate) role: Role,
    /// Where it runs.
    pub(crate) service: usize,
    /// The service it talks to; its own when it talks to none.
    pub(crate) peer: usize,
    /// On which instance of the service.
    pub(crate) instance: u32,
    /// Number of its name within its role.
    pub(crate) operation: usize,
    /// Unix time in ns.
    pub(crate) start: u64,
    /// Unix time in ns.
    pub(crate) end: u64,
}

/// Shortest trace, in ns: 5 ms.
const SHORTEST: u64 = 5_000_000;

/// Plans a trace of `len` spans that ends at `end` (Unix time in ns).
pub(crate) fn plan(landscape: &Landscape, len: usize, end: u64, rng: &mut fastrand::Rng) -> Vec<Node> {
    let mut nodes = grow(landscape, len.max(1), rng);
    // Doubling steps: most traces are short, some take more than a second.
    let duration = (SHORTEST << rng.u32(0..9)) + rng.u64(0..SHORTEST);
    nodes[0].end = end;
    nodes[0].start = end.saturating_sub(duration);
    set_times(&mut nodes, rng);
    nodes
}

fn grow(landscape: &Landscape, len: usize, rng: &mut fastrand::Rng) -> Vec<Node> {
    let mut growth = Growth { landscape, nodes: Vec::with_capacity(len), hosts: Vec::new() };
    let entry = landscape.draw_entry(rng);
    growth.add(None, Role::Server, entry, landscape.draw_instance(rng), rng);
    while growth.nodes.len() < len {
        let host = growth.draw_host(rng);
        let Node { service, instance, .. } = growth.nodes[host];
        let pair = match rng.u32(0..100) {
            0..55 => Some((Role::Client, Role::Server)),
            55..65 => Some((Role::Producer, Role::Consumer)),
            _ => None,
        };
        match pair {
            Some((near, far)) if len - growth.nodes.len() >= 2 => {
                let caller = growth.add(Some(host), near, service, instance, rng);
                let callee = landscape.draw_callee(service, rng);
                growth.nodes[caller].peer = callee;
                growth.add(Some(caller), far, callee, landscape.draw_instance(rng), rng);
            }
            _ => {
                let role = if rng.bool() { Role::Internal } else { Role::Database };
                growth.add(Some(host), role, service, instance, rng);
            }
        }
    }
    growth.nodes
}

struct Growth<'a> {
    landscape: &'a Landscape,
    nodes: Vec<Node>,
    /// The spans that can call others.
    hosts: Vec<usize>,
}

impl Growth<'_> {
    fn add(
        &mut self,
        parent: Option<usize>,
        role: Role,
        service: usize,
        instance: u32,
        rng: &mut fastrand::Rng,
    ) -> usize {
        let operation = match (role, parent) {
            // A message is taken from the queue it was put into.
            (Role::Consumer, Some(producer)) => self.nodes[producer].operation,
            _ => self.landscape.draw_operation(role, rng),
        };
        let index = self.nodes.len();
        self.nodes.push(Node { parent, role, service, peer: service, instance, operation, start: 0, end: 0 });
        if matches!(role, Role::Server | Role::Internal | Role::Consumer) {
            self.hosts.push(index);
        }
        index
    }

    /// The newest host half of the time (depth), any of them else (width).
    fn draw_host(&self, rng: &mut fastrand::Rng) -> usize {
        let newest = self.hosts.len() - 1;
        self.hosts[if rng.bool() { newest } else { rng.usize(0..=newest) }]
    }
}

/// Gives each span a time within its parent's; the root has its own already.
fn set_times(nodes: &mut [Node], rng: &mut fastrand::Rng) {
    let mut children = vec![0_u64; nodes.len()];
    for parent in nodes.iter().filter_map(|node| node.parent) {
        children[parent] += 1;
    }
    let sequential: Vec<bool> = nodes.iter().map(|_| rng.u32(0..10) < 7).collect();
    let mut placed = vec![0_u64; nodes.len()];
    for index in 1..nodes.len() {
        let parent = nodes[index].parent.unwrap_or(0);
        let (from, until) = (nodes[parent].start, nodes[parent].end);
        let slots = if sequential[parent] { children[parent] } else { 1 };
        let slot = (until - from) / slots;
        let first = from + slot * (placed[parent] % slots);
        placed[parent] += 1;
        let start = first + slot * rng.u64(4..20) / 100;
        nodes[index].start = start;
        nodes[index].end = start + slot * rng.u64(35..75) / 100;
    }
}
