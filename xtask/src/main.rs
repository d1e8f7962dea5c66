//! The project's own commands: `cargo xtask COMMAND`.
//!
//! `main` decides nothing: each command is a module of the library.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{all_in_one, bench, generate, servers, suite, workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build and start the all-in-one on its default ports, in the foreground
    Run {
        /// Handed on to `spoor all-in-one`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Everything that must hold: prerequisites, sources, and all tests with real servers
    Test {
        /// Let storms of faults go on for minutes
        #[arg(long)]
        long: bool,
    },
    /// The quick part of `test`: format, clippy, generated files, layers, licenses, unit tests
    Check,
    /// Run the benchmarks and print their figures
    Bench {
        /// Which ones; all when none is named
        names: Vec<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write the generated files: Rust from proto/idl, the reference page of settings
    Gen {
        /// Write nothing; fail when the committed files differ
        #[arg(long)]
        check: bool,
    },
    /// Start, stop and show real servers for tests
    Servers {
        #[command(subcommand)]
        action: ServersAction,
    },
}

#[derive(Subcommand)]
enum ServersAction {
    /// Start and leave running; prints one URL a line
    Up {
        /// Which ones (`status` lists them); the OpenSearch that tests run on when none is named
        names: Vec<String>,
    },
    /// Stop and remove their data
    Down {
        /// Which ones; all when none is named
        names: Vec<String>,
    },
    /// Tell what runs, and where
    Status {
        /// Which ones; all when none is named
        names: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let root = workspace::root();
    match task {
        Task::Run { arguments } => all_in_one::run(&root, &arguments),
        Task::Test { long } => suite::test(&root, long),
        Task::Check => suite::check(&root),
        Task::Bench { names, json } => bench::run(&root, &names, json),
        Task::Gen { check: true } => generate::check(&root),
        Task::Gen { check: false } => {
            let changed = generate::write(&root)?;
            println!("{} generated files changed {}", changed.len(), changed.join(" "));
            Ok(())
        }
        Task::Servers { action: ServersAction::Up { names } } => servers::up(&names),
        Task::Servers { action: ServersAction::Down { names } } => servers::down(&names),
        Task::Servers { action: ServersAction::Status { names } } => servers::status(&names),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
