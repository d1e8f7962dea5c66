//! What one kind of server is: its releases, what it needs on disk, how it is started and when it is ready.
//!
//! A new kind (another store, a broker) is one more `Recipe` in `ALL`; nothing else here knows a server by name.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::java::Jdk;
use super::{distribution, kafka, runner};

/// The servers this program can start, by the name `cargo xtask servers` takes. The first is the one that all tests run on.
pub(super) const ALL: [&Recipe; 7] = [
    &runner::OPENSEARCH,
    &runner::OPENSEARCH_2,
    &runner::OPENSEARCH_1,
    &runner::ELASTICSEARCH_7,
    &distribution::ELASTICSEARCH_8,
    &distribution::ELASTICSEARCH_9,
    &kafka::KAFKA,
];

/// One kind of server.
pub(super) struct Recipe {
    /// The name on the command line, in folders and in messages.
    pub(super) name: &'static str,
    /// What it is to its clients.
    pub(super) kind: Kind,
    /// Best first; the first one that has its JDK and resolves is taken.
    pub(super) releases: &'static [Release],
    /// Its version as `--es.version` has it, where it does not tell it itself; else 0.
    pub(super) untold_version: u32,
    /// Ports it can be told to listen on.
    pub(super) ports: RangeInclusive<u16>,
    /// Writes the files the server wants to find before its first start.
    pub(super) prepare: fn(&Place) -> Result<()>,
    /// The command that runs it in the foreground.
    pub(super) command: fn(&Launching<'_>) -> Result<Command>,
    /// Whether the server at this place serves requests now.
    pub(super) is_ready: fn(&Place) -> bool,
}

/// What a server is to its clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Elasticsearch or OpenSearch, at a URL.
    Store,
    /// Kafka, at an address.
    Broker,
}

impl Kind {
    /// What stands before `127.0.0.1:PORT` where a client is told of the server.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Store => "http://",
            Self::Broker => "",
        }
    }
}

/// One release of a server, from Maven artifacts.
pub(super) struct Release {
    /// The version, which names the cache folder too.
    pub(super) version: &'static str,
    /// What to resolve, with everything it depends on: `group:artifact`.
    pub(super) artifact: &'static str,
    /// What else to resolve: `group:artifact:version`.
    pub(super) beside: &'static [&'static str],
    /// What Maven brings for it.
    pub(super) packaging: Packaging,
    /// Major versions of Java it runs on.
    pub(super) jdk: RangeInclusive<u32>,
    /// Extra flags for `java`.
    pub(super) flags: &'static [&'static str],
}

/// What an artifact is.
#[derive(Clone, Copy)]
pub(super) enum Packaging {
    /// A jar, taken with all jars it depends on.
    Jars,
    /// A zip with everything inside, unpacked.
    Zip,
}

/// What is needed to run a server.
pub(super) struct Launching<'a> {
    pub(super) release: &'a Release,
    /// The `java` executable.
    pub(super) java: &'a Path,
    /// The folder with what Maven brought.
    pub(super) files: &'a Path,
    pub(super) place: &'a Place,
}

/// Where one server runs.
pub(super) struct Place {
    /// Its own folder: configuration, data, log.
    pub(super) folder: PathBuf,
    /// The port on 127.0.0.1 that clients use.
    pub(super) port: u16,
}

/// The releases that a JDK of this machine can run, best first, each with the newest such JDK (`jdks`: newest first).
pub(super) fn runnable<'r, 'j>(releases: &'r [Release], jdks: &'j [Jdk]) -> Vec<(&'r Release, &'j Jdk)> {
    releases
        .iter()
        .filter_map(|release| Some((release, jdks.iter().find(|jdk| release.jdk.contains(&jdk.major))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jdk(major: u32) -> Jdk {
        Jdk { java: PathBuf::from(format!("/jdk{major}/bin/java")), major }
    }

    fn versions(jdks: &[Jdk]) -> Vec<(&'static str, u32)> {
        runnable(runner::OPENSEARCH.releases, jdks)
            .into_iter()
            .map(|(release, jdk)| (release.version, jdk.major))
            .collect()
    }

    #[test]
    fn the_newest_line_is_taken_where_its_jdk_is_there() {
        assert_eq!(versions(&[jdk(25), jdk(17)])[0], ("3.8.0.0", 25));
        assert_eq!(versions(&[jdk(21)])[0], ("3.8.0.0", 21));
    }

    #[test]
    fn jdk_17_alone_runs_the_older_line() {
        assert_eq!(versions(&[jdk(17), jdk(8)]), [("2.19.1.0", 17)]);
    }

    #[test]
    fn without_a_fitting_jdk_nothing_runs() {
        assert_eq!(versions(&[jdk(11)]), []);
    }
}
