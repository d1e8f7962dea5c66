//! The program `spoor`: every part of a tracing installation. This file decides nothing; `cli` reads, `command` assembles.

mod admin;
mod backend;
mod cli;
mod command;
mod config;
mod exposition;
mod health;
mod host;
mod kafka;
mod late_topic;
mod log_format;
mod machine;
mod notify;
mod own_traces;
mod process_metrics;
mod reference;
mod role;
mod sampling;
mod span_metrics;
mod telemetry;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = cli::parse(std::env::args_os().collect()).and_then(|parsed| command::run(&parsed));
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("spoor: {error:#}");
            ExitCode::FAILURE
        }
    }
}
