//! What each place of a quarantine does by itself.

mod quarantine_support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quarantine_support::{FakeTopic, busy, everything, letter, refused, set_aside, soon, unavailable};
use spoor_ingester::dead_letters::{FileLetters, Letters, TopicLetters};
use spoor_ingester::quarantine::{FileQuarantine, Quarantine, Reason, TopicQuarantine, WithFallback};
use spoor_topic::{OutgoingRecord, RecordError};

fn on(topic: &FakeTopic) -> TopicQuarantine {
    TopicQuarantine::new(Arc::new(topic.clone()), "dead")
}

async fn letters_of(topic: &FakeTopic) -> TopicLetters {
    TopicLetters::open(Arc::new(topic.clone()), "dead").await.expect("readable")
}

#[tokio::test]
async fn a_record_of_the_topic_has_its_payload_as_it_was_and_says_the_rest_in_headers() {
    let topic = FakeTopic::new(1);
    set_aside(&on(&topic), &[letter(7)]).await;
    let [record] = &topic.records()[..] else { panic!("one record") };
    assert_eq!(record.key.as_deref(), Some(&b"spans/1/7"[..]));
    assert_eq!(record.payload.as_deref(), Some(&b"payload 7"[..]));
    let value =
        |value: &Option<Bytes>| value.as_ref().map(|value| String::from_utf8(value.to_vec()).unwrap());
    let headers: Vec<_> =
        record.headers.iter().map(|header| (header.name.clone(), value(&header.value))).collect();
    let expected = [
        ("one", Some("1")),
        ("two", None),
        ("one", Some("again")),
        ("spoor-dead-letter-topic", Some("spans")),
        ("spoor-dead-letter-partition", Some("1")),
        ("spoor-dead-letter-offset", Some("7")),
        ("spoor-dead-letter-reason", Some("malformed")),
        ("spoor-dead-letter-detail", Some("as protobuf: at byte 3: the end comes too early")),
        ("spoor-dead-letter-time", Some("2026-01-01T00:00:07Z")),
        ("spoor-dead-letter-written", Some("2025-12-31T23:59:59.123Z")),
        ("spoor-dead-letter-key", Some("key")),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))));
}

#[tokio::test]
async fn a_letter_over_the_limit_loses_of_its_detail_first() {
    let topic = FakeTopic::with_limit(1, 1_000);
    let mut long = letter(1);
    long.detail = "ж".repeat(1_000);
    set_aside(&on(&topic), &[long.clone()]).await;
    let record = &topic.records()[0];
    let OutgoingRecord { key, payload, headers } = OutgoingRecord {
        key: record.key.clone(),
        payload: record.payload.clone(),
        headers: record.headers.clone(),
    };
    let size = OutgoingRecord { key, payload, headers }.size();
    assert!((999..=1_000).contains(&size), "{size}");
    let found = letters_of(&topic).await.find(&long.id()).await.unwrap().unwrap();
    assert!(long.detail.starts_with(&found.detail) && !found.detail.is_empty());
    assert_eq!(found.payload, long.payload);
}

#[tokio::test]
async fn a_letter_that_is_too_large_without_a_detail_says_what_to_raise_and_the_others_are_written() {
    let topic = FakeTopic::with_limit(1, 1_000);
    let mut letters = [letter(1), letter(2), letter(3)];
    letters[1].payload = Some(vec![b'x'; 1_000].into());
    let answers = on(&topic).set_aside(&letters, soon()).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    let error = answers[1].clone().expect_err("too large");
    assert!(!error.may_heal);
    assert!(error.problem.contains("the dead-letter topic's max.message.bytes"), "{error}");
    assert!(error.problem.contains("--ingester.dead-letter-dir"), "{error}");
    assert_eq!(topic.records().len(), 2);
}

#[tokio::test]
async fn only_what_the_topic_will_never_take_cannot_heal() {
    let topic = FakeTopic::new(1);
    let large = RecordError::TooLarge { size: 10, limit: 5 };
    let cases = [
        (unavailable(), true),
        (busy(), true),
        (RecordError::DeadlineExceeded, true),
        (refused(), false),
        (RecordError::NoTopic { reason: "forbidden".into(), retry_after: Duration::from_millis(1) }, false),
        (large, false),
    ];
    topic.answer_next(cases.iter().map(|(error, _)| error.clone()));
    let letters: Vec<_> = (0..7).map(letter).collect();
    let answers = on(&topic).set_aside(&letters, soon()).await;
    for (answer, (error, may_heal)) in answers.iter().zip(&cases) {
        assert_eq!(answer.as_ref().expect_err("a fault").may_heal, *may_heal, "{error}");
    }
    assert_eq!(answers[6], Ok(()));
}

#[tokio::test]
async fn records_of_strangers_are_told_as_no_letters() {
    let topic = FakeTopic::new(1);
    topic.put(&OutgoingRecord { payload: Some("hello".into()), ..OutgoingRecord::default() });
    set_aside(&on(&topic), &[letter(1)]).await;
    let mut broken = topic.records()[1].clone();
    broken.headers.retain(|header| header.name != "spoor-dead-letter-reason");
    topic.put(&OutgoingRecord { key: broken.key, payload: broken.payload, headers: broken.headers });
    let (found, strays) = everything(&mut letters_of(&topic).await).await;
    assert_eq!(found, [letter(1)]);
    let places: Vec<_> = strays.iter().map(|stray| stray.place.as_str()).collect();
    assert_eq!(places, ["partition 0, offset 0", "partition 0, offset 2"]);
    assert!(strays[1].problem.contains("spoor-dead-letter-reason"), "{strays:?}");
}

