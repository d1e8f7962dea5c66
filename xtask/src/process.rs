//! Signals and identity of processes we started, by id.
//!
//! A process id can be given to another program later, so nothing is signalled by number alone: a marker (a folder
//! name only our process has among its arguments) must be in its command line.

use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait;

const POLL: Duration = Duration::from_millis(50);

/// Whether process `pid` runs and has `marker` in its command line. A zombie counts as gone.
#[must_use]
pub fn is_running(pid: u32, marker: &str) -> bool {
    command_line(pid).is_some_and(|line| line.contains(marker))
}

fn command_line(pid: u32) -> Option<String> {
    if let Ok(raw) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&raw).replace('\0', " "));
    }
    if fs::exists("/proc/self").unwrap_or(false) {
        return None;
    }
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Sends SIGTERM to a child of this process.
///
/// # Errors
/// When the system refuses; a child that has already ended is not an error.
pub fn terminate(child: &Child) -> Result<()> {
    signal(child.id(), Signal::TERM)
}

/// Halts a child of this process (SIGSTOP).
///
/// # Errors
/// When the system refuses; a child that has already ended is not an error.
pub fn pause(child: &Child) -> Result<()> {
    signal(child.id(), Signal::STOP)
}

/// Lets a halted child go on (SIGCONT).
///
/// # Errors
/// As [`pause`].
pub fn resume(child: &Child) -> Result<()> {
    signal(child.id(), Signal::CONT)
}

/// SIGKILL to a child that leads a process group of its own, and to all of that group.
///
/// # Errors
/// When the system refuses; a group that has already ended is not an error.
pub fn kill_group(leader: &Child) -> Result<()> {
    match kill_process_group(process_id(leader.id())?, Signal::KILL) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("kill the process group {}", leader.id())),
    }
}

/// SIGTERM, then SIGKILL when the child is still there after `grace`; gives its exit status.
///
/// # Errors
/// When the system refuses to signal or to wait.
pub fn stop(child: &mut Child, grace: Duration) -> Result<ExitStatus> {
    if child.try_wait().context("look whether the process has ended")?.is_none() {
        terminate(child)?;
    }
    let ended = wait::until(grace, POLL, || child.try_wait().context("wait for the process to end"))?;
    if let Some(status) = ended {
        return Ok(status);
    }
    child.kill().context("kill the process")?;
    child.wait().context("wait for the killed process")
}

/// As [`stop`], for a process another run of this program started and that carries `marker`.
///
/// # Errors
/// When the system refuses to signal, or the process outlives SIGKILL for `grace`.
pub fn stop_foreign(pid: u32, marker: &str, grace: Duration) -> Result<()> {
    for kind in [Signal::TERM, Signal::KILL] {
        if !is_running(pid, marker) {
            return Ok(());
        }
        signal(pid, kind)?;
        wait::until(grace, POLL, || Ok((!is_running(pid, marker)).then_some(())))?;
    }
    anyhow::ensure!(!is_running(pid, marker), "process {pid} is still there after SIGKILL");
    Ok(())
}

fn signal(pid: u32, kind: Signal) -> Result<()> {
    match kill_process(process_id(pid)?, kind) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("send {kind:?} to process {pid}")),
    }
}

fn process_id(pid: u32) -> Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).with_context(|| format!("no process has id {pid}"))
}

#[cfg(test)]
mod tests;
