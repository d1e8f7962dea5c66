//! `cargo xtask servers`: servers that outlive the command, remembered in a file of the cache folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::recipe::{ALL, Recipe};
use super::server::{Launch, STOP_GRACE};
use super::{artifacts, recipe};
use crate::{output, process};

/// What is remembered of a server that was left running.
#[derive(Serialize, Deserialize)]
struct Standing {
    pid: u32,
    port: u16,
    url: String,
    version: String,
    folder: PathBuf,
}

impl Standing {
    fn is_running(&self) -> bool {
        process::is_running(self.pid, &self.folder.to_string_lossy())
    }
}

/// Starts each named server (the one that tests run on, when none is named) unless it runs already; prints one URL a line.
///
/// # Errors
/// An unknown name, or a server that does not start.
pub fn up(names: &[String]) -> Result<()> {
    let recipes = if names.is_empty() { vec![ALL[0]] } else { select(names)? };
    for recipe in recipes {
        let folder = folder()?;
        let _only_one = artifacts::lock(&folder, recipe.name)?;
        let standing = match recall(&folder, recipe)? {
            Some(standing) if standing.is_running() => standing,
            stale => {
                stale.as_ref().map(forget_data).transpose()?;
                start(&folder, recipe)?
            }
        };
        output::line(&standing.url)?;
    }
    Ok(())
}

/// Stops each named server (all, when none is named) and removes its data.
///
/// # Errors
/// An unknown name, or a server that cannot be stopped.
pub fn down(names: &[String]) -> Result<()> {
    for recipe in select(names)? {
        let folder = folder()?;
        let _only_one = artifacts::lock(&folder, recipe.name)?;
        let Some(standing) = recall(&folder, recipe)? else {
            output::line(format_args!("{} is not up", recipe.name))?;
            continue;
        };
        process::stop_foreign(standing.pid, &standing.folder.to_string_lossy(), STOP_GRACE)?;
        forget_data(&standing)?;
        fs::remove_file(state_file(&folder, recipe)).with_context(|| format!("forget {}", recipe.name))?;
        output::line(format_args!("{} is down", recipe.name))?;
    }
    Ok(())
}

/// Prints a line for each named server (all, when none is named): up, ended, or not up.
///
/// # Errors
/// An unknown name, or an unreadable state file.
pub fn status(names: &[String]) -> Result<()> {
    let folder = folder()?;
    for recipe in select(names)? {
        let said = describe(recall(&folder, recipe)?.as_ref(), recipe);
        output::line(format_args!("{} {said}", recipe.name))?;
    }
    Ok(())
}

/// Where clients reach the server that `cargo xtask servers up` left running, if there is one.
///
/// # Errors
/// An unreadable state file.
pub(super) fn url_of(recipe: &Recipe) -> Result<Option<String>> {
    let standing = recall(&folder()?, recipe)?;
    Ok(standing.filter(Standing::is_running).map(|standing| standing.url))
}

fn describe(standing: Option<&Standing>, recipe: &Recipe) -> String {
    let Some(standing) = standing else { return "is not up".to_owned() };
    let Standing { pid, port, url, version, folder } = standing;
    if !standing.is_running() {
        return format!("has ended (it was process {pid}; its folder is {})", folder.display());
    }
    let place = recipe::Place { folder: folder.clone(), port: *port };
    let state = if (recipe.is_ready)(&place) { "is up" } else { "runs but does not answer" };
    format!("{state} at {url} (version {version}, process {pid}, folder {})", folder.display())
}

fn start(state: &Path, recipe: &'static Recipe) -> Result<Standing> {
    let launch = Launch::prepare(recipe)?;
    let mut child = launch.spawn()?;
    let standing = Standing {
        pid: child.id(),
        port: launch.place.port,
        url: launch.url(),
        version: launch.version().to_owned(),
        folder: launch.place.folder.clone(),
    };
    // Remembered before it is ready: an interrupted `up` must not leave a server nobody knows.
    let text = serde_json::to_string_pretty(&standing).context("describe the server")?;
    fs::write(state_file(state, recipe), text).with_context(|| format!("remember {}", recipe.name))?;
    if let Err(error) = launch.await_ready(&mut child) {
        process::stop(&mut child, STOP_GRACE)?;
        return Err(error);
    }
    eprintln!("log: {}", launch.log().display());
    Ok(standing)
}

fn forget_data(standing: &Standing) -> Result<()> {
    match fs::remove_dir_all(&standing.folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", standing.folder.display()))
        }
        _ => Ok(()),
    }
}

fn recall(folder: &Path, recipe: &Recipe) -> Result<Option<Standing>> {
    let path = state_file(folder, recipe);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let standing = serde_json::from_str(&text)
        .with_context(|| format!("read {} (stop the server by hand and remove the file)", path.display()))?;
    Ok(Some(standing))
}

fn folder() -> Result<PathBuf> {
    Ok(artifacts::cache_folder()?.join("standing"))
}

fn state_file(folder: &Path, recipe: &Recipe) -> PathBuf {
    folder.join(format!("{}.json", recipe.name))
}

fn select(names: &[String]) -> Result<Vec<&'static Recipe>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    names
        .iter()
        .map(|name| match ALL.iter().find(|recipe| recipe.name == name) {
            Some(recipe) => Ok(*recipe),
            None => {
                let known: Vec<&str> = ALL.iter().map(|recipe| recipe.name).collect();
                bail!("no server is called {name}; there is {}", known.join(", "))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_servers_and_no_name_selects_all() {
        assert_eq!(select(&[]).unwrap().len(), ALL.len());
        assert_eq!(select(&["opensearch".to_owned()]).unwrap()[0].name, "opensearch");
        let Err(error) = select(&["mongodb".to_owned()]) else { panic!("mongodb is no server of ours") };
        assert!(error.to_string().contains("opensearch"), "{error}");
    }

    #[test]
    fn an_ended_server_is_told_from_one_that_never_was() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = ALL[0];
        assert!(recall(folder.path(), recipe).unwrap().is_none());
        let gone = Standing {
            pid: u32::MAX,
            port: 1,
            url: "http://127.0.0.1:1".to_owned(),
            version: "1".to_owned(),
            folder: folder.path().join("data"),
        };
        fs::write(state_file(folder.path(), recipe), serde_json::to_string(&gone).unwrap()).unwrap();
        let recalled = recall(folder.path(), recipe).unwrap();
        assert!(describe(recalled.as_ref(), recipe).starts_with("has ended"));
    }
}
