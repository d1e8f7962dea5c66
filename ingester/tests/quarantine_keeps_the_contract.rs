//! The contract of a quarantine, and of the letters that are read from it: on topics, on files, and on files behind a
//! topic that takes nothing.

mod quarantine_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use quarantine_support::{FakeTopic, everything, header, letter, refused, set_aside, soon, unavailable};
use spoor_ingester::dead_letters::{FileLetters, Letters, TopicLetters};
use spoor_ingester::quarantine::{FileQuarantine, Letter, Quarantine, Reason, TopicQuarantine, WithFallback};
use spoor_topic::Place;
use spoor_topic::memory::MemoryTopic;
use tempfile::TempDir;

/// A quarantine that nobody else uses, empty at first.
#[async_trait]
trait Fixture: Send + Sync {
    fn quarantine(&self) -> Arc<dyn Quarantine>;

    /// What lies there now.
    async fn letters(&self) -> Box<dyn Letters>;

    /// From now on nothing can be set aside.
    fn break_off(&self);
}

struct OnTopic {
    topic: FakeTopic,
}

impl OnTopic {
    async fn fresh() -> Self {
        Self { topic: FakeTopic::new(3) }
    }
}

#[async_trait]
impl Fixture for OnTopic {
    fn quarantine(&self) -> Arc<dyn Quarantine> {
        Arc::new(TopicQuarantine::new(Arc::new(self.topic.clone()), "dead"))
    }

    async fn letters(&self) -> Box<dyn Letters> {
        Box::new(TopicLetters::open(Arc::new(self.topic.clone()), "dead").await.expect("a fresh place"))
    }

    fn break_off(&self) {
        self.topic.fail(Some(unavailable()));
    }
}

struct OnMemory {
    topic: MemoryTopic,
}

impl OnMemory {
    async fn fresh() -> Self {
        Self { topic: MemoryTopic::new(3) }
    }
}

#[async_trait]
impl Fixture for OnMemory {
    fn quarantine(&self) -> Arc<dyn Quarantine> {
        Arc::new(TopicQuarantine::new(Arc::new(self.topic.clone()), "dead"))
    }

    async fn letters(&self) -> Box<dyn Letters> {
        Box::new(TopicLetters::open(Arc::new(self.topic.clone()), "dead").await.expect("a fresh place"))
    }

    fn break_off(&self) {
        self.topic.go_down("the brokers are away");
    }
}

struct OnFiles {
    dir: TempDir,
    quarantine: Arc<FileQuarantine>,
}

impl OnFiles {
    async fn fresh() -> Self {
        let dir = tempfile::tempdir().expect("a fresh place");
        let quarantine =
            Arc::new(FileQuarantine::open(dir.path().join("letters")).await.expect("a fresh place"));
        Self { dir, quarantine }
    }
}

#[async_trait]
impl Fixture for OnFiles {
    fn quarantine(&self) -> Arc<dyn Quarantine> {
        Arc::clone(&self.quarantine) as _
    }

    async fn letters(&self) -> Box<dyn Letters> {
        Box::new(FileLetters::open(self.dir.path().join("letters")).await.expect("a fresh place"))
    }

    fn break_off(&self) {
        let path = self.dir.path().join("letters");
        std::fs::remove_dir_all(&path).expect("a fresh place");
        std::fs::write(path, "a file").expect("a fresh place");
    }
}

struct OnFallback {
    files: OnFiles,
    quarantine: Arc<dyn Quarantine>,
}

impl OnFallback {
    async fn fresh() -> Self {
        let topic = FakeTopic::new(1);
        topic.fail(Some(refused()));
        let files = OnFiles::fresh().await;
        let first = TopicQuarantine::new(Arc::new(topic), "dead");
        let quarantine = Arc::new(WithFallback::new(first, files.quarantine()));
        Self { files, quarantine }
    }
}

#[async_trait]
impl Fixture for OnFallback {
    fn quarantine(&self) -> Arc<dyn Quarantine> {
        Arc::clone(&self.quarantine)
    }

    async fn letters(&self) -> Box<dyn Letters> {
        self.files.letters().await
    }

    fn break_off(&self) {
        self.files.break_off();
    }
}

