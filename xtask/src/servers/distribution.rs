//! Elasticsearch 8 and 9 from their distributions for integration tests: the server with few of its modules.
//!
//! A distribution is copied into the server's own folder, since it writes beside itself, and refuses to run as root: then it
//! runs as the user that owns nothing else.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::cluster;
use super::recipe::{Kind, Launching, Packaging, Place, Recipe, Release};

const ARTIFACT: &str = "org.elasticsearch.distribution.integ-test-zip:elasticsearch";
/// Nobody, on every Linux.
const NOBODY: u32 = 65_534;
/// Above the clients' ports.
const TRANSPORT_OFFSET: u16 = 1_000;

const fn elasticsearch(version: &'static str, oldest_jdk: u32, newest_jdk: u32) -> Release {
    Release {
        version,
        artifact: ARTIFACT,
        beside: &[],
        packaging: Packaging::Zip,
        jdk: oldest_jdk..=newest_jdk,
        flags: &[],
    }
}

/// 8.x. From 8.9 on these distributions do not tell their version.
pub(super) const ELASTICSEARCH_8: Recipe = Recipe {
    name: "elasticsearch-8",
    kind: Kind::Store,
    releases: &[elasticsearch("8.5.0", 17, 23), elasticsearch("8.7.1", 17, 23)],
    untold_version: 0,
    ports: 18_201..=18_299,
    prepare,
    command,
    is_ready: cluster::is_ready,
};

/// 9.x. It does not tell its version, so that clients must be told.
pub(super) const ELASTICSEARCH_9: Recipe = Recipe {
    name: "elasticsearch-9",
    kind: Kind::Store,
    releases: &[elasticsearch("9.2.0", 21, u32::MAX), elasticsearch("9.1.0", 21, u32::MAX)],
    untold_version: 9,
    ports: 18_301..=18_399,
    prepare,
    command,
    is_ready: cluster::is_ready,
};

fn prepare(place: &Place) -> Result<()> {
    let temporary = place.folder.join("tmp");
    fs::create_dir_all(&temporary).with_context(|| format!("create {}", temporary.display()))
}

fn command(launching: &Launching<'_>) -> Result<Command> {
    let home = home(&launching.place.folder);
    if !home.exists() {
        install(launching, "1g")?;
    }
    let mut command = run(launching)?;
    command.args(["-E", "xpack.security.enabled=false"]);
    Ok(command)
}

/// Where it listens for other nodes.
pub(super) fn transport_port(place: &Place) -> u16 {
    place.port + TRANSPORT_OFFSET
}

/// Where the server's own copy of its distribution lies.
pub(super) fn home(folder: &Path) -> PathBuf {
    folder.join("home")
}

/// Copies the distribution to where it runs, with a heap of at most that size.
pub(super) fn install(launching: &Launching<'_>, heap: &str) -> Result<()> {
    let home = home(&launching.place.folder);
    copy(&launching.files.join(format!("elasticsearch-{}", launching.release.version)), &home)?;
    let options = home.join("config/jvm.options.d/heap.options");
    fs::create_dir_all(options.parent().unwrap_or(&home)).context("make room for the heap's size")?;
    let text = format!("-Xms512m\n-Xmx{heap}\n");
    fs::write(&options, text).with_context(|| format!("write {}", options.display()))
}

/// The command that runs what is installed; whether it is secured is still to be told.
pub(super) fn run(launching: &Launching<'_>) -> Result<Command> {
    let Launching { java, place, .. } = *launching;
    let home = home(&place.folder);
    let java_home = java.parent().and_then(Path::parent).context("find the JDK of a java executable")?;
    let mut command = as_nobody(&place.folder)?;
    command
        .arg("bash")
        .arg(home.join("bin/elasticsearch"))
        .args(["-E", &format!("http.port={}", place.port)])
        .args(["-E", &format!("transport.port={}", transport_port(place))])
        .args(["-E", &format!("cluster.name={}", cluster::name(place))])
        .args(["-E", &format!("path.repo={}/repo", place.folder.display())])
        .args(["-E", "network.host=127.0.0.1", "-E", "discovery.type=single-node"])
        .args(["-E", "cluster.routing.allocation.disk.threshold_enabled=false"])
        .env("ES_JAVA_HOME", java_home)
        .env("ES_TMPDIR", place.folder.join("tmp"))
        .env("HOME", &place.folder);
    Ok(command)
}

/// The beginning of a command that runs as a user who may not do much: as we are, or as nobody where we are root.
fn as_nobody(folder: &Path) -> Result<Command> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Command::new("env"));
    }
    give_to_nobody(folder)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"]);
    Ok(command)
}

fn give_to_nobody(path: &Path) -> Result<()> {
    let mut pending: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        chown(&path, Some(NOBODY), Some(NOBODY)).with_context(|| format!("give {} away", path.display()))?;
        if path.is_dir() {
            let children = fs::read_dir(&path).with_context(|| format!("list {}", path.display()))?;
            pending.extend(children.flatten().map(|entry| entry.path()));
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-R").arg(from).arg(to).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("copy {}", from.display()))?;
    ensure!(status.success(), "cp -R {} {} ended with {status}", from.display(), to.display());
    Ok(())
}
