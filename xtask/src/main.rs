//! The project's own commands: `cargo xtask COMMAND`.
//!
//! `main` decides nothing: each command is a module of the library.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{generate, servers, workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Generate Rust from proto/idl into proto/src/gen
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
        /// Which ones; all when none is named
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
