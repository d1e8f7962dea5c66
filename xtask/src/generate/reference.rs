//! The reference page of settings, printed by the program that reads them.
//!
//! Asks `spoor`, in the dev profile, with `spoor settings-reference`, keeps the answer in `docs/reference`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo;

const PAGE: &str = "docs/reference/settings.md";

/// Writes the page unless it is fresh; returns its name if it was not.
pub(super) fn write(root: &Path) -> Result<Option<String>> {
    let page = print(&cargo::build_spoor(root, "dev")?)?;
    keep(root, &page)
}

/// Succeeds when the committed page is what the program prints.
pub(super) fn check(root: &Path, spoor: &Path) -> Result<()> {
    compare(root, &print(spoor)?)
}

fn print(spoor: &Path) -> Result<String> {
    // Nothing of the caller's environment: it may hold settings.
    let output = Command::new(spoor)
        .arg("settings-reference")
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run `{} settings-reference`", spoor.display()))?;
    ensure!(output.status.success(), "`spoor settings-reference` failed ({})", output.status);
    String::from_utf8(output.stdout).context("read what `spoor settings-reference` printed")
}

fn keep(root: &Path, page: &str) -> Result<Option<String>> {
    if compare(root, page).is_ok() {
        return Ok(None);
    }
    let path = root.join(PAGE);
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    fs::write(&path, page).with_context(|| format!("write {}", path.display()))?;
    Ok(Some(PAGE.to_owned()))
}

fn compare(root: &Path, page: &str) -> Result<()> {
    let committed = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    ensure!(
        committed == page,
        "{PAGE} does not match the program's settings (run `cargo xtask gen` and commit it)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_edited_page_is_stale_until_it_is_written() {
        let root = tempfile::tempdir().unwrap();
        let stale = compare(root.path(), "# Settings\n").unwrap_err().to_string();
        assert!(stale.contains(PAGE) && stale.contains("cargo xtask gen"), "{stale}");
        assert_eq!(keep(root.path(), "# Settings\n").unwrap().as_deref(), Some(PAGE));
        compare(root.path(), "# Settings\n").unwrap();
        assert_eq!(keep(root.path(), "# Settings\n").unwrap(), None);
        fs::write(root.path().join(PAGE), "edited").unwrap();
        compare(root.path(), "# Settings\n").unwrap_err();
    }
}
