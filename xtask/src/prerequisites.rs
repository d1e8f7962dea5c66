//! What the tests need beside Rust: checked by running it, installed where we may, else listed with the command.
//!
//! We may on Debian and its kin as root; anywhere else the machine is not ours to change.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{cargo, servers};

/// The oldest Java that runs any of the servers.
const OLDEST_JDK: u32 = 17;

/// A tool, how to see that it works, and the Debian packages that bring it, the preferred first.
struct Prerequisite {
    name: &'static str,
    works: fn() -> bool,
    packages: &'static [&'static str],
}

const ALL: [Prerequisite; 16] = [
    Prerequisite {
        name: "a JDK, 17 or newer (21 or newer for OpenSearch 3)",
        works: || servers::find_jdks().iter().any(|jdk| jdk.major >= OLDEST_JDK),
        packages: &["openjdk-21-jdk-headless", "openjdk-17-jdk-headless", "default-jdk-headless"],
    },
    Prerequisite { name: "Maven", works: || runs("mvn", &["-v"]), packages: &["maven"] },
    Prerequisite {
        name: "python3 with venv and pip",
        // Debian's python3 has venv, but without ensurepip until python3-venv is there.
        works: || runs("python3", &["-c", "import venv, ensurepip; ensurepip.version()"]),
        packages: &["python3-venv"],
    },
    Prerequisite { name: "Node.js", works: || runs("node", &["--version"]), packages: &["nodejs"] },
    Prerequisite { name: "npm", works: || runs("npm", &["--version"]), packages: &["npm"] },
    // For Kafka's client library and the OpenSSL below it, which are compiled with the rest.
    Prerequisite {
        name: "a C++ compiler and make",
        works: || runs("c++", &["--version"]) && runs("make", &["--version"]),
        packages: &["build-essential"],
    },
    Prerequisite { name: "perl", works: || runs("perl", &["-v"]), packages: &["perl"] },
    Prerequisite { name: "nginx", works: || runs("nginx", &["-v"]), packages: &["nginx-light", "nginx"] },
    // For the files under deploy/.
    Prerequisite { name: "promtool", works: || runs("promtool", &["--version"]), packages: &["prometheus"] },
    Prerequisite {
        name: "amtool",
        works: || runs("amtool", &["--version"]),
        packages: &["prometheus-alertmanager"],
    },
    Prerequisite { name: "logrotate", works: || runs("logrotate", &["--version"]), packages: &["logrotate"] },
    Prerequisite { name: "etcd", works: || runs("etcd", &["--version"]), packages: &["etcd-server"] },
    Prerequisite {
        name: "systemd-analyze",
        works: || runs("systemd-analyze", &["--version"]),
        packages: &["systemd"],
    },
    Prerequisite { name: "git", works: || runs("git", &["--version"]), packages: &["git"] },
    // For the commands of the pages.
    Prerequisite { name: "curl", works: || runs("curl", &["--version"]), packages: &["curl"] },
    Prerequisite { name: "openssl", works: || runs("openssl", &["version"]), packages: &["openssl"] },
];

/// Whether a Debian package brings one of them.
pub(crate) fn names_package(package: &str) -> bool {
    ALL.iter().any(|prerequisite| prerequisite.packages.contains(&package))
}

/// Succeeds when everything is there, after installing what is missing where that is allowed.
///
/// # Errors
/// Lists what is missing and the command that installs it.
pub(crate) fn ensure_all() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    println!("missing: {}", names(&missing));
    let is_root = rustix::process::geteuid().is_root();
    ensure!(
        is_root && fs::exists("/usr/bin/apt-get").unwrap_or(false),
        "missing: {}; on Debian or Ubuntu run as root: apt-get update && apt-get install --no-install-recommends {}",
        names(&missing),
        missing.iter().map(|prerequisite| preferred(prerequisite)).collect::<Vec<_>>().join(" ")
    );
    install(&missing)?;
    let still = self::missing();
    ensure!(still.is_empty(), "still missing after apt-get install: {}", names(&still));
    Ok(())
}

fn missing() -> Vec<&'static Prerequisite> {
    ALL.iter().filter(|prerequisite| !(prerequisite.works)()).collect()
}

fn names(of: &[&Prerequisite]) -> String {
    of.iter().map(|prerequisite| prerequisite.name).collect::<Vec<_>>().join(", ")
}

/// Every Debian since 12 and Ubuntu since 22.04 has the one before the last resort.
fn preferred(prerequisite: &Prerequisite) -> &'static str {
    prerequisite.packages.last().copied().unwrap_or_default()
}

fn install(missing: &[&Prerequisite]) -> Result<()> {
    cargo::run(&mut apt_get(&["update"]))?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    for prerequisite in missing {
        let available = prerequisite.packages.iter().find(|package| has_candidate(package));
        arguments.push(available.with_context(|| {
            format!(
                "apt has no package for {} (tried {})",
                prerequisite.name,
                prerequisite.packages.join(", ")
            )
        })?);
    }
    cargo::run(&mut apt_get(&arguments))
}

/// Waits for the lock: a machine that has just been set up often installs its own updates in its first minutes.
fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}

fn has_candidate(package: &str) -> bool {
    let output = Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C").output();
    output.is_ok_and(|output| offers(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads `apt-cache policy`: empty for an unknown name, `(none)` for one that is only mentioned.
fn offers(policy: &str) -> bool {
    policy
        .lines()
        .any(|line| line.trim().strip_prefix("Candidate: ").is_some_and(|version| version != "(none)"))
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_offered_only_with_a_candidate() {
        assert!(offers("maven:\n  Installed: (none)\n  Candidate: 3.8.7-1\n"));
        assert!(!offers("openjdk-21-jdk-headless:\n  Installed: (none)\n  Candidate: (none)\n"));
        assert!(!offers(""));
    }

    #[test]
    fn apt_waits_for_others_that_install() {
        let command = apt_get(&["update"]);
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["-o", "DPkg::Lock::Timeout=300", "update"]);
    }

    #[test]
    fn packages_are_known_by_their_names() {
        assert!(names_package("maven") && !names_package("mave"));
    }

    #[test]
    fn a_tool_works_only_if_running_it_succeeds() {
        assert!(runs("true", &[]));
        assert!(!runs("false", &[]));
        assert!(!runs("no-such-program-of-ours", &[]));
    }
}
