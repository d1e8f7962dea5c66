//! `cargo xtask check` and `cargo xtask test`: what must hold before a change is good, quick part and whole.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, bail, ensure};

use crate::servers::{self, Kafka, OpenSearch, OtherServer};
use crate::steps::Steps;
use crate::{cargo, generate, layers, licenses, prerequisites};

/// The environment variable that hands the program under test to whole-process tests and benches.
pub const SPOOR_BIN: &str = "SPOOR_BIN";

/// The environment variable that tells a storm of faults how often each of them is to come.
pub const STORM_ROUNDS: &str = "SPOOR_STORM_ROUNDS";

/// The rounds of a long run: half an hour.
const LONG_STORM: u32 = 4;

/// The environment variable that tells how many seconds collectors are away from an agent.
pub const OUTAGE_SECONDS: &str = "SPOOR_OUTAGE_SECONDS";

/// The outage of a long run.
const LONG_OUTAGE: u32 = 60;

/// The environment variable that tells how many spans go through Kafka in the stories of full load and of a store that is away.
pub const KAFKA_SPANS: &str = "SPOOR_KAFKA_SPANS";

/// The spans of a long run: as many as those of which Jaeger 2.20 was seen to lose some.
const LONG_KAFKA: u32 = 299_892;

/// The environment variable that tells how many spans are removed from an index that others share, while the command that removes them is killed.
pub const ERASURE_SPANS: &str = "SPOOR_ERASURE_SPANS";

/// The spans of a long run: some minutes of work at the pace that is the default.
const LONG_ERASURE: u32 = 1_000_000;

/// The package whose tests run on every server.
const STORE_PACKAGE: &str = "spoor-storage-elasticsearch";

/// Whether this Debian package is one of those that bring what the tests need beside Rust.
#[must_use]
pub fn needs_package(package: &str) -> bool {
    prerequisites::names_package(package)
}

/// The quick part: nothing that needs a server or another tool than Rust.
///
/// # Errors
/// Names the steps that failed, after all of them were tried.
pub fn check(root: &Path) -> Result<()> {
    let mut steps = Steps::default();
    sources(&mut steps, root, |root| cargo::build_spoor(root, "dev"));
    steps.run("unit tests", || {
        cargo::run(&mut cargo::command(root, ["test", "--workspace", "--lib", "--bins", "--no-fail-fast"]))
    });
    steps.finish()
}

/// Everything: prerequisites, the sources, and all tests with a real OpenSearch and a real Kafka that run for as long as they do; then
/// the store's own tests with each other server. A long one gives the stories that are storms of faults more time.
///
/// # Errors
/// Names the steps that failed. Without its prerequisites nothing else is tried; everything else is, so that one run
/// tells all that is wrong.
pub fn test(root: &Path, long: bool) -> Result<()> {
    let mut steps = Steps::default();
    if steps.run("prerequisites", prerequisites::ensure_all).is_none() {
        return steps.finish();
    }
    // Fetched and started while everything is compiled.
    let (opensearch, kafka) = (thread::spawn(OpenSearch::start), thread::spawn(Kafka::start));
    let spoor = sources(&mut steps, root, cargo::build_spoor_and_tests);
    let opensearch = steps.run("start OpenSearch", || started(opensearch));
    let kafka = steps.run("start Kafka", || started(kafka));
    if let (Some(spoor), Some(opensearch), Some(kafka)) = (spoor, opensearch, kafka) {
        tests(&mut steps, root, &spoor, long, opensearch, kafka);
    }
    steps.finish()
}

/// What the sources themselves must fulfil, and the program that they make.
fn sources(steps: &mut Steps, root: &Path, build: impl FnOnce(&Path) -> Result<PathBuf>) -> Option<PathBuf> {
    steps.run("format", || cargo::run(&mut cargo::command(root, ["fmt", "--all", "--check"])));
    steps.run("clippy", || {
        cargo::run(&mut cargo::command(
            root,
            ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        ))
    });
    let spoor = steps.run("build spoor", || build(root));
    if let Some(spoor) = &spoor {
        steps.run("generated files are fresh", || generate::check_by(root, spoor));
    }
    steps.run("layers and licenses", || {
        let metadata = cargo::metadata(root)?;
        let mut broken = layers::violations(&metadata);
        broken.extend(licenses::violations(&metadata));
        ensure!(broken.is_empty(), "{}", broken.join("; "));
        Ok(())
    });
    spoor
}

fn started<T>(starting: JoinHandle<Result<T>>) -> Result<T> {
    starting.join().map_err(|_| anyhow!("starting it broke"))?
}

fn tests(
    steps: &mut Steps,
    root: &Path,
    spoor: &PathBuf,
    long: bool,
    mut opensearch: OpenSearch,
    mut kafka: Kafka,
) {
    let all = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
    let documentation = ["test", "--workspace", "--doc", "--no-fail-fast"];
    steps.run("documentation tests", || cargo::run(&mut cargo::command(root, documentation)));
    steps.run("unit, contract, wire and whole-process tests", || {
        let mut command = cargo::command(root, all);
        if long {
            command.env(STORM_ROUNDS, LONG_STORM.to_string());
            command.env(OUTAGE_SECONDS, LONG_OUTAGE.to_string());
            command.env(KAFKA_SPANS, LONG_KAFKA.to_string());
            command.env(ERASURE_SPANS, LONG_ERASURE.to_string());
        }
        cargo::run(
            command
                .env(servers::OPENSEARCH_URL, opensearch.url())
                .env(servers::KAFKA_BROKERS, kafka.brokers())
                .env(SPOOR_BIN, spoor),
        )
    });
    steps.run("stop Kafka", || kafka.stop());
    steps.run("stop OpenSearch", || opensearch.stop());
    other_servers(steps, root);
}

/// The store's tests on each other server, one after the other. Each is fetched and started while the tests run on the one before: on a new
/// machine that takes as long as a part of the tests.
fn other_servers(steps: &mut Steps, root: &Path) {
    thread::scope(|scope| {
        let start = |name: &'static str| (name, scope.spawn(move || OtherServer::start(name)));
        let names = OtherServer::names();
        steps.run("lines of stores", || enough_lines(&names));
        let mut names = names.into_iter();
        let mut coming = names.next().map(start);
        while let Some((name, server)) = coming.take() {
            steps.run(name, || {
                let server = server.join();
                coming = names.next().map(start);
                store_tests(root, server.map_err(|_| anyhow!("starting it broke"))??)
            });
        }
    });
}

/// A machine that lacks a JDK may leave a line out, but not so many that nothing is known of an old or a new Elasticsearch.
fn enough_lines(names: &[&str]) -> Result<()> {
    let has = |name: &str| names.contains(&name);
    let missing = match (has("elasticsearch-7"), has("elasticsearch-8") || has("elasticsearch-9")) {
        (true, true) => return Ok(()),
        (false, _) => "Elasticsearch 7",
        (true, false) => "Elasticsearch 8 or 9",
    };
    bail!(
        "no JDK of this machine runs {missing}, on which the store has to be tested: install 17, 21 or newer"
    )
}

/// The store's tests on this server, which ends with them.
fn store_tests(root: &Path, mut server: OtherServer) -> Result<()> {
    // Selected within the workspace, so that nothing is built anew.
    let mut command = cargo::command(root, ["test", "--workspace", "--no-fail-fast"]);
    for test in cargo::tests_of(root, STORE_PACKAGE)? {
        command.args(["--test", &test]);
    }
    cargo::run(
        command
            .env(servers::OPENSEARCH_URL, server.url())
            .env(servers::SERVER_VERSION, server.version().to_string()),
    )?;
    server.stop()
}
