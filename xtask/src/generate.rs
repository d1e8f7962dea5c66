//! `cargo xtask gen`: everything in the checkout that a program writes from its source.
//!
//! The output is committed, so a build needs no generator and a reader finds it, and `--check` says whether it still
//! belongs to its source.

mod reference;
mod stubs;

use std::path::Path;

use anyhow::{Result, bail};

use crate::cargo;

/// Brings all generated files up to date; returns those that changed.
///
/// # Errors
/// A source that does not compile, or a file that cannot be read or written.
pub fn write(root: &Path) -> Result<Vec<String>> {
    let mut changed = stubs::write(root)?;
    changed.extend(reference::write(root)?);
    Ok(changed)
}

/// Succeeds when the committed files are what [`write`] would write.
///
/// # Errors
/// Says of every kind of generated file what is stale, and the command that brings it up to date.
pub fn check(root: &Path) -> Result<()> {
    check_by(root, &cargo::build_spoor(root, "dev")?)
}

/// [`check`] by a program that is built already.
pub(crate) fn check_by(root: &Path, spoor: &Path) -> Result<()> {
    let failures = [stubs::check(root), reference::check(root, spoor)].into_iter().filter_map(Result::err);
    let failures: Vec<String> = failures.map(|error| format!("{error:#}")).collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}
