//! What runs beside what: the tests of a store on one server after the other in one lane, all others in the second, for most of them wait
//! more than they compute; then, each with the machine to itself, the stories that are storms of faults.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::programs::{self, Environment, Program};
use crate::servers::{self, OtherServer};
use crate::steps::Steps;

/// The package whose tests run on every server.
const STORE_PACKAGE: &str = "spoor-storage-elasticsearch";

/// The package of the stories.
const STORIES: &str = "spoor-tests";

/// The stories that fill the machine by themselves: many processes under load, with limits of time to recover.
const STORMS: [&str; 2] = ["kafka_storm", "whole_house"];

/// All programs of tests, by where they run.
pub(super) struct Programs {
    store: Vec<Program>,
    storms: Vec<Program>,
    others: Vec<Program>,
}

impl Programs {
    /// Those of the workspace.
    ///
    /// # Errors
    /// As [`Program::all`]; a storm or a store's test that the workspace does not have.
    pub(super) fn of(root: &Path) -> Result<Self> {
        let mut others = Program::all(root)?;
        let mut storms = Vec::new();
        for name in STORMS {
            let at = others.iter().position(|program| program.is(STORIES, name));
            storms.push(others.remove(at.with_context(|| format!("{STORIES} has no test {name}"))?));
        }
        let (store, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|program| program.is_integration_of(STORE_PACKAGE));
        if store.is_empty() {
            bail!("{STORE_PACKAGE} has no integration tests");
        }
        Ok(Self { store, storms, others })
    }
}

/// Runs all of them; `environment` tells of the servers that they share.
pub(super) fn run(steps: &Steps, programs: &Programs, environment: &Environment) {
    thread::scope(|scope| {
        scope.spawn(|| {
            steps.run("tests of the store", || programs::run(&programs.store, environment));
            other_servers(steps, &programs.store);
        });
        steps.run("unit, contract, wire and whole-process tests", || {
            programs::run(&programs.others, environment)
        });
    });
    steps.run("storms of faults", || programs::run(&programs.storms, environment));
}

/// The store's tests on each other server, one after the other. Each is fetched and started while the tests run on the one before: on a new
/// machine that takes as long as a part of the tests.
fn other_servers(steps: &Steps, store: &[Program]) {
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
                tests_on(store, server.map_err(|_| anyhow!("starting it broke"))??)
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
fn tests_on(store: &[Program], mut server: OtherServer) -> Result<()> {
    let environment = vec![
        (servers::OPENSEARCH_URL, server.url().into()),
        (servers::SERVER_VERSION, server.version().to_string().into()),
    ];
    programs::run(store, &environment)?;
    server.stop()
}
