//! Which Java runtimes this machine has, and how new they are.
//!
//! Asked by running them: a folder's name promises nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Java runtime that answered `-version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jdk {
    /// The `java` executable.
    pub java: PathBuf,
    /// 17 for `17.0.15`, 8 for `1.8.0_392`.
    pub major: u32,
}

/// Every runtime in `JAVA_HOME`, `JAVA*_HOME` and the like, `PATH`, and the usual folders; newest first.
#[must_use]
pub fn find() -> Vec<Jdk> {
    let mut executables: Vec<PathBuf> =
        candidates().iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    executables.sort();
    executables.dedup();
    let mut found: Vec<Jdk> = executables
        .into_iter()
        .filter_map(|java| {
            let output = Command::new(&java).arg("-version").output().ok()?;
            let major = major_version(&String::from_utf8_lossy(&output.stderr))?;
            Some(Jdk { java, major })
        })
        .collect();
    found.sort_by_key(|jdk| std::cmp::Reverse(jdk.major));
    found
}

fn candidates() -> Vec<PathBuf> {
    // JAVA_HOME, JAVA21_HOME, and the form of hosted build machines, JAVA_HOME_21_X64.
    let homes = env::vars_os()
        .filter(|(name, _)| {
            name.to_string_lossy().starts_with("JAVA") && name.to_string_lossy().contains("HOME")
        })
        .map(|(_, home)| PathBuf::from(home).join("bin/java"));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("java"));
    let debian = children("/usr/lib/jvm").into_iter().map(|home| home.join("bin/java"));
    let mac = children("/Library/Java/JavaVirtualMachines")
        .into_iter()
        .map(|home| home.join("Contents/Home/bin/java"));
    homes.chain(on_path).chain(debian).chain(mac).collect()
}

fn children(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The major version in what `java -version` prints; other lines (`Picked up JAVA_TOOL_OPTIONS`) are passed over.
fn major_version(output: &str) -> Option<u32> {
    let version = output.lines().find_map(|line| line.split_once(" version \"")?.1.split('"').next())?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version_of_every_spelling() {
        for (line, major) in [
            ("openjdk version \"17.0.15\" 2025-04-15", 17),
            ("openjdk version \"25.0.1\" 2025-10-21 LTS", 25),
            ("java version \"1.8.0_392\"", 8),
            ("openjdk version \"26-ea\" 2026-03-17", 26),
            ("openjdk version \"21\" 2023-09-19", 21),
            ("Picked up JAVA_TOOL_OPTIONS: -Dx=\"1\"\nopenjdk version \"21.0.2\" 2024-01-16", 21),
        ] {
            assert_eq!(major_version(line), Some(major), "{line}");
        }
    }

    #[test]
    fn what_is_no_java_has_no_version() {
        for output in ["", "command not found", "openjdk version \"\"", "java version \"x\""] {
            assert_eq!(major_version(output), None, "{output}");
        }
    }
}