/// Letters of every kind: what may be absent is, what may be strange is.
fn strange() -> Vec<Letter> {
    let mut letters: Vec<_> = (0..8).map(letter).collect();
    for (letter, reason) in letters.iter_mut().zip(Reason::ALL) {
        letter.reason = reason;
    }
    letters[1].payload = None;
    letters[1].key = None;
    letters[1].written = None;
    letters[1].headers = vec![];
    letters[2].payload = Some(Bytes::new());
    letters[2].key = Some(Bytes::new());
    letters[2].detail = String::new();
    letters[3].key = Some(Bytes::from_static(b"\xff\x00/\n"));
    letters[3].payload = Some(Bytes::from_static(b"\x00\xff\xfe"));
    letters[3].detail = "\u{1b}[31m\nж".to_owned();
    letters[4].headers = ["topic", "offset", "key", "written", "reason"]
        .map(|name| header(&format!("spoor-dead-letter-{name}"), Some("a stranger's")))
        .into();
    letters[4].key = None;
    letters[4].written = None;
    letters[5].topic = "../other topic".into();
    letters[6].place = Place { partition: i32::MAX, offset: i64::MAX };
    letters[7].topic = "x".repeat(249).into();
    letters
}

async fn every_letter_is_answered_and_comes_back_whole(place: &dyn Fixture) {
    let mut letters = strange();
    let answers = place.quarantine().set_aside(&letters, soon()).await;
    assert_eq!(answers, vec![Ok(()); letters.len()]);
    let mut opened = place.letters().await;
    for letter in &letters {
        assert_eq!(opened.find(&letter.id()).await.expect("readable").as_ref(), Some(letter));
    }
    letters.sort_by_key(Letter::id);
    let (found, strays) = everything(&mut *opened).await;
    assert_eq!(found, letters);
    assert_eq!(strays, []);
}

async fn a_letter_that_is_set_aside_again_is_there_once_as_the_last_time(place: &dyn Fixture) {
    let quarantine = place.quarantine();
    let first: Vec<_> = (0..5).map(letter).collect();
    set_aside(&*quarantine, &first).await;
    let mut second = first;
    for letter in &mut second {
        letter.detail = "the second time".to_owned();
        letter.set_aside += Duration::from_secs(60);
    }
    set_aside(&*quarantine, &second).await;
    let mut letters = place.letters().await;
    assert_eq!(everything(&mut *letters).await.0, second);
    assert_eq!(letters.find(&second[3].id()).await.expect("readable").as_ref(), Some(&second[3]));
}

async fn many_at_once_lose_nothing(place: &dyn Fixture) {
    let letters: Vec<_> = (0..120).map(letter).collect();
    let quarantine = place.quarantine();
    join_all(letters.chunks(7).map(|chunk| set_aside(&*quarantine, chunk))).await;
    assert_eq!(everything(&mut *place.letters().await).await.0, letters);
}

async fn nothing_is_answered_with_nothing(place: &dyn Fixture) {
    assert_eq!(place.quarantine().set_aside(&[], soon()).await, []);
    assert_eq!(everything(&mut *place.letters().await).await, (vec![], vec![]));
}

/// The place that may still take it later says so; one behind another is not asked at all or says the same.
async fn past_the_deadline_each_letter_fails_and_may_be_tried_again(place: &dyn Fixture) {
    let letters: Vec<_> = (0..3).map(letter).collect();
    let answers = place.quarantine().set_aside(&letters, Instant::now()).await;
    assert_eq!(answers.len(), letters.len());
    for answer in answers {
        assert!(answer.expect_err("it is late").may_heal);
    }
}

async fn a_place_that_is_gone_is_named_with_what_is_wrong(place: &dyn Fixture) {
    let quarantine = place.quarantine();
    place.break_off();
    let answers = quarantine.set_aside(&[letter(1), letter(2)], soon()).await;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        let error = answer.expect_err("it is gone");
        assert!(!error.problem.is_empty());
        let place = quarantine.destination();
        let parts = place.split(", or else ");
        assert!(parts.clone().all(|part| error.to_string().contains(part)), "{error} does not name {place}");
    }
}

async fn a_letter_that_is_not_there_is_not_found(place: &dyn Fixture) {
    set_aside(&*place.quarantine(), &[letter(1)]).await;
    assert_eq!(place.letters().await.find(&letter(2).id()).await, Ok(None));
}

macro_rules! contract {
    ($($place:ident: $fixture:ident),+ $(,)?) => {$(
        mod $place {
            use super::*;
            claims! { $fixture;
                every_letter_is_answered_and_comes_back_whole,
                a_letter_that_is_set_aside_again_is_there_once_as_the_last_time,
                many_at_once_lose_nothing,
                nothing_is_answered_with_nothing,
                past_the_deadline_each_letter_fails_and_may_be_tried_again,
                a_place_that_is_gone_is_named_with_what_is_wrong,
                a_letter_that_is_not_there_is_not_found,
            }
        }
    )+};
}

macro_rules! claims {
    ($fixture:ident; $($claim:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            super::$claim(&$fixture::fresh().await).await;
        }
    )+};
}

contract! { on_a_topic: OnTopic, on_a_topic_in_memory: OnMemory, on_files: OnFiles, on_files_behind_a_topic: OnFallback }
