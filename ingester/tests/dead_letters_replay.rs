//! `replay` as a person uses it, and the flags of all commands.

mod quarantine_support;

use std::path::Path;

use clap::{CommandFactory, Parser};
use quarantine_support::desk::{Origins, Program, command, dir_with, open, open_dir, topic_with};
use quarantine_support::{FakeTopic, busy, header, letter, refused, unavailable};
use spoor_ingester::dead_letters::DeadLettersError;
use spoor_ingester::quarantine::{Letter, Reason};
use spoor_topic::{KeptRecord, OutgoingRecord};

fn file_names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What the letters' records were, each with when it was written.
fn originals(letters: &[Letter]) -> Vec<OutgoingRecord> {
    let original = |letter: &Letter| {
        let written = letter.written.map(|written| {
            let written = time::OffsetDateTime::from(written);
            let text = written
                .format(&time::format_description::well_known::Rfc3339)
                .expect("a year of four digits");
            header("spoor-received", Some(&text))
        });
        OutgoingRecord {
            key: letter.key.clone(),
            payload: letter.payload.clone(),
            headers: letter.headers.iter().cloned().chain(written).collect(),
        }
    };
    letters.iter().map(original).collect()
}

fn written(topic: &FakeTopic) -> Vec<OutgoingRecord> {
    let written = |record: KeptRecord| OutgoingRecord {
        key: record.key,
        payload: record.payload,
        headers: record.headers,
    };
    topic.records().into_iter().map(written).collect()
}

#[tokio::test]
async fn letters_of_several_topics_are_put_back_as_they_were() {
    let mut letters: Vec<_> = (0..5).map(letter).collect();
    letters[1].key = None;
    letters[2].payload = None;
    letters[3].headers = vec![header("spoor-dead-letter-topic", Some("a stranger's"))];
    letters[4].topic = "others".into();
    let topic = topic_with(&letters).await;
    let origins = Origins::of(&["spans", "others"]);
    let told = origins.told(&mut open(&topic).await, "replay --all").await;
    let mut expected = originals(&letters[..4]);
    let mut found = written(&origins.topics["spans"]);
    for records in [&mut expected, &mut found] {
        records.sort_by(|left, right| left.payload.cmp(&right.payload));
    }
    assert_eq!(found, expected);
    assert_eq!(written(&origins.topics["others"]), originals(&letters[4..]));
    assert_eq!(
        told,
        "5 of 5 letters are put back; they stay in topic dead until its retention takes them\n\
         a store keeps a span once: putting a letter back again does no harm\n"
    );
    assert_eq!(origins.opened(), ["spans", "others"], "each writer is opened once");
    assert_eq!(topic.records().len(), 5, "nothing is added to the dead letters");
}

#[tokio::test]
async fn named_letters_are_put_back_once_each_and_no_other() {
    let topic = topic_with(&(0..40).map(letter).collect::<Vec<_>>()).await;
    let origins = Origins::of(&["spans"]);
    let line = "replay spans/1/30 spans/1/3 spans/1/3";
    let told = origins.told(&mut open(&topic).await, line).await;
    assert!(told.starts_with("2 of 2 letters"), "{told}");
    assert_eq!(written(&origins.topics["spans"]), originals(&[letter(3), letter(30)]));
}

#[tokio::test]
async fn all_means_what_the_flags_leave() {
    let mut letters: Vec<_> = (0..9).map(letter).collect();
    letters.iter_mut().skip(3).for_each(|letter| letter.reason = Reason::Refused);
    let topic = topic_with(&letters).await;
    let origins = Origins::of(&["spans"]);
    origins.told(&mut open(&topic).await, "replay --all --reason refused --limit 4").await;
    assert_eq!(written(&origins.topics["spans"]), originals(&letters[3..7]));
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_moves_nothing() {
    let dir = dir_with(&[letter(1), letter(2)]).await;
    let origins = Origins::of(&["spans"]);
    let told = origins.told(&mut open_dir(&dir).await, "replay --all --dry-run").await;
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("would put back spans/1/1  "), "{told}");
    assert_eq!(lines[2], "2 letters would be put back; nothing was written");
    assert_eq!((origins.opened().len(), written(&origins.topics["spans"]).len()), (0, 0));
    assert_eq!(file_names(dir.path()), ["spans-1-1.json", "spans-1-2.json"]);
}

