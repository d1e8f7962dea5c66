//! Calling cargo again: the same toolchain, in the root of the workspace, without standard input.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// `cargo ARGUMENTS`, ready to be changed further.
pub(crate) fn command<'a>(root: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(root).stdin(Stdio::null());
    command
}

/// Runs `command` with our output; a failure is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("run `{line}`"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// The whole dependency graph, every platform and feature that the lock file knows.
pub(crate) fn metadata(root: &Path) -> Result<Metadata> {
    MetadataCommand::new()
        .cargo_path(program())
        .current_dir(root)
        .exec()
        .context("read the dependency graph with `cargo metadata`")
}

/// Builds the program `spoor` with `profile` (`dev` or `release`) and says where it is.
pub(crate) fn build_spoor(root: &Path, profile: &str) -> Result<PathBuf> {
    run(&mut command(root, ["build", "--package", "spoor-app", "--bin", "spoor", "--profile", profile]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = metadata(root)?.target_directory.into_std_path_buf().join(folder).join("spoor");
    ensure!(binary.is_file(), "the build left no {}", binary.display());
    Ok(binary)
}

fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn command_line(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
