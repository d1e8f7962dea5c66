//! `cargo xtask bench`: runs the bench programs and prints their figures, one line each.
//!
//! A bench is a program that prints one JSON object per figure. Whether a figure is within its bar is shown, and
//! never decides the exit status; a bench that fails to run does.

mod figure;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::servers::{self, OpenSearch};
use crate::{cargo, output, suite};
use figure::Figure;

struct Bench {
    name: &'static str,
    package: &'static str,
    /// Its programs; one that counts allocations is apart from one that takes the time.
    examples: &'static [&'static str],
    needs: Needs,
}

/// What a bench is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing: it measures a library, or brings everything itself.
    Nothing,
    /// A release build of the program; it starts its servers itself.
    Program,
    /// A release build of the program, and a real OpenSearch.
    ProgramAndStore,
}

const ALL: [Bench; 13] = [
    Bench { name: "agent", package: "spoor-tests", examples: &["bench_agent"], needs: Needs::Program },
    Bench {
        name: "decode",
        package: "spoor-proto",
        examples: &["bench_decode", "bench_decode_allocations", "bench_decode_thrift", "bench_zipkin"],
        needs: Needs::Nothing,
    },
    Bench { name: "records", package: "spoor-proto", examples: &["bench_records"], needs: Needs::Nothing },
    Bench {
        name: "bulk",
        package: "spoor-storage-elasticsearch",
        examples: &["bench_bulk"],
        needs: Needs::Nothing,
    },
    Bench {
        name: "collector_es",
        package: "spoor-tests",
        examples: &["bench_collector_es"],
        needs: Needs::ProgramAndStore,
    },
    Bench {
        name: "collector_kafka",
        package: "spoor-tests",
        examples: &["bench_collector_kafka"],
        needs: Needs::Program,
    },
    Bench {
        name: "ingester",
        package: "spoor-tests",
        examples: &["bench_ingester"],
        needs: Needs::ProgramAndStore,
    },
    // It halts its store.
    Bench {
        name: "ingester_backlog",
        package: "spoor-tests",
        examples: &["bench_ingester_backlog"],
        needs: Needs::Program,
    },
    Bench {
        name: "latency",
        package: "spoor-tests",
        examples: &["bench_latency"],
        needs: Needs::ProgramAndStore,
    },
    // It starts a server of its own.
    Bench { name: "layout", package: "spoor-tests", examples: &["bench_layout"], needs: Needs::Nothing },
    Bench {
        name: "query_es",
        package: "spoor-tests",
        examples: &["bench_query_es"],
        needs: Needs::ProgramAndStore,
    },
    Bench {
        name: "query_json",
        package: "spoor-query",
        examples: &["bench_query_json"],
        needs: Needs::Nothing,
    },
    Bench {
        name: "query_load",
        package: "spoor-tests",
        examples: &["bench_query_load"],
        needs: Needs::ProgramAndStore,
    },
];

/// Runs the named benches, or all; figures go to standard output, everything else to standard error.
///
/// # Errors
/// An unknown name, or benches that failed to run, after the others had their turn.
pub fn run(root: &Path, names: &[String], as_json: bool) -> Result<()> {
    let mut failed = Vec::new();
    for bench in select(names)? {
        eprintln!(
            "bench {}: building and running {} of {}",
            bench.name,
            bench.examples.join(", "),
            bench.package
        );
        if let Err(error) = run_one(root, bench, as_json) {
            eprintln!("bench {}: {error:#}", bench.name);
            failed.push(bench.name);
        }
    }
    ensure!(failed.is_empty(), "benches that failed to run: {}", failed.join(", "));
    Ok(())
}

fn select(names: &[String]) -> Result<Vec<&'static Bench>> {
    if let Some(unknown) = names.iter().find(|name| !ALL.iter().any(|bench| bench.name == **name)) {
        let known: Vec<&str> = ALL.iter().map(|bench| bench.name).collect();
        bail!("no bench is called {unknown}; there are {}", known.join(", "));
    }
    Ok(ALL.iter().filter(|bench| names.is_empty() || names.iter().any(|name| name == bench.name)).collect())
}

fn run_one(root: &Path, bench: &Bench, as_json: bool) -> Result<()> {
    if bench.needs == Needs::Nothing {
        return show_all(root, bench, as_json, &[]);
    }
    let spoor = cargo::build_spoor(root, "release")?;
    if bench.needs == Needs::Program {
        return show_all(root, bench, as_json, &[(suite::SPOOR_BIN, spoor.as_os_str())]);
    }
    let opensearch = OpenSearch::start()?;
    let url = OsStr::new(opensearch.url());
    show_all(root, bench, as_json, &[(servers::OPENSEARCH_URL, url), (suite::SPOOR_BIN, spoor.as_os_str())])
}

fn show_all(root: &Path, bench: &Bench, as_json: bool, environment: &[(&str, &OsStr)]) -> Result<()> {
    for example in bench.examples {
        let arguments = ["run", "--release", "--quiet", "--package", bench.package, "--example", example];
        let mut command = cargo::command(root, arguments);
        show(command.envs(environment.iter().copied()), as_json).with_context(|| format!("run {example}"))?;
    }
    Ok(())
}

/// Prints each figure as soon as the program does.
fn show(command: &mut Command, as_json: bool) -> Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("start cargo")?;
    let output = child.stdout.take().context("read the bench's output")?;
    let mut figures = 0;
    for line in BufReader::new(output).lines() {
        let line = line.context("read the bench's output")?;
        match Figure::parse(&line) {
            Ok(figure) => {
                figures += 1;
                output::line(if as_json { line } else { figure.to_string() })?;
            }
            Err(_) => eprintln!("{line}"),
        }
    }
    let status = child.wait().context("wait for the bench")?;
    ensure!(status.success(), "it ended with {status}");
    ensure!(figures > 0, "it printed no figure");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_benches_and_no_name_selects_all() {
        assert_eq!(select(&[]).unwrap().len(), ALL.len());
        assert_eq!(select(&["bulk".to_owned()]).unwrap()[0].examples, ["bench_bulk"]);
        assert!(select(&["fast".to_owned()]).is_err());
    }

    #[test]
    fn a_program_without_a_figure_or_with_a_bad_end_is_an_error() {
        let shell = |script: &str| {
            show(Command::new("sh").args(["-c", script]), true).map_err(|error| error.to_string())
        };
        let figure = r#"echo '{"figure":"f","value":1,"unit":"s","bar":0.5,"method":"m"}'"#;
        assert_eq!(shell(figure), Ok(()));
        assert_eq!(shell("echo chatter"), Err("it printed no figure".to_owned()));
        assert!(shell(&format!("{figure}; exit 3")).is_err());
    }
}
