//! Single calls of `spoor` in the pages: made on the store that tests share, under names of their own; or read by the program alone.

use anyhow::{Result, bail, ensure};
use tokio::process::Command;

use crate::pages::Block;
use crate::room::Room;

/// What was done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was made, and went well.
    Made,
    /// The program has read all of it.
    Read,
}

/// The store of the pages.
const STORE: &str = "http://localhost:9200";

/// Makes a call where that can be undone, else has the program read it.
pub(super) async fn is_taken(
    room: &Room,
    block: &Block,
    call: &str,
    server: &str,
    prefix: &str,
) -> Result<Taken> {
    // Settings may stand before the call, in its environment.
    let is_variable = |word: &&str| word.split_once('=').is_some_and(|(name, _)| !name.starts_with('-'));
    let words: Vec<&str> = call.split_whitespace().skip_while(is_variable).collect();
    let (program, role, action) = match words[..] {
        [program, role, action, ..] => (program, role, action),
        _ => bail!("this is no call of spoor, and no page that is run: nothing looks at it"),
    };
    ensure!(
        ["spoor", "target/release/spoor"].contains(&program),
        "`{program}` is no call of spoor, and no page that is run: nothing looks at it"
    );
    // Three points stand for the settings of the connection.
    let call = call
        .replace("--kafka.consumer.brokers=…", "…")
        .replace('…', "--kafka.consumer.brokers=localhost:9092");
    let stays = call.contains("--retention.schedule=");
    // Servers of tests have no policies.
    let by_policy = action == "policy" || call.contains("--es.use-ilm");
    if role == "retention" && !stays && !by_policy {
        // Blocks below one heading belong together: one makes what the next one works on.
        let heading =
            block.heading.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        run(room, &call.replace(STORE, server), &format!("{prefix}-{heading}")).await?;
        return Ok(Taken::Made);
    }
    let has_check = match (role, action) {
        ("retention", "policy" | "delete-by-query" | "erase") | (_, "dead-letters" | "dependencies") => false,
        // The program under test may be built without it, and then says so.
        _ => !call.contains("kerberos"),
    };
    let how = if has_check { "--check-config" } else { "--help" };
    run(room, &format!("{call} {how}"), prefix).await?;
    Ok(Taken::Read)
}

async fn run(room: &Room, call: &str, prefix: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", call]).current_dir(room.path("checkout")).envs(room.environment()?);
    let output = shell.env("ES_INDEX_PREFIX", prefix).kill_on_drop(true).output().await?;
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    ensure!(output.status.success(), "`{call}` ended with {}: {said}", output.status);
    Ok(())
}
