//! Where a page's commands are run: a folder that looks like a checkout in which all is built, with folders for what commands write.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_tests::{binary, eventually};
use tempfile::TempDir;

use crate::pages::root;
use crate::session::Session;

/// `cargo` of the pages. To build anything, or to run the tests again, is none of its work.
const CARGO: &str = r#"#!/bin/sh
case "$1 ${2-}" in
"xtask run") shift 2; exec "$SPOOR_BIN" all-in-one "$@" ;;
"xtask servers") shift; exec "$SPOOR_XTASK" "$@" ;;
esac
echo "cargo $*: this stand-in knows \`cargo xtask run\` and \`cargo xtask servers\`" >&2
exit 101
"#;

/// What takes minutes in `deploy/` takes seconds here.
const SHORTER: [(&str, &str); 2] = [
    ("scrape_interval: 15s", "scrape_interval: 1s"),
    ("evaluation_interval: 15s", "evaluation_interval: 1s"),
];

/// The hosts of docs/high-availability.md. Where /etc/hosts is the machine's, their addresses are put in their place.
const HOSTS: [(&str, &str, &[&str]); 5] = [
    ("collector", "127.0.1.1", &["1", "2", "3"]),
    ("ingester", "127.0.1.2", &["1", "2"]),
    ("query", "127.0.1.3", &["1", "2"]),
    ("prometheus", "127.0.1.4", &["a", "b"]),
    ("alertmanager", "127.0.1.5", &["a", "b"]),
];
/// As the page has them in loops.
const VARIABLES: [&str; 2] = ["$n", "$r"];

/// The folder, and whether commands see it from namespaces of their own.
pub(super) struct Room {
    folder: TempDir,
    alone: bool,
}

/// A program that lies beside the one under test.
pub(super) fn built(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("find the running test")?;
    let path = test.ancestors().nth(2).context("a test lies in target/PROFILE/deps")?.join(name);
    ensure!(path.exists(), "{} is not there: run `cargo build --workspace`", path.display());
    Ok(path)
}

impl Room {
    pub(super) fn furnish(alone: bool) -> Result<Self> {
        let room = Self { folder: tempfile::tempdir()?, alone };
        for folder in ["bin", "tmp", "cache", "checkout/target/release"] {
            std::fs::create_dir_all(room.path(folder))?;
        }
        // Servers come from where they were brought before; which of them run is the room's own matter.
        let cache = xtask::servers::cache_folder()?;
        for shared in ["servers", "ports"] {
            std::fs::create_dir_all(cache.join(shared))?;
            std::os::unix::fs::symlink(cache.join(shared), room.path("cache").join(shared))?;
        }
        let spoor = std::path::absolute(binary()?)?;
        std::os::unix::fs::symlink(&spoor, room.path("checkout/target/release/spoor"))?;
        std::os::unix::fs::symlink(&spoor, room.path("bin/spoor"))?;
        let cargo = room.path("bin/cargo");
        std::fs::write(&cargo, CARGO)?;
        std::fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        std::fs::copy("/etc/hosts", room.path("hosts")).context("read /etc/hosts")?;
        room.copy(&root().join("deploy"), &room.path("checkout/deploy"))?;
        Ok(room)
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Whether commands run in namespaces of their own.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// What commands have in their environment beside this process's.
    pub(super) fn environment(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths([self.path("bin")].into_iter().chain(std::env::split_paths(&others)))?;
        Ok(vec![
            ("PATH", path.into()),
            ("TMPDIR", self.path("tmp")),
            ("SPOOR_CACHE", self.path("cache")),
            ("SPOOR_BIN", std::path::absolute(binary()?)?),
            ("SPOOR_XTASK", built("xtask")?),
            ("SPOOR_SAID", self.path("said-by-a-block")),
            ("SPOOR_HOSTS", self.path("hosts")),
        ])
    }

    /// Copies a folder of settings.
    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let path = entry?.path();
            let target = to.join(path.file_name().context("an entry has a name")?);
            if path.is_dir() {
                self.copy(&path, &target)?;
                continue;
            }
            let mut text =
                std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            for (long, short) in SHORTER {
                text = text.replace(long, short);
            }
            if !self.alone {
                text = with_addresses(&text);
            }
            std::fs::write(target, text)?;
        }
        Ok(())
    }

    /// Runs a script to its end, which has to come in time, and looks whether it leaves processes, files or names of hosts behind.
    pub(super) async fn run(&self, script: &str, limit: Duration) -> Result<()> {
        let script = if self.alone { script.to_owned() } else { looking_up(script) };
        std::fs::write(self.path("commands.sh"), script)?;
        let session = Session::begin(self)?;
        let ended = eventually("the commands end", limit, || async {
            std::fs::read_to_string(self.path("status")).context("they go on")
        })
        .await;
        let said = || last_lines(&std::fs::read_to_string(self.path("said")).unwrap_or_default());
        let status = ended.with_context(said)?;
        ensure!(status.trim() == "0", "a command failed with {}:\n{}", status.trim(), said());
        eventually("nothing is left running", Duration::from_secs(60), || async {
            let left = session.processes()?;
            ensure!(left.is_empty(), "{left:#?}");
            Ok(())
        })
        .await
        .with_context(said)?;
        session.end().await?;
        let files: Vec<_> =
            std::fs::read_dir(self.path("tmp"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        ensure!(files.is_empty(), "files are left: {files:?}");
        let hosts = std::fs::read(self.path("hosts"))?;
        ensure!(hosts == std::fs::read("/etc/hosts")?, "{}", String::from_utf8_lossy(&hosts));
        Ok(())
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// A file of settings with addresses in the place of names.
fn with_addresses(text: &str) -> String {
    let mut text = text.to_owned();
    for (host, begins, numbers) in HOSTS {
        for (index, number) in (1..).zip(numbers) {
            text = text.replace(&format!("{host}-{number}:"), &format!("{begins}{index}:"));
        }
    }
    text
}

/// A script that looks each host up in the room's own file.
fn looking_up(script: &str) -> String {
    let mut text = script.replace("/etc/hosts", "$SPOOR_HOSTS");
    for (host, _, numbers) in HOSTS {
        for number in numbers.iter().chain(&VARIABLES) {
            text = text.replace(&format!("{host}-{number}:"), &format!("$(at {host}-{number}):"));
        }
    }
    format!("at() {{ sed -n \"s/ $1 .*//p\" \"$SPOOR_HOSTS\"; }}\n{text}")
}

#[test]
fn names_are_looked_up_where_they_are_followed_by_a_port() {
    let script = looking_up("x --a=collector-$n:1 >c/collector-$n.log; curl http://prometheus-a:9090/");
    let (_, text) = script.split_once('\n').unwrap();
    assert_eq!(text, "x --a=$(at collector-$n):1 >c/collector-$n.log; curl http://$(at prometheus-a):9090/");
    assert_eq!(with_addresses("[alertmanager-b:9093, query-1:5]"), "[127.0.1.52:9093, 127.0.1.31:5]");
}
