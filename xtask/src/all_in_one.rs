//! `cargo xtask run`: from a checkout to a working tracing backend in one command.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo;

const GREETING: &str = "
Spoor runs in the foreground; ctrl-C ends it.

  send spans   OTLP over gRPC   http://localhost:4317
               OTLP over HTTP   http://localhost:4318/v1/traces   (protobuf or JSON)
               Jaeger gRPC      localhost:14250
               Jaeger HTTP      http://localhost:14268/api/traces  (Thrift)
               Zipkin           with --collector.zipkin.host-port=:9411, http://localhost:9411/api/v2/spans
  look         traces           http://localhost:16686/
               health           http://localhost:14269/
               metrics          http://localhost:14269/metrics
";

/// Builds the program for use and becomes it: signals go straight to it. Returns only when that fails.
///
/// # Errors
/// A failed build, or a program that cannot be started.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let spoor = cargo::build_spoor(root, "release")?;
    println!("{GREETING}");
    let failure = Command::new(&spoor).arg("all-in-one").args(arguments).exec();
    Err(failure).with_context(|| format!("start {}", spoor.display()))
}
