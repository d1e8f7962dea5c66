//! Virtual environments with Python packages for stories with real SDKs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The interpreter of an environment that has exactly `requirements`. It is made in the cache folder and used again while
/// the requirements stay the same; an interrupted making leaves nothing that is taken for whole.
///
/// # Errors
/// When Python, its `venv` module or a package is missing; the output is in the message.
pub async fn python_environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let wanted = std::fs::read_to_string(requirements).context("read the requirements")?;
    let folder = xtask::servers::cache_folder()?.join("python").join(name);
    let (interpreter, stamp) = (folder.join("bin/python"), folder.join("requirements.done"));
    if std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(interpreter);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove the outdated environment")?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await?;
    let mut pip = Command::new(&interpreter);
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "-r"]).arg(requirements);
    run(&mut pip).await?;
    std::fs::write(&stamp, wanted).context("mark the environment as whole")?;
    Ok(interpreter)
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.output().await.with_context(|| format!("run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
