//! A cluster of OpenSearch nodes, each a process of its own, so that one can go and come back while the others serve, and another
//! cluster can search it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::cluster;
use super::recipe::{Kind, Launching, Place, Recipe};
use super::runner;
use super::server::Server;

/// Compiled and run by the JDK; what the runner's own program cannot do.
const PROGRAM: &str = include_str!("ClusterNode.java");
const PROGRAM_FILE: &str = "ClusterNode.java";
/// The first node's folder names the cluster.
const CLUSTER_FILE: &str = "cluster";
/// How many nodes a cluster has.
const COUNT_FILE: &str = "count";
/// Above the clients' ports, and where no other server listens.
const TRANSPORT_OFFSET: u16 = 1_000;

/// One node; useful with others only, so `cargo xtask servers` does not know it.
const NODE: Recipe = Recipe {
    kind: Kind::Store,
    prepare: |place| {
        let program = place.folder.join(PROGRAM_FILE);
        fs::write(&program, PROGRAM).with_context(|| format!("write {}", program.display()))
    },
    command,
    is_ready,
    ..runner::OPENSEARCH
};

fn command(launching: &Launching<'_>) -> Result<Command> {
    let Launching { release, java, files, place } = *launching;
    let mut command = Command::new(java);
    command
        .args(["-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .args(release.flags)
        .arg("-cp")
        .arg(Path::join(files, "*"))
        .arg(place.folder.join(PROGRAM_FILE))
        .arg(&place.folder)
        .args([&place.port.to_string(), &cluster_of(place)?]);
    Ok(command)
}

fn cluster_of(place: &Place) -> Result<String> {
    read(place, CLUSTER_FILE)
}

fn read(place: &Place, file: &str) -> Result<String> {
    let path = place.folder.join(file);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// The node serves, and is together with all others.
fn is_ready(place: &Place) -> bool {
    let Ok(count) = read(place, COUNT_FILE) else { return false };
    let others = format!("&wait_for_nodes={count}");
    cluster_of(place).is_ok_and(|name| cluster::is_healthy(place.port, &name, &others))
}

/// Nodes on 127.0.0.1, in heaps of 768 MiB. They end, and their folders go, when the value is dropped or this process is gone.
pub struct OpenSearchCluster {
    nodes: Vec<Server>,
}

impl OpenSearchCluster {
    /// Starts so many nodes and waits until they are one cluster. It can search other clusters, and be searched by them.
    ///
    /// # Errors
    /// As for one server.
    pub fn start(count: usize) -> Result<Self> {
        let mut nodes = (0..count).map(|_| Server::prepare(&NODE)).collect::<Result<Vec<_>>>()?;
        let transport: Vec<u16> = nodes.iter().map(transport_port).collect();
        let cluster = cluster::name(nodes[0].place());
        for (number, node) in nodes.iter().enumerate() {
            let folder = &node.place().folder;
            let settings = settings(number, &transport);
            fs::write(folder.join("node.properties"), settings).context("write a node's settings")?;
            fs::write(folder.join(CLUSTER_FILE), &cluster).context("write the cluster's name")?;
            fs::write(folder.join(COUNT_FILE), count.to_string()).context("write the number of nodes")?;
        }
        // A node waits for the others before it serves.
        nodes.iter_mut().try_for_each(Server::spawn)?;
        nodes.iter_mut().try_for_each(Server::await_ready)?;
        Ok(Self { nodes })
    }

    /// `http://127.0.0.1:PORT` of each node.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.url().to_owned()).collect()
    }

    /// `127.0.0.1:PORT` of each node for other nodes: the seeds of a remote cluster.
    #[must_use]
    pub fn transport_addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", transport_port(node))).collect()
    }

    /// Ends a node at once (SIGKILL) and keeps its data.
    ///
    /// # Errors
    /// When there is no such node, or the system refuses to signal it.
    pub fn kill(&mut self, number: usize) -> Result<()> {
        self.node(number)?.kill()
    }

    /// Starts a killed node again, and waits until it is back in the cluster.
    ///
    /// # Errors
    /// When there is no such node, it runs, or it does not get ready.
    pub fn start_again(&mut self, number: usize) -> Result<()> {
        self.node(number)?.start_again()
    }

    fn node(&mut self, number: usize) -> Result<&mut Server> {
        self.nodes.get_mut(number).with_context(|| format!("there is no node {number}"))
    }
}

fn transport_port(node: &Server) -> u16 {
    node.place().port + TRANSPORT_OFFSET
}

fn settings(number: usize, transport: &[u16]) -> String {
    let join = |each: &dyn Fn(usize, u16) -> String| {
        transport.iter().enumerate().map(|(other, &port)| each(other, port)).collect::<Vec<_>>().join(",")
    };
    [
        ("network.host", "127.0.0.1".to_owned()),
        ("cluster.routing.allocation.disk.threshold_enabled", "false".to_owned()),
        ("discovery.type", "zen".to_owned()),
        ("node.name", format!("node-{number}")),
        // The first two are what the runner gives a node; without the third it can search no other cluster.
        ("node.roles", "cluster_manager,data,remote_cluster_client".to_owned()),
        ("transport.port", transport[number].to_string()),
        ("discovery.seed_hosts", join(&|_, port| format!("127.0.0.1:{port}"))),
        ("cluster.initial_cluster_manager_nodes", join(&|other, _| format!("node-{other}"))),
    ]
    .iter()
    .map(|(name, value)| format!("{name}={value}\n"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_of_all_nodes_and_of_its_own_name_and_port() {
        let text = settings(1, &[10_201, 10_202, 10_203]);
        for line in [
            "node.name=node-1\n",
            "transport.port=10202\n",
            "discovery.seed_hosts=127.0.0.1:10201,127.0.0.1:10202,127.0.0.1:10203\n",
            "cluster.initial_cluster_manager_nodes=node-0,node-1,node-2\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
