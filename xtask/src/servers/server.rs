//! One running server: started in its own folder, waited for, stopped, killed, started again on what it left.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::java::{self, Jdk};
use super::ports::Reservation;
use super::recipe::{Launching, Place, Recipe, Release, runnable};
use super::watchdog::Watchdog;
use super::{artifacts, ports};
use crate::{process, wait};

const START_LIMIT: Duration = Duration::from_secs(120);
const START_POLL: Duration = Duration::from_millis(250);
pub(super) const STOP_GRACE: Duration = Duration::from_secs(20);
const LOG: &str = "server.log";
const LOG_TAIL_LINES: usize = 40;

/// Everything needed to start a server any number of times.
pub(super) struct Launch {
    recipe: &'static Recipe,
    release: &'static Release,
    java: PathBuf,
    files: PathBuf,
    pub(super) place: Place,
    _reservation: Reservation,
}

impl Launch {
    /// Picks a release for this machine, resolves its jars and makes a folder with a free port.
    ///
    /// Says on standard error which release and JDK it took, and why not a better one.
    pub(super) fn prepare(recipe: &'static Recipe) -> Result<Self> {
        let jdks = java::find();
        let (release, java, files) = choose(recipe, &jdks)?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("spoor-{}-", recipe.name))
            .tempdir()
            .context("make a folder for the server")?;
        let reservation = ports::reserve(&artifacts::cache_folder()?.join("ports"), &recipe.ports)?;
        let place = Place { folder: folder.path().to_owned(), port: reservation.port };
        (recipe.prepare)(&place)?;
        // From here on the watchdog, or whoever stops a standing server, removes it.
        let _ = folder.keep();
        Ok(Self { recipe, release, java, files, place, _reservation: reservation })
    }

    pub(super) fn url(&self) -> String {
        format!("{}127.0.0.1:{}", self.recipe.kind.scheme(), self.place.port)
    }

    pub(super) fn version(&self) -> &'static str {
        self.release.version
    }

    pub(super) fn log(&self) -> PathBuf {
        self.place.folder.join(LOG)
    }

    /// In a process group of its own: a ctrl-C in the terminal is ours to handle, not the server's.
    pub(super) fn spawn(&self) -> Result<Child> {
        let log =
            File::options().create(true).append(true).open(self.log()).context("open the server's log")?;
        let Self { release, java, files, place, .. } = self;
        let mut command = (self.recipe.command)(&Launching { release, java, files, place })?;
        command
            .current_dir(&self.place.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the server's log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!("start {} {} with {}", self.recipe.name, self.version(), self.java.display())
            })
    }

    /// Waits until the server serves requests.
    ///
    /// # Errors
    /// It ended or is not ready in time; the message ends with the last lines of its log.
    pub(super) fn await_ready(&self, child: &mut Child) -> Result<()> {
        let ready = wait::until(START_LIMIT, START_POLL, || {
            if let Some(status) = child.try_wait().context("look whether the server has ended")? {
                bail!(
                    "{} {} ended at its start ({status}){}",
                    self.recipe.name,
                    self.version(),
                    self.log_tail()
                );
            }
            Ok((self.recipe.is_ready)(&self.place).then_some(()))
        })?;
        ready.with_context(|| {
            let (name, version, tail) = (self.recipe.name, self.version(), self.log_tail());
            format!("{name} {version} is not ready after {} s{tail}", START_LIMIT.as_secs())
        })
    }

    fn log_tail(&self) -> String {
        let raw = fs::read(self.log()).unwrap_or_default();
        format!("; the end of its log:\n{}", last_lines(&String::from_utf8_lossy(&raw), LOG_TAIL_LINES))
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn choose(recipe: &'static Recipe, jdks: &[Jdk]) -> Result<(&'static Release, PathBuf, PathBuf)> {
    let majors: Vec<String> = jdks.iter().map(|jdk| jdk.major.to_string()).collect();
    let possible = runnable(recipe.releases, jdks);
    ensure!(
        !possible.is_empty(),
        "no JDK here runs {} (found: {}): install 17 or, better, 21 or newer",
        recipe.name,
        if majors.is_empty() { "none".to_owned() } else { majors.join(", ") }
    );
    if let Some(missed) = recipe.releases.first().filter(|best| best.version != possible[0].0.version) {
        let (least, name) = (missed.jdk.start(), recipe.name);
        eprintln!(
            "not {name} {}: it needs JDK {least} or newer, found {}",
            missed.version,
            majors.join(", ")
        );
    }
    let cache = artifacts::cache_folder()?;
    let mut reasons = Vec::new();
    for (release, jdk) in possible {
        match artifacts::resolve(&cache, recipe.name, release, jdk) {
            Ok(files) => {
                eprintln!(
                    "{} {} on JDK {} ({})",
                    recipe.name,
                    release.version,
                    jdk.major,
                    jdk.java.display()
                );
                return Ok((release, jdk.java.clone(), files));
            }
            Err(error) => {
                eprintln!("not {} {}: {error:#}", recipe.name, release.version);
                reasons.push(format!("{}: {error:#}", release.version));
            }
        }
    }
    bail!("no release of {} could be resolved: {}", recipe.name, reasons.join("; "))
}

/// A server that ends with the value that holds it, or with this process.
pub(super) struct Server {
    launch: Launch,
    url: String,
    child: Option<Child>,
    watchdog: Watchdog,
}

impl Server {
    pub(super) fn start(recipe: &'static Recipe) -> Result<Self> {
        let mut server = Self::prepare(recipe)?;
        server.start_again()?;
        Ok(server)
    }

    /// One that is not running yet.
    pub(super) fn prepare(recipe: &'static Recipe) -> Result<Self> {
        let launch = Launch::prepare(recipe)?;
        let watchdog = Watchdog::start(&launch.place.folder)?;
        let url = launch.url();
        Ok(Self { launch, url, child: None, watchdog })
    }

    pub(super) fn place(&self) -> &Place {
        &self.launch.place
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn start_again(&mut self) -> Result<()> {
        self.spawn()?;
        self.await_ready()
    }

    pub(super) fn spawn(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "{} still runs: stop or kill it before starting it again", self.url);
        let child = self.child.insert(self.launch.spawn()?);
        self.watchdog.watch(child.id())
    }

    pub(super) fn await_ready(&mut self) -> Result<()> {
        let child = self.child.as_mut().with_context(|| format!("{} does not run", self.url))?;
        self.launch.await_ready(child)
    }

    pub(super) fn pause(&self) -> Result<()> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.url))?;
        process::pause(child).with_context(|| format!("pause the server at {}", self.url))
    }

    pub(super) fn resume(&self) -> Result<()> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.url))?;
        process::resume(child).with_context(|| format!("resume the server at {}", self.url))
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        process::stop(&mut child, STOP_GRACE)
            .map(drop)
            .with_context(|| format!("stop the server at {}", self.url))
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // Some servers are two processes: all of the group go.
        process::kill_group(&child).with_context(|| format!("kill the server at {}", self.url))?;
        child.wait().map(drop).with_context(|| format!("wait for the killed server at {}", self.url))
    }
}

impl Drop for Server {
    /// Its data goes too, so there is nothing to end politely; the watchdog, dropped after this, clears the folder.
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
