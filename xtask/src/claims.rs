//! The names of the tests in a folder of sources, for tables that say which test proves what.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What stands before a test's name: of an ordinary one, and of a claim of a contract suite.
const MARKS: [&str; 3] = ["#[test]\n", "#[tokio::test", "\npub async fn "];

/// The names of all tests, and of all claims of contract suites, in the Rust files below the folder.
///
/// # Errors
/// When a file or folder cannot be read.
pub fn names_below(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(names_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            names.extend(names_in(&text).map(str::to_owned));
        }
    }
    Ok(names)
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let behind = MARKS.into_iter().flat_map(move |mark| {
        let parts = text.split(mark).skip(1);
        parts.filter_map(
            move |part| if mark.ends_with("fn ") { Some(part) } else { Some(part.split_once("fn ")?.1) },
        )
    });
    behind.filter_map(|part| part.split('(').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_claims_are_found_and_nothing_else() {
        let text = "fn none() {}\n#[test]\nfn one() {}\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\npub async fn three(s: &S) {}\n";
        assert_eq!(names_in(text).collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}