#[tokio::test]
async fn a_letter_set_aside_again_in_a_new_partition_is_there_once_as_the_last_time() {
    let topic = FakeTopic::new(1);
    let old: Vec<_> = (0..20).map(letter).collect();
    set_aside(&on(&topic), &old).await;
    topic.add_partition();
    let mut new = old;
    new.iter_mut().for_each(|letter| letter.set_aside += Duration::from_secs(3_600));
    new.iter_mut().for_each(|letter| letter.reason = Reason::Refused);
    set_aside(&on(&topic), &new).await;
    assert_eq!(everything(&mut letters_of(&topic).await).await.0, new);
}

#[tokio::test]
async fn what_is_set_aside_while_the_letters_are_read_is_not_among_them() {
    let topic = FakeTopic::new(1);
    set_aside(&on(&topic), &[letter(1), letter(2)]).await;
    let mut opened = letters_of(&topic).await;
    set_aside(&on(&topic), &[letter(3)]).await;
    assert_eq!(everything(&mut opened).await.0, [letter(1), letter(2)]);
    let mut expired = letters_of(&topic).await;
    topic.expire();
    assert_eq!(everything(&mut expired).await.0, []);
    assert_eq!(expired.find(&letter(1).id()).await, Ok(None));
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("readable"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_are_called_by_the_origin_and_nothing_else_stays_in_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a").join("b");
    let quarantine = FileQuarantine::open(&path).await.unwrap();
    set_aside(&quarantine, &[letter(1), letter(20), letter(1)]).await;
    assert_eq!(names(&path), ["spans-1-1.json", "spans-1-20.json"]);
    assert_eq!(quarantine.destination(), format!("directory {}", path.display()));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path.join("spans-1-1.json")).unwrap()).unwrap();
    assert_eq!(json["payload"], "cGF5bG9hZCAx");
    assert_eq!(json["reason"], "malformed");
    assert_eq!(json["time"], "2026-01-01T00:00:01Z");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = FileQuarantine::open(dir.path().join("file")).await.expect_err("a file is there");
    assert!(error.to_string().contains("file"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_not_the_others_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = FileQuarantine::open(dir.path()).await.unwrap();
    // A directory stands where the file would be.
    let taken = dir.path().join("spans-1-2.json");
    std::fs::create_dir(&taken).unwrap();
    let answers = quarantine.set_aside(&[letter(1), letter(2), letter(3)], soon()).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    let error = answers[1].clone().expect_err("no file");
    assert!(error.problem.contains(&taken.display().to_string()), "{error}");
    assert_eq!(names(dir.path()), ["spans-1-1.json", "spans-1-2.json", "spans-1-3.json"]);
}

#[tokio::test]
async fn files_that_are_no_letters_are_told_and_come_first_and_letters_in_the_order_of_their_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = FileQuarantine::open(dir.path()).await.unwrap();
    set_aside(&quarantine, &[letter(10), letter(9), letter(100)]).await;
    std::fs::write(dir.path().join("notes.json"), "{}").unwrap();
    std::fs::copy(dir.path().join("spans-1-9.json"), dir.path().join("spans-1-9 copy.json")).unwrap();
    std::fs::write(dir.path().join(".spans-1-4.json.0000.tmp"), "{").unwrap();
    std::fs::write(dir.path().join("spans-2-5.json"), "{\"topic\":").unwrap();
    let page = FileLetters::open(dir.path()).await.unwrap().next_page().await.unwrap().unwrap();
    assert_eq!(page.letters, [letter(9), letter(10), letter(100)]);
    let strays: Vec<_> = page
        .strays
        .iter()
        .map(|stray| Path::new(&stray.place).file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(strays, ["notes.json", "spans-1-9 copy.json", "spans-2-5.json"]);
    assert!(page.strays[1].problem.contains("spans/1/9"), "{:?}", page.strays);
}

#[tokio::test]
async fn a_directory_that_is_not_there_has_no_letters_but_an_error() {
    let error = FileLetters::open("no/such/directory").await.err().expect("not there");
    assert!(error.to_string().contains("no/such/directory"), "{error}");
}

#[tokio::test]
async fn only_what_the_first_place_never_takes_goes_to_the_second() {
    let (first, second) = (FakeTopic::new(1), FakeTopic::new(1));
    first.answer_next([unavailable(), refused(), busy(), RecordError::DeadlineExceeded]);
    let both = WithFallback::new(on(&first), on(&second));
    let letters: Vec<_> = (0..6).map(letter).collect();
    let answers = both.set_aside(&letters, soon()).await;
    let done: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true, false, false, true, true]);
    let payloads = |topic: &FakeTopic| -> Vec<_> {
        topic.records().iter().map(|record| record.payload.clone().unwrap()).collect()
    };
    assert_eq!(payloads(&first), ["payload 4", "payload 5"]);
    assert_eq!(payloads(&second), ["payload 1"]);
}

#[tokio::test]
async fn a_letter_that_neither_place_takes_says_what_was_wrong_with_both() {
    let (first, second) = (FakeTopic::new(1), FakeTopic::new(1));
    first.fail(Some(refused()));
    second.fail(Some(unavailable()));
    let both = WithFallback::new(on(&first), on(&second));
    let answers = both.set_aside(&[letter(1)], soon()).await;
    let error = answers[0].clone().expect_err("neither");
    assert!(error.may_heal, "the second may come back");
    assert!(error.problem.contains("policy") && error.problem.contains("no brokers"), "{error}");
}
