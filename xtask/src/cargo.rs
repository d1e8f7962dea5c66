//! Calling cargo again: the same toolchain, in the root of the workspace, without standard input.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// `cargo ARGUMENTS`, ready to be changed further.
pub(crate) fn command<'a>(root: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(root).stdin(Stdio::null());
    forget_this_program(&mut command);
    command
}

/// Takes out of the environment of `command` what cargo told this program about itself. It is not for build scripts: ring's runs again when
/// such a variable has changed, and half of the workspace would be compiled again whenever `cargo` and `cargo xtask` take turns.
pub(crate) fn forget_this_program(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if is_about_this_program(&name) {
            command.env_remove(name);
        }
    }
}

fn is_about_this_program(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
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

/// Runs `command` and gives what it wrote to standard output; its errors are shown as they come. A failure is an error that names it.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let line = command_line(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("run `{line}`"))?;
    ensure!(output.status.success(), "`{line}` failed ({})", output.status);
    Ok(output.stdout)
}

/// Builds the program `spoor` with `profile` (`dev` or `release`) and says where it is.
pub(crate) fn build_spoor(root: &Path, profile: &str) -> Result<PathBuf> {
    run(&mut command(root, ["build", "--package", "spoor-app", "--bin", "spoor", "--profile", profile]))?;
    built_spoor(root, if profile == "dev" { "debug" } else { profile })
}

/// Builds the program `spoor` together with all tests, and says where it is. Alone its dependencies would have other features than
/// for the tests, and librdkafka, OpenSSL and the rest be compiled twice.
pub(crate) fn build_spoor_and_tests(root: &Path) -> Result<PathBuf> {
    run(&mut command(root, ["build", "--workspace", "--all-targets"]))?;
    built_spoor(root, "debug")
}

fn built_spoor(root: &Path, folder: &str) -> Result<PathBuf> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_said_of_this_program_is_not_handed_on_and_the_rest_is() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
            assert!(is_about_this_program(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "PATH"] {
            assert!(!is_about_this_program(OsStr::new(name)), "{name}");
        }
        let command = command(Path::new("."), ["build"]);
        let removed = command.get_envs().any(|(name, value)| name == "CARGO_MANIFEST_DIR" && value.is_none());
        assert!(removed, "every test has it, whoever runs it");
    }
}
