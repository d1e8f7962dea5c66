//! What one kind of server is: its releases, what it needs on disk, how it is started and when it is ready.
//!
//! A new kind (another store, a broker) is one more `Recipe` in `ALL`; nothing else here knows a server by name.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::java::Jdk;
use super::opensearch;

/// The servers this program can start, by the name `cargo xtask servers` takes.
pub(super) const ALL: [&Recipe; 1] = [&opensearch::RECIPE];

/// One kind of server.
pub(super) struct Recipe {
    /// The name on the command line, in folders and in messages.
    pub(super) name: &'static str,
    /// Best first; the first one that has its JDK and resolves is taken.
    pub(super) releases: &'static [Release],
    /// Ports it can be told to listen on.
    pub(super) ports: RangeInclusive<u16>,
    /// Writes the files the server wants to find before its first start.
    pub(super) prepare: fn(&Place) -> Result<()>,
    /// Arguments of `java`.
    pub(super) arguments: fn(&Release, &Path, &Place) -> Vec<OsString>,
    /// Whether the server at this place serves requests now.
    pub(super) is_ready: fn(&Place) -> bool,
}

/// One release of a server, from Maven artifacts.
pub(super) struct Release {
    /// The version, which names the cache folder too.
    pub(super) version: &'static str,
    /// What to resolve, with everything it depends on: `group:artifact`.
    pub(super) artifact: &'static str,
    /// Major versions of Java it runs on.
    pub(super) jdk: RangeInclusive<u32>,
    /// Extra flags for `java`.
    pub(super) flags: &'static [&'static str],
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
        runnable(opensearch::RECIPE.releases, jdks)
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
