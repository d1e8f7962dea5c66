//! `list` and `show` as a person uses them.

mod quarantine_support;

use bytes::Bytes;
use quarantine_support::desk::{Origins, command, dir_with, open, open_dir, topic_with};
use quarantine_support::{header, letter};
use spoor_ingester::dead_letters::{DeadLettersCommand, DeadLettersError, run};
use spoor_ingester::quarantine::{Letter, Reason};
use spoor_topic::OutgoingRecord;

fn with(reason: Reason, letter: Letter) -> Letter {
    Letter { reason, ..letter }
}

#[tokio::test]
async fn a_list_has_a_line_for_each_letter_and_totals_by_reason() {
    let letters = [letter(1), with(Reason::Refused, letter(2)), letter(3)];
    let topic = topic_with(&letters).await;
    topic.put(&OutgoingRecord::default());
    let told = Origins::default().told(&mut open(&topic).await, "list").await;
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "spans/1/1  2026-01-01T00:00:01Z  malformed  9 B  as protobuf: at byte 3: the end comes too early",
            "spans/1/2  2026-01-01T00:00:02Z  refused  9 B  as protobuf: at byte 3: the end comes too early",
            "no letter: partition 0, offset 3: there is no header spoor-dead-letter-topic",
            "spans/1/3  2026-01-01T00:00:03Z  malformed  9 B  as protobuf: at byte 3: the end comes too early",
            "3 letters in topic dead: 2 malformed, 1 refused; 1 records or files there are no letters",
        ]
    );
}

#[tokio::test]
async fn a_list_is_narrowed_by_its_flags() {
    let mut letters: Vec<_> = (0..6).map(letter).collect();
    letters[2].reason = Reason::Empty;
    letters[3].reason = Reason::NoIds;
    letters[4].place.partition = 7;
    let topic = topic_with(&letters).await;
    let cases = [
        ("list --reason empty,no-ids", vec!["spans/1/2", "spans/1/3"]),
        ("list --reason empty --reason no-ids --partition 1", vec!["spans/1/2", "spans/1/3"]),
        ("list --partition 7", vec!["spans/7/4"]),
        ("list --since 2026-01-01T00:00:04Z", vec!["spans/7/4", "spans/1/5"]),
        ("list --until 2026-01-01T01:00:01+01:00", vec!["spans/1/0"]),
        ("list --since 1s", vec![]),
        ("list --limit 2", vec!["spans/1/0", "spans/1/1"]),
    ];
    for (line, expected) in cases {
        let told = Origins::default().told(&mut open(&topic).await, line).await;
        let mut ids: Vec<_> = told.lines().map(|line| line.split("  ").next().unwrap()).collect();
        let footer = ids.pop().unwrap();
        assert_eq!(ids, expected, "{line}");
        assert!(
            footer.starts_with(&format!("{} letters that the flags ask for", expected.len())),
            "{footer}"
        );
        assert_eq!(footer.contains("beyond --limit"), line.contains("--limit"), "{footer}");
    }
}

#[tokio::test]
async fn a_list_for_programs_is_one_object_a_line() {
    let dir = dir_with(&[letter(1), letter(2)]).await;
    std::fs::write(dir.path().join("notes.json"), "{}").unwrap();
    let told = Origins::default().told(&mut open_dir(&dir).await, "list --output json").await;
    let lines: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["no_letter"].as_str().unwrap().ends_with("notes.json"));
    assert_eq!(
        lines[1],
        serde_json::json!({
            "id": "spans/1/1", "time": "2026-01-01T00:00:01Z", "reason": "malformed", "topic": "spans", "partition": 1,
            "offset": 1, "written": "2025-12-31T23:59:59.123Z", "bytes": 9,
            "detail": "as protobuf: at byte 3: the end comes too early",
        })
    );
}

