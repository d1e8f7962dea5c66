//! Jars of test servers, resolved once by Maven into a cache folder outside the checkout.
//!
//! A folder in the cache is complete or not there: Maven fills a neighbor that is renamed at the end, and a file lock
//! lets one run at a time do so.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::java::Jdk;
use super::recipe::{Packaging, Release};

/// The cache folder: `$SPOOR_CACHE`, else `$XDG_CACHE_HOME/spoor`, else `~/.cache/spoor`.
///
/// # Errors
/// When none of the three is set.
pub fn cache_folder() -> Result<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let chosen = folder("SPOOR_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("spoor")))
        .or_else(|| Some(folder("HOME")?.join(".cache/spoor")))
        .context("find a cache folder: set SPOOR_CACHE to one")?;
    std::path::absolute(&chosen).with_context(|| format!("make {} absolute", chosen.display()))
}

/// The folder with the files of `release` of the server `name`, from the cache or, the first time, by Maven. A zip is unpacked
/// with the JDK's own tool.
///
/// # Errors
/// When Maven is missing or cannot resolve this version (with the end of its output), or the cache cannot be written.
pub(super) fn resolve(cache: &Path, name: &str, release: &Release, jdk: &Jdk) -> Result<PathBuf> {
    fetch_once(&cache.join("servers"), &format!("{name}-{}", release.version), |folder| {
        match release.packaging {
            Packaging::Jars => download_jars(release, folder),
            Packaging::Zip => {
                download_zip(release, folder)?;
                unpack(release, folder, jdk)
            }
        }
    })
}

/// Holds the lock named for `key` until the file is dropped.
pub(super) fn lock(folder: &Path, key: &str) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("create the cache folder {}", folder.display()))?;
    let path = folder.join(format!("{key}.lock"));
    let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
    file.lock().with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}

fn fetch_once(folder: &Path, key: &str, download: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let complete = folder.join(key);
    if complete.is_dir() {
        return Ok(complete);
    }
    let _only_one = lock(folder, key)?;
    if complete.is_dir() {
        return Ok(complete);
    }
    let partial = folder.join(format!("{key}.partial"));
    // Left by a run that was interrupted: nobody else can be writing it while we hold the lock.
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("remove {}", partial.display()))?;
    }
    // Maven's own repository is not made for two that fill it.
    let _alone = lock(folder, "maven")?;
    fs::create_dir(&partial).with_context(|| format!("create {}", partial.display()))?;
    download(&partial)?;
    fs::rename(&partial, &complete).with_context(|| format!("move {} into place", partial.display()))?;
    Ok(complete)
}

fn download_jars(release: &Release, folder: &Path) -> Result<()> {
    let pom = folder.join("pom.xml");
    fs::write(&pom, pom_text(release)).with_context(|| format!("write {}", pom.display()))?;
    maven(
        release,
        Command::new("mvn").args(["dependency:copy-dependencies", "-f"]).arg(&pom).arg(into(folder)),
    )
}

fn download_zip(release: &Release, folder: &Path) -> Result<()> {
    let artifact = format!("-Dartifact={}:{}:zip", release.artifact, release.version);
    maven(
        release,
        Command::new("mvn").args(["dependency:copy", &artifact, "-Dtransitive=false"]).arg(into(folder)),
    )
}

fn into(folder: &Path) -> String {
    format!("-DoutputDirectory={}", folder.display())
}

fn unpack(release: &Release, folder: &Path, jdk: &Jdk) -> Result<()> {
    let name = release.artifact.rsplit(':').next().unwrap_or_default();
    let zip = folder.join(format!("{name}-{}.zip", release.version));
    let status = Command::new(jdk.java.with_file_name("jar"))
        .arg("xf")
        .arg(&zip)
        .current_dir(folder)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("unpack {} with the JDK's jar", zip.display()))?;
    ensure!(status.success(), "unpacking {} ended with {status}", zip.display());
    fs::remove_file(&zip).with_context(|| format!("remove {}", zip.display()))
}

fn maven(release: &Release, command: &mut Command) -> Result<()> {
    eprintln!("resolving {}:{} with Maven (once)", release.artifact, release.version);
    let output = command
        .args(["-q", "-B", "-ntp"])
        .stdin(Stdio::null())
        .output()
        .context("run mvn (Debian: apt-get install maven)")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        let first_error = text.lines().find(|line| line.contains("[ERROR]")).unwrap_or("it said nothing");
        bail!(
            "mvn could not resolve {}:{} ({}): {first_error}",
            release.artifact,
            release.version,
            output.status
        );
    }
    Ok(())
}

fn pom_text(release: &Release) -> String {
    let own = format!("{}:{}", release.artifact, release.version);
    let all = std::iter::once(own.as_str()).chain(release.beside.iter().copied());
    let dependencies: String = all.map(dependency).collect();
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>spoor.test</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{dependencies}</dependencies></project>
"#
    )
}

/// `group:artifact:version` as Maven's files have it.
fn dependency(coordinates: &str) -> String {
    let (name, version) = coordinates.rsplit_once(':').unwrap_or((coordinates, ""));
    let (group, artifact) = name.split_once(':').unwrap_or((name, ""));
    format!(
        "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_once_and_then_takes_what_is_there() {
        let cache = tempfile::tempdir().unwrap();
        let got =
            fetch_once(cache.path(), "one-1", |folder| Ok(fs::write(folder.join("a.jar"), "a")?)).unwrap();
        assert!(got.join("a.jar").is_file());
        assert_eq!(fetch_once(cache.path(), "one-1", |_| bail!("asked again")).unwrap(), got);
    }

    #[test]
    fn an_interrupted_download_is_not_taken_for_complete() {
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir(cache.path().join("one-1.partial")).unwrap();
        fs::write(cache.path().join("one-1.partial/half.jar"), "h").unwrap();
        assert!(fetch_once(cache.path(), "one-1", |_| bail!("no network")).is_err());
        assert!(!cache.path().join("one-1").exists());
        let got =
            fetch_once(cache.path(), "one-1", |folder| Ok(fs::write(folder.join("a.jar"), "a")?)).unwrap();
        assert!(got.join("a.jar").is_file() && !got.join("half.jar").exists());
    }

    #[test]
    fn two_runs_at_once_download_once() {
        let cache = tempfile::tempdir().unwrap();
        let downloads = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let count = |_: &Path| {
                        downloads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        Ok(())
                    };
                    fetch_once(cache.path(), "one-1", count).unwrap()
                });
            }
        });
        assert_eq!(downloads.into_inner(), 1);
    }
}
