//! What commands print for whoever asked.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints a line. Whoever reads no further (`| head`) has all they wanted: that is no failure, and the work goes on.
///
/// # Errors
/// When standard output does not take it for another reason.
pub(crate) fn line(text: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("print a line"),
        _ => Ok(()),
    }
}
