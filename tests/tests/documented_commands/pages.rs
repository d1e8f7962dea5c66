//! The blocks of commands in the pages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// How blocks of commands are marked, and how blocks of anything else.
const COMMANDS: &str = "sh";
const OTHERS: [&str; 4] = ["", "json", "yaml", "text"];

/// A block of commands.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The page, below the root of the checkout.
    pub(super) page: String,
    /// The line of its first command.
    pub(super) line: usize,
    /// The heading above it.
    pub(super) heading: String,
    pub(super) text: String,
}

impl Block {
    /// Its commands, one a line, without comments behind them.
    pub(super) fn commands(&self) -> Vec<String> {
        let whole = self.text.replace("\\\n", " ");
        let lines = whole.lines().map(|line| line.split(" # ").next().unwrap_or_default());
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect()
    }
}

/// The checkout.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All blocks of commands in the pages at the root, in docs/ and in deploy/, in their order.
pub(super) fn blocks() -> Result<Vec<Block>> {
    let mut pages = Vec::new();
    let mut folders = vec![root().join("docs"), root().join("deploy")];
    for file in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        pages.push(root().join(file));
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    let mut found = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
        let name = page.strip_prefix(root())?.to_str().context("a page's name is text")?;
        found.extend(blocks_of(name, &text)?);
    }
    Ok(found)
}

fn blocks_of(page: &str, text: &str) -> Result<Vec<Block>> {
    let (mut found, mut heading) = (Vec::new(), String::new());
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(title) = line.strip_prefix('#') {
            title.trim_start_matches('#').trim().clone_into(&mut heading);
        }
        let Some(mark) = line.trim_start().strip_prefix("```") else { continue };
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text = inside.collect::<Vec<_>>().join("\n");
        if mark == COMMANDS {
            found.push(Block { page: page.to_owned(), line: number + 2, heading: heading.clone(), text });
            continue;
        }
        ensure!(
            OTHERS.contains(&mark),
            "{page}:{}: a block of `{mark}`: mark commands with `{COMMANDS}`, and add what is none to this test's list",
            number + 1
        );
    }
    Ok(found)
}

#[test]
fn a_block_knows_its_place_and_its_commands() -> Result<()> {
    let text = "# Top\n\n## Below\n\n```json\n{}\n```\n\n```sh\na --b \\\n  --c   # why\n\nd\n```\n";
    let found = blocks_of("page.md", text)?;
    ensure!(found.len() == 1 && found[0].line == 10 && found[0].heading == "Below", "{found:?}");
    ensure!(found[0].commands() == ["a --b --c", "d"], "{:?}", found[0].commands());
    ensure!(blocks_of("page.md", "```console\n$ a\n```\n").is_err(), "another mark for commands is told");
    Ok(())
}
