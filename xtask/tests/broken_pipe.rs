//! Whoever reads a command's output may stop reading.

use std::process::{Command, Stdio};

#[test]
fn a_reader_that_reads_no_further_is_no_failure() {
    let cache = tempfile::tempdir().expect("a folder");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["servers", "status"])
        .env("SPOOR_CACHE", cache.path())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("xtask runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
}