#[tokio::test]
async fn files_that_were_put_back_are_moved_and_the_others_stay() {
    let dir = dir_with(&[letter(1), letter(2), letter(3)]).await;
    let origins = Origins::of(&["spans"]);
    origins.topics["spans"].answer_next([refused()]);
    let (told, ended) = origins.run(&mut open_dir(&dir).await, "replay --all").await;
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "spans/1/1: the record was refused: policy");
    assert!(lines[1].starts_with("2 of 3 letters are put back; they lie in "), "{told}");
    let error = ended.expect_err("one was refused");
    assert_eq!(error.to_string(), "1 of 3 letters were not put back");
    assert_eq!(file_names(dir.path()), ["replayed", "spans-1-1.json"]);
    assert_eq!(file_names(&dir.path().join("replayed")), ["spans-1-2.json", "spans-1-3.json"]);
    // Again: only what is left.
    let told = origins.told(&mut open_dir(&dir).await, "replay --all").await;
    assert!(told.starts_with("1 of 1 letters"), "{told}");
    assert_eq!(written(&origins.topics["spans"]).len(), 3);
}

#[tokio::test]
async fn a_file_that_cannot_be_moved_is_told_as_written_but_listed() {
    let dir = dir_with(&[letter(1)]).await;
    std::fs::write(dir.path().join("replayed"), "a file stands in the way").unwrap();
    let origins = Origins::of(&["spans"]);
    let (told, ended) = origins.run(&mut open_dir(&dir).await, "replay spans/1/1").await;
    assert!(told.starts_with("spans/1/1: it is in its topic again, but is listed still: "), "{told}");
    assert!(matches!(ended, Err(DeadLettersError::NotPutBack { failed: 1, tried: 1 })), "{ended:?}");
}

#[tokio::test]
async fn what_has_no_room_or_no_broker_for_a_moment_is_written_again() {
    let topic = topic_with(&(0..3).map(letter).collect::<Vec<_>>()).await;
    let origins = Origins::of(&["spans"]);
    origins.topics["spans"].answer_next([busy(), unavailable(), busy()]);
    origins.told(&mut open(&topic).await, "replay --all").await;
    assert_eq!(written(&origins.topics["spans"]).len(), 3);
}

#[tokio::test]
async fn a_topic_that_is_away_ends_it_instead_of_trying_every_letter() {
    let topic = topic_with(&(0..9).map(letter).collect::<Vec<_>>()).await;
    let origins = Origins::of(&["spans"]);
    origins.topics["spans"].fail(Some(unavailable()));
    let (told, ended) = origins.run(&mut open(&topic).await, "replay --all --write-timeout 50ms").await;
    assert!(told.starts_with("spans/1/0: the topic is not available: no brokers"), "{told}");
    assert!(told.contains("0 of 2 letters are put back"), "{told}");
    let error = ended.expect_err("away").to_string();
    assert!(error.starts_with("stopped after 2 letters"), "{error}");
}

#[tokio::test]
async fn a_letter_that_is_not_there_fails_and_the_others_are_put_back() {
    let topic = topic_with(&[letter(1)]).await;
    let origins = Origins::of(&["spans"]);
    let (told, ended) = origins.run(&mut open(&topic).await, "replay spans/1/1 spans/1/9").await;
    assert!(told.starts_with("spans/1/9: there is no such letter in topic dead\n"), "{told}");
    assert!(matches!(ended, Err(DeadLettersError::NotPutBack { failed: 1, tried: 2 })), "{ended:?}");
    assert_eq!(written(&origins.topics["spans"]), originals(&[letter(1)]));
}

#[tokio::test]
async fn a_topic_without_a_writer_is_named() {
    let topic = topic_with(&[letter(1)]).await;
    let (told, ended) = Origins::default().run(&mut open(&topic).await, "replay --all").await;
    assert!(told.starts_with("spans/1/1: open a writer for topic spans: not allowed\n"), "{told}");
    ended.expect_err("no writer");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let wrong = [
        "replay",
        "replay a/1/2 --all",
        "replay a/1/2 --reason empty",
        "replay --reason empty",
        "replay --all --write-timeout 0s",
        "list --since 1h --until 2h",
        "list --limit 0",
    ];
    for line in wrong {
        assert!(command(line).validate().is_err(), "{line}");
    }
    for line in ["replay --all --reason empty", "replay a/1/2 --dry-run", "list", "show a/1/2"] {
        assert_eq!(command(line).validate(), Ok(()), "{line}");
    }
    for line in ["show a", "list --reason sad", "list --since never", "list --output xml", "replay a/1"] {
        let words = std::iter::once("dead-letters").chain(line.split_whitespace());
        assert!(Program::try_parse_from(words).is_err(), "{line}");
    }
}

#[test]
fn the_help_of_each_command_is_its_own() {
    let about = |name: &str| {
        let program = Program::command();
        let about = program.find_subcommand(name).and_then(clap::Command::get_about);
        about.map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(about("list"), "Lists records that were set aside, one a line");
    assert_eq!(about("show"), "Shows everything that is known of one of them");
    assert_eq!(about("replay"), "Writes them to the topic they were read from again, as they were");
}
