//! The programs of tests that cargo has compiled, each run by itself: so two of them can run side by side, which `cargo test` does not do,
//! and what each of them prints stays in one piece.

use std::ffi::OsString;
use std::fmt;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Artifact, Message};

use crate::cargo;

/// One program: the unit tests of a library or a program, or an integration test.
pub(crate) struct Program {
    /// The package's name, which its folder may not have.
    package: String,
    name: String,
    is_integration: bool,
    binary: PathBuf,
    /// The package's folder, where cargo runs its tests.
    folder: PathBuf,
}

/// Environment variables for a program.
pub(crate) type Environment = [(&'static str, OsString)];

impl Program {
    /// All of the workspace, compiled where they are not yet.
    ///
    /// # Errors
    /// When cargo fails, or says what cannot be read.
    pub(crate) fn all(root: &Path) -> Result<Vec<Self>> {
        let metadata = cargo::metadata(root)?;
        let arguments =
            ["test", "--workspace", "--all-targets", "--no-run", "--message-format=json-render-diagnostics"];
        let messages = cargo::output(&mut cargo::command(root, arguments))?;
        let mut programs = Vec::new();
        for message in Message::parse_stream(messages.as_slice()) {
            if let Message::CompilerArtifact(artifact) = message.context("read what cargo says of a test")? {
                let package = metadata.packages.iter().find(|package| package.id == artifact.package_id);
                programs.extend(package.and_then(|package| Self::of(artifact, &package.name)));
            }
        }
        ensure!(!programs.is_empty(), "cargo names no test of the workspace");
        Ok(programs)
    }

    fn of(artifact: Artifact, package: &str) -> Option<Self> {
        let binary = artifact.executable.filter(|_| artifact.profile.test)?;
        let folder = artifact.manifest_path.parent()?;
        Some(Self {
            package: package.to_owned(),
            is_integration: artifact.target.is_test(),
            name: artifact.target.name,
            binary: binary.into_std_path_buf(),
            folder: folder.as_std_path().to_owned(),
        })
    }

    /// Whether it is this integration test of this package.
    pub(crate) fn is(&self, package: &str, test: &str) -> bool {
        self.is_integration_of(package) && self.name == test
    }

    /// Whether it is an integration test of this package.
    pub(crate) fn is_integration_of(&self, package: &str) -> bool {
        self.is_integration && self.package == package
    }

    /// Runs it and prints what it printed, in one piece; whether all its tests passed.
    fn passes(&self, environment: &Environment) -> Result<bool> {
        println!("started  {self}");
        let start = Instant::now();
        let mut output = tempfile::tempfile().context("open a file for what a test prints")?;
        let status = self
            .command(environment)
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .status()
            .with_context(|| format!("run {}", self.binary.display()))?;
        output.rewind()?;
        let mut printed = Vec::new();
        output.read_to_end(&mut printed).context("read what a test printed")?;
        let verdict = if status.success() { "passed" } else { "FAILED" };
        let (took, printed) = (start.elapsed().as_secs_f64(), String::from_utf8_lossy(&printed));
        println!("\n{verdict}   {self} in {took:.1} s\n{printed}");
        Ok(status.success())
    }

    fn command(&self, environment: &Environment) -> Command {
        let mut command = Command::new(&self.binary);
        cargo::forget_this_program(&mut command);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder).stdin(Stdio::null());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, name, .. } = self;
        if self.is_integration {
            write!(f, "{package}: {name}")
        } else {
            write!(f, "{package}: unit tests of {name}")
        }
    }
}

/// Runs these one after the other, all of them whatever comes of one.
///
/// # Errors
/// Names those that failed, or could not be run, and why not.
pub(crate) fn run<'a>(
    programs: impl IntoIterator<Item = &'a Program>,
    environment: &Environment,
) -> Result<()> {
    let mut failed = Vec::new();
    for program in programs {
        match program.passes(environment) {
            Ok(true) => {}
            Ok(false) => failed.push(program.to_string()),
            Err(error) => failed.push(format!("{program}: {error:#}")),
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &str, folder: &Path) -> Program {
        Program {
            package: "package".to_owned(),
            name: name.to_owned(),
            is_integration: true,
            binary: PathBuf::from("/bin/pwd"),
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn a_program_runs_in_the_folder_of_its_package_with_what_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let program = shell("one", folder.path());
        let command = program.command(&[("SPOOR_X", OsString::from("1"))]);
        let variable =
            |name: &str| command.get_envs().find(|(other, _)| *other == name).map(|(_, value)| value);
        assert_eq!(command.get_current_dir(), Some(folder.path()));
        assert_eq!(variable("CARGO_MANIFEST_DIR"), Some(Some(folder.path().as_os_str())));
        assert_eq!(variable("SPOOR_X"), Some(Some("1".as_ref())));
    }

    #[test]
    fn those_that_fail_are_named_and_the_ones_behind_them_run() {
        let folder = tempfile::tempdir().unwrap();
        let [mut bad, good, mut missing, mut worse] =
            ["bad", "good", "missing", "worse"].map(|name| shell(name, folder.path()));
        (bad.binary, worse.binary) = ("/bin/false".into(), "/bin/false".into());
        missing.binary = folder.path().join("none");
        let error = run([&bad, &good, &missing, &worse], &[]).unwrap_err().to_string();
        let parts: Vec<&str> = error.split("; ").collect();
        assert_eq!((parts[0], parts[2]), ("failed: package: bad", "package: worse"), "{error}");
        assert!(parts[1].starts_with("package: missing: run "), "{error}");
        assert_eq!(parts.len(), 3, "{error}");
    }
}
