//! Packages of Node and Java for stories with real clients, in the cache folder: made once, and used again while what they are made
//! from stays the same. An interrupted making leaves nothing that is taken for whole.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The `node_modules` that npm makes of the `package.json` and `package-lock.json` in `scenario`.
///
/// # Errors
/// When npm or a package is missing; the output is in the message.
pub async fn node_modules(name: &str, scenario: &Path) -> Result<PathBuf> {
    let folder = made("node", name, scenario, &["package.json", "package-lock.json"], |folder| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
        npm
    })
    .await?;
    Ok(folder.join("node_modules"))
}

/// A folder with the jars that Maven resolves of the `pom.xml` in `scenario`.
///
/// # Errors
/// When Maven or a jar is missing; the output is in the message.
pub async fn jars(name: &str, scenario: &Path) -> Result<PathBuf> {
    let folder = made("java", name, scenario, &["pom.xml"], |folder| {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "-DoutputDirectory=jars"]);
        maven.current_dir(folder);
        maven
    })
    .await?;
    Ok(folder.join("jars"))
}

/// The cache's folder of that kind and name, made by a command from these files of the scenario.
async fn made(
    kind: &str,
    name: &str,
    scenario: &Path,
    files: &[&str],
    command: impl FnOnce(&Path) -> Command,
) -> Result<PathBuf> {
    let folder = xtask::servers::cache_folder()?.join(kind).join(name);
    let stamp = folder.join("done");
    let mut wanted = String::new();
    for file in files {
        wanted += &std::fs::read_to_string(scenario.join(file)).with_context(|| format!("read {file}"))?;
    }
    if std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove the outdated packages")?;
    }
    std::fs::create_dir_all(&folder).context("create the packages' folder")?;
    for file in files {
        std::fs::copy(scenario.join(file), folder.join(file)).with_context(|| format!("copy {file}"))?;
    }
    let mut command = command(&folder);
    let output = command.output().await.with_context(|| format!("run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(&stamp, wanted).context("mark the packages as whole")?;
    Ok(folder)
}
