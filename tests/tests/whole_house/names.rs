//! The names of hosts in `deploy/`, and what stands for them on this machine.

use std::path::Path;

use anyhow::{Context, Result};

/// Pairs of a `HOST:PORT` of the shipped files and one of this machine.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    pub(super) fn add(&mut self, shipped: &str, here: String) {
        self.0.push((shipped.to_owned(), here));
    }

    /// What stands for this name.
    pub(super) fn here(&self, shipped: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == shipped).map(|(_, here)| here.as_str())
    }

    /// The text of a file below `deploy/` with every name replaced.
    pub(super) fn shipped(&self, file: &str) -> Result<String> {
        let mut text = read(file)?;
        for (shipped, here) in &self.0 {
            text = text.replace(shipped, here);
        }
        Ok(text)
    }

    /// Those that a file below `deploy/` has.
    pub(super) fn within(&self, file: &str) -> Result<Vec<(&str, String)>> {
        let text = read(file)?;
        let there = self.0.iter().filter(|(shipped, _)| text.contains(shipped));
        Ok(there.map(|(shipped, here)| (shipped.as_str(), here.clone())).collect())
    }
}

fn read(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}
