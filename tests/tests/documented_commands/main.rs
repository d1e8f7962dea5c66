//! Story: what the pages tell people to type works. The blocks of README.md and of docs/high-availability.md are run as they stand, each page
//! from its first block to its last one in a shell; on the other pages, where blocks are single calls of `spoor`, each is made on the store
//! that tests share, or at least read by the program. A block that is neither fails.
//!
//! The pages use default ports and names in /etc/hosts, so they are run in namespaces of their own: with its own loopback, hosts and
//! processes. Where the system does not allow that (containers), they are run on this machine, one after the other, with addresses in the
//! place of names; `SPOOR_NO_NAMESPACES=1` does so anywhere. `cargo` is a stand-in that knows `cargo xtask`, already built, alone; nothing is
//! installed.

mod calls;
mod pages;
mod room;
mod script;
mod session;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pages::{Block, blocks, root};
use room::Room;
use spoor_tests::unique_prefix;

/// How long a page may take: each server that it starts takes some ten seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(300);
const README: &str = "README.md";
const HIGH_AVAILABILITY: &str = "docs/high-availability.md";

/// How it is shown that a block works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Run as it stands, in the shell of its page.
    Run,
    /// Installs and builds what the page needs: compared with what the tests need.
    Prerequisites,
    /// This very run of the tests.
    Suite,
    /// Calls of `spoor`, each made or read by the program.
    Calls,
}

fn way(block: &Block) -> Way {
    let first = block.text.lines().next().unwrap_or_default();
    match block.page.as_str() {
        HIGH_AVAILABILITY if first == "apt-get update" => Way::Prerequisites,
        README if first == "cargo xtask test" => Way::Suite,
        README if first.starts_with("target/release/spoor agent ") => Way::Calls,
        README | HIGH_AVAILABILITY => Way::Run,
        _ => Way::Calls,
    }
}

fn to_run(page: &str) -> Result<Vec<Block>> {
    let blocks: Vec<Block> =
        blocks()?.into_iter().filter(|block| block.page == page && way(block) == Way::Run).collect();
    ensure!(blocks.len() > 3, "{page} has {} blocks to run: some are not recognized", blocks.len());
    Ok(blocks)
}

/// Runs the blocks of a page, and looks that it leaves nothing behind.
async fn works(page: &str, alone: bool) -> Result<()> {
    let room = Room::furnish(alone)?;
    let script = script::of(&to_run(page)?)?;
    room.run(&script, PATIENCE).await.with_context(|| page.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocks_of_readme_and_of_high_availability_run_as_they_stand_and_leave_nothing() -> Result<()> {
    if session::may_have_namespaces().await {
        let both = tokio::join!(works(HIGH_AVAILABILITY, true), works(README, true));
        return both.0.and(both.1);
    }
    eprintln!("no namespaces here: the pages are run on this machine, with addresses in the place of names");
    works(HIGH_AVAILABILITY, false).await?;
    works(README, false).await
}

/// Removes what the calls made.
async fn removed(server: &str, prefix: &str) -> Result<()> {
    let client = reqwest::Client::new();
    for made in [
        format!("{prefix}-*?ignore_unavailable=true"),
        format!("_template/{prefix}-*"),
        format!("_index_template/{prefix}-*"),
    ] {
        client.delete(format!("{server}/{made}")).send().await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_other_call_of_spoor_is_one_that_the_program_takes() -> Result<()> {
    let room = Room::furnish(true)?;
    let prefix = unique_prefix("documented");
    let server = xtask::servers::opensearch_url()?;
    let (mut made, mut read) = (0, 0);
    for block in blocks()?.iter().filter(|block| way(block) == Way::Calls) {
        for call in block.commands() {
            let done = calls::is_taken(&room, block, &call, &server, &prefix);
            match done.await.with_context(|| format!("{}:{}: {call}", block.page, block.line))? {
                calls::Taken::Made => made += 1,
                calls::Taken::Read => read += 1,
            }
        }
    }
    removed(&server, &prefix).await?;
    eprintln!("{made} calls made, {read} read");
    ensure!(made > 8 && read > 6, "so few can only be a mistake of this test: {made} made, {read} read");
    Ok(())
}

#[test]
fn what_high_availability_has_installed_is_what_the_tests_need() -> Result<()> {
    let all = blocks()?;
    let block = all.iter().find(|block| way(block) == Way::Prerequisites).context("a block installs")?;
    let mut packages = 0;
    for command in block.commands() {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["apt-get", "update"] | ["cargo", "build", "--release", "-p", "spoor-app"] => {}
            ["apt-get", "install", ref rest @ ..] => {
                for package in rest.iter().filter(|word| !word.starts_with("--")) {
                    ensure!(xtask::suite::needs_package(package), "the tests do not need {package}");
                    packages += 1;
                }
            }
            ["systemctl", "disable", "--now", ref units @ .., "||", "true"] => {
                let known = |unit: &&str| block.text.contains(&format!(" {unit} ")) || *unit == "nginx";
                ensure!(units.iter().all(known), "{command}");
            }
            _ => anyhow::bail!("{}:{}: nothing looks at `{command}`", block.page, block.line),
        }
    }
    ensure!(packages > 5, "{packages} packages");
    Ok(())
}

#[test]
fn the_call_of_the_tests_is_one_that_xtask_knows() -> Result<()> {
    let all = blocks()?;
    let suite: Vec<String> =
        all.iter().filter(|block| way(block) == Way::Suite).flat_map(Block::commands).collect();
    ensure!(suite == ["cargo xtask test"], "{suite:?}");
    let help = std::process::Command::new(room::built("xtask")?).args(["test", "--help"]).output()?;
    ensure!(help.status.success(), "{help:?}");
    ensure!(root().join(".ci/run").exists(), "what CI runs is in .ci/run");
    Ok(())
}
