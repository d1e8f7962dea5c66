//! Commands at work on letters that lie somewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use clap::Parser;
use spoor_ingester::dead_letters::{
    DeadLettersCommand, DeadLettersError, FileLetters, Letters, TopicLetters, run,
};
use spoor_ingester::quarantine::{FileQuarantine, Letter, TopicQuarantine};
use spoor_topic::TopicWriter;
use tempfile::TempDir;

use super::{FakeTopic, set_aside};

#[derive(Debug, Parser)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
}

pub(crate) fn command(line: &str) -> DeadLettersCommand {
    let words = std::iter::once("dead-letters").chain(line.split_whitespace());
    Program::try_parse_from(words).expect("a command").command
}

/// The topics that letters are put back into, and how often a writer of each was opened.
#[derive(Default)]
pub(crate) struct Origins {
    pub(crate) topics: BTreeMap<&'static str, FakeTopic>,
    opened: Mutex<Vec<String>>,
}

impl Origins {
    pub(crate) fn of(names: &[&'static str]) -> Self {
        let topics = names.iter().map(|name| (*name, FakeTopic::new(2))).collect();
        Self { topics, opened: Mutex::default() }
    }

    pub(crate) fn opened(&self) -> Vec<String> {
        self.opened.lock().expect("no panic").clone()
    }

    /// Runs the command: what it told, and how it ended.
    pub(crate) async fn run(
        &self,
        letters: &mut dyn Letters,
        line: &str,
    ) -> (String, Result<(), DeadLettersError>) {
        let open = |topic: &str| {
            self.opened.lock().expect("no panic").push(topic.to_owned());
            match self.topics.get(topic) {
                Some(topic) => Ok(Arc::new(topic.clone()) as Arc<dyn TopicWriter>),
                None => Err("not allowed".into()),
            }
        };
        let mut out = Vec::new();
        let ended = run(&command(line), letters, &open, &mut out).await;
        (String::from_utf8_lossy(&out).into_owned(), ended)
    }

    /// The same for a command that must succeed.
    pub(crate) async fn told(&self, letters: &mut dyn Letters, line: &str) -> String {
        let (told, ended) = self.run(letters, line).await;
        ended.expect(&told);
        told
    }
}

/// A dead-letter topic with these.
pub(crate) async fn topic_with(letters: &[Letter]) -> FakeTopic {
    let topic = FakeTopic::new(1);
    set_aside(&TopicQuarantine::new(Arc::new(topic.clone()), "dead"), letters).await;
    topic
}

pub(crate) async fn open(topic: &FakeTopic) -> TopicLetters {
    TopicLetters::open(Arc::new(topic.clone()), "dead").await.expect("a topic")
}

/// A directory with these.
pub(crate) async fn dir_with(letters: &[Letter]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let quarantine = FileQuarantine::open(dir.path()).await.expect("a directory");
    set_aside(&quarantine, letters).await;
    dir
}

pub(crate) async fn open_dir(dir: &TempDir) -> FileLetters {
    FileLetters::open(dir.path()).await.expect("a directory")
}
