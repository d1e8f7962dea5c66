//! Ends a server when the process that started it is gone, however that went, and clears its folder.
//!
//! A small shell holds the reading end of a pipe; its closing is the one thing the system does even after SIGKILL of
//! the writer. The ordinary end takes the same way: dropping the watchdog closes the pipe and waits for the shell.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Reads process ids, the last one counts; at the end of input kills it and its process group, if it
/// still is ours, and removes the folder.
/// A dying server may write for a moment after SIGKILL, so removing is tried more than once.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
folder=$1
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ] && { cat "/proc/$pid/cmdline" || ps -o command= -p "$pid"; } 2>/dev/null | grep -qF -- "$folder"; then
    kill -9 "-$pid"
    kill -9 "$pid"
fi
for try in 1 2 3 4 5; do
    rm -rf -- "$folder" && break
    sleep 1
done
"#;

/// Lives as long as its server; see the module.
pub(super) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Guards `folder`, and from [`Watchdog::watch`] on a process that has the folder in its command line.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog"])
            .arg(folder)
            .stdin(Stdio::piped())
            // Whoever reads our output must see its end when we end, so the shell holds none of it.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start the watchdog shell")?;
        Ok(Self { shell })
    }

    /// From now on `pid` is the process to end.
    pub(super) fn watch(&mut self, pid: u32) -> Result<()> {
        let pipe = self.shell.stdin.as_mut().context("the watchdog is ending")?;
        writeln!(pipe, "{pid}").context("tell the watchdog the process id")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("cannot wait for the watchdog shell: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait;

    /// A stand-in for a server: a process with the folder's name among its arguments.
    fn sleeper(folder: &Path) -> Child {
        // Short sleeps: what the killed shell leaves behind is gone at once.
        Command::new("sh")
            .args(["-c", "while :; do sleep 0.05; done"])
            .arg(folder)
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap()
    }

    fn ends(child: &mut Child) -> bool {
        wait::until(Duration::from_secs(60), Duration::from_millis(20), || Ok(child.try_wait()?))
            .unwrap()
            .is_some()
    }

    #[test]
    fn dropping_ends_the_process_and_removes_the_folder() {
        let folder = tempfile::Builder::new().prefix("spoor-watched-").tempdir().unwrap().keep();
        std::fs::write(folder.join("data"), "d").unwrap();
        let mut child = sleeper(&folder);
        let mut watchdog = Watchdog::start(&folder).unwrap();
        watchdog.watch(child.id()).unwrap();
        drop(watchdog);
        assert!(ends(&mut child) && !folder.exists());
    }

    #[test]
    fn a_process_that_is_not_ours_is_left_alone() {
        let folder = tempfile::Builder::new().prefix("spoor-watched-").tempdir().unwrap().keep();
        let mut stranger = sleeper(Path::new("of-someone-else"));
        let mut watchdog = Watchdog::start(&folder).unwrap();
        watchdog.watch(stranger.id()).unwrap();
        drop(watchdog);
        assert!(stranger.try_wait().unwrap().is_none() && !folder.exists());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