#[tokio::test]
async fn nothing_that_a_stranger_wrote_reaches_the_terminal_as_it_is() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\r\u{202e}";
    let mut letter = letter(1);
    letter.topic = format!("spans{evil}").into();
    letter.detail = evil.to_owned();
    letter.key = Some(evil.to_owned().into());
    letter.headers = vec![header(evil, Some(evil))];
    letter.payload = Some(evil.to_owned().into());
    let dir = dir_with(std::slice::from_ref(&letter)).await;
    let origins = Origins::default();
    let mut told = origins.told(&mut open_dir(&dir).await, "list").await;
    told += &origins.run(&mut open_dir(&dir).await, "replay --all").await.0;
    let mut out = Vec::new();
    let DeadLettersCommand::Show(mut args) = command("show a/0/0") else { panic!("show") };
    args.id = letter.id();
    let show = DeadLettersCommand::Show(args);
    run(&show, &mut open_dir(&dir).await, &|_| Err("no".into()), &mut out).await.unwrap();
    told += &String::from_utf8(out).unwrap();
    assert!(told.contains("owned"));
    let obeyed: Vec<_> = told.chars().filter(|char| *char != '\n' && char.is_control()).collect();
    assert_eq!(obeyed, []);
    assert!(!told.contains('\u{202e}'));
}

#[tokio::test]
async fn a_letter_is_shown_with_everything_that_is_known() {
    let mut letter = letter(1);
    letter.payload = Some((0..40).collect::<Vec<u8>>().into());
    letter.key = Some(Bytes::from_static(b"\xff\x00"));
    let topic = topic_with(&[letter]).await;
    let told = Origins::default().told(&mut open(&topic).await, "show spans/1/1 --bytes 20").await;
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "id         spans/1/1",
            "reason     malformed",
            "detail     as protobuf: at byte 3: the end comes too early",
            "set aside  2026-01-01T00:00:01Z",
            "written    2025-12-31T23:59:59.123Z",
            "key        0xff00",
            "header     one: \"1\"",
            "header     two: none",
            "header     one: \"again\"",
            "payload    40 bytes; looks like nothing that is known",
            "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|",
            "00000010  10 11 12 13                                       |....|",
            "00000014  … 20 more bytes",
        ]
    );
}

#[tokio::test]
async fn a_payload_that_can_be_read_is_shown_as_spans() {
    let mut good = letter(1);
    good.payload = Some(
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
        "scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"buy",
        "startTimeUnixNano":"1000","endTimeUnixNano":"3000"}]}]}]}"#
            .into(),
    );
    let mut broken = letter(2);
    broken.payload = Some(r#"{"resourceSpans":[{"#.into());
    let topic = topic_with(&[good, broken]).await;
    let origins = Origins::default();
    let told = origins.told(&mut open(&topic).await, "show spans/1/1").await;
    assert!(told.contains("bytes; looks like otlp_json\n"), "{told}");
    assert!(
        told.ends_with(
            "decoded    1 spans\n  trace 5b8efff798038103d269b633813fc60c span eee19b7ec3c1b174 service \"shop\" operation \"buy\" duration 2µs\n"
        ),
        "{told}"
    );
    let told = origins.told(&mut open(&topic).await, "show spans/1/2").await;
    assert!(told.contains("decoded    not: as otlp_json: "), "{told}");
}

#[tokio::test]
async fn a_payload_is_written_as_it_is() {
    let mut letters = [letter(1), letter(2)];
    letters[1].payload = None;
    let topic = topic_with(&letters).await;
    let origins = Origins::default();
    let told = origins.told(&mut open(&topic).await, "show spans/1/1 --payload-to -").await;
    assert_eq!(told, "payload 1");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("payload");
    let line = format!("show spans/1/1 --payload-to {}", path.display());
    assert_eq!(origins.told(&mut open(&topic).await, &line).await, "");
    assert_eq!(std::fs::read(&path).unwrap(), b"payload 1");
    let (_, ended) = origins.run(&mut open(&topic).await, "show spans/1/2 --payload-to -").await;
    assert!(matches!(ended, Err(DeadLettersError::NoPayload(_))), "{ended:?}");
    let (_, ended) = origins.run(&mut open(&topic).await, "show spans/1/1 --payload-to no/such/place").await;
    assert!(matches!(ended, Err(DeadLettersError::Payload { .. })), "{ended:?}");
}

#[tokio::test]
async fn what_is_not_there_is_not_shown() {
    let topic = topic_with(&[letter(1)]).await;
    let (told, ended) = Origins::default().run(&mut open(&topic).await, "show spans/1/2").await;
    assert_eq!(told, "");
    let error = ended.expect_err("not there").to_string();
    assert_eq!(error, "there is no letter spans/1/2 in topic dead; `list` shows which there are");
}
