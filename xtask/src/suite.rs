//! `cargo xtask check` and `cargo xtask test`: what must hold before a change is good, quick part and whole.

mod lanes;

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, ensure};

use crate::servers::{self, Kafka, OpenSearch};
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
    let steps = Steps::default();
    sources(&steps, root, |root| cargo::build_spoor(root, "dev"));
    steps.run("unit tests", || {
        cargo::run(&mut cargo::command(root, ["test", "--workspace", "--lib", "--bins", "--no-fail-fast"]))
    });
    steps.finish()
}

/// Everything: prerequisites, the sources, and all tests with a real OpenSearch and a real Kafka that run for as long as they do, and
/// beside them the store's own tests with each other server. A long one gives the stories that are storms of faults more time.
///
/// # Errors
/// Names the steps that failed. Without its prerequisites nothing else is tried; everything else is, so that one run
/// tells all that is wrong.
pub fn test(root: &Path, long: bool) -> Result<()> {
    let steps = Steps::default();
    if steps.run("prerequisites", prerequisites::ensure_all).is_none() {
        return steps.finish();
    }
    // Fetched and started while everything is compiled.
    let (opensearch, kafka) = (thread::spawn(OpenSearch::start), thread::spawn(Kafka::start));
    let spoor = sources(&steps, root, cargo::build_spoor_and_tests);
    let opensearch = steps.run("start OpenSearch", || started(opensearch));
    let kafka = steps.run("start Kafka", || started(kafka));
    if let (Some(spoor), Some(opensearch), Some(kafka)) = (spoor, opensearch, kafka) {
        tests(&steps, root, &spoor, long, opensearch, kafka);
    }
    steps.finish()
}

/// What the sources themselves must fulfil, and the program that they make.
fn sources(steps: &Steps, root: &Path, build: impl FnOnce(&Path) -> Result<PathBuf>) -> Option<PathBuf> {
    steps.run("format", || cargo::run(&mut cargo::command(root, ["fmt", "--all", "--check"])));
    let spoor = steps.run("build spoor", || build(root));
    // After the build: on a new machine both wait minutes for librdkafka, and a build has more to do meanwhile.
    steps.run("clippy", || {
        cargo::run(&mut cargo::command(
            root,
            ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        ))
    });
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

fn tests(steps: &Steps, root: &Path, spoor: &Path, long: bool, mut opensearch: OpenSearch, mut kafka: Kafka) {
    let documentation = ["test", "--workspace", "--doc", "--no-fail-fast"];
    steps.run("documentation tests", || cargo::run(&mut cargo::command(root, documentation)));
    if let Some(programs) = steps.run("list the tests", || lanes::Programs::of(root)) {
        let mut environment = vec![
            (servers::OPENSEARCH_URL, opensearch.url().into()),
            (servers::KAFKA_BROKERS, kafka.brokers().into()),
            (SPOOR_BIN, spoor.into()),
        ];
        if long {
            let numbers = [
                (STORM_ROUNDS, LONG_STORM),
                (OUTAGE_SECONDS, LONG_OUTAGE),
                (KAFKA_SPANS, LONG_KAFKA),
                (ERASURE_SPANS, LONG_ERASURE),
            ];
            environment.extend(numbers.map(|(name, number)| (name, number.to_string().into())));
        }
        lanes::run(steps, &programs, &environment);
    }
    steps.run("stop Kafka", || kafka.stop());
    steps.run("stop OpenSearch", || opensearch.stop());
}
