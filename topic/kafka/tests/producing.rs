//! What the settings of the writing side do at a real broker.

mod support;

use std::time::{Duration, Instant};

use spoor_topic::conformance::{keyed, read, soon, write_all};
use spoor_topic::{Confirmed, Fate, OutgoingRecord, RecordError, TopicReader, TopicWriter};
use support::Topic;
use xtask::servers::{Kafka, kafka_brokers};

/// The limit of the brokers is one of batches: what is too much together is sent in parts, and one that alone is too much is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_takes_less_than_a_batch_gets_smaller_ones_and_loses_no_record_that_fits() {
    let topic = Topic::make_with(&kafka_brokers().unwrap(), &[("max.message.bytes", "20000")]).await;
    let writer = topic.write_by(&["--kafka.producer.batch-linger=50ms"]);
    let mut open: Vec<_> = (0..200).map(|number| keyed("k", &format!("{number:01000}"))).collect();
    open.push(keyed("k", &"x".repeat(30_000)));
    let (mut confirmed, mut refused) = (0, Vec::new());
    while !open.is_empty() {
        let answers = writer.write(&open, soon()).await;
        let mut again = Vec::new();
        for (record, answer) in open.into_iter().zip(answers) {
            match answer {
                Ok(_) => confirmed += 1,
                Err(RecordError::Unavailable { .. }) => again.push(record),
                Err(error) => refused.push(error),
            }
        }
        open = again;
    }
    assert_eq!(confirmed, 200, "{refused:?}");
    assert!(matches!(refused[..], [RecordError::TooLarge { size, .. }] if size > 30_000), "{refused:?}");
    read(&topic.read_by(&support::fresh_name("group"), &[]), 200).await;
}

/// Records of one key, so that they are for one partition, of about 200 bytes that can be compressed.
fn records(count: usize) -> Vec<OutgoingRecord> {
    let text = |number: usize| {
        (0..30).map(|at| format!("{:03} ", (number * 7 + at * at) % 1_000)).collect::<String>()
    };
    (0..count).map(|number| keyed("k", &text(number))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_no_acknowledgement_hears_of_no_place_and_the_others_do() {
    let topic = Topic::make(&kafka_brokers().unwrap()).await;
    for (acks, knows) in [("all", true), ("local", true), ("noack", false)] {
        let writer = topic.write_by(&[&format!("--kafka.producer.required-acks={acks}")]);
        let confirmed = write_all(&writer, &[keyed("k", acks)]).await;
        assert_eq!(confirmed[0].offset.is_some(), knows, "{acks}: {confirmed:?}");
    }
    let seen = read(&topic.read_by(&support::fresh_name("group"), &[]), 3).await;
    assert_eq!(seen.payloads(), ["all", "local", "noack"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_full_waits_as_long_as_is_set() {
    let topic = Topic::make(&kafka_brokers().unwrap()).await;
    let time = async |linger: &str| {
        let writer = topic.write_by(&[&format!("--kafka.producer.batch-linger={linger}")]);
        // The topic can be reached then.
        write_all(&writer, &[]).await;
        let started = Instant::now();
        write_all(&writer, &records(1)).await;
        started.elapsed()
    };
    // Longer than a busy machine makes the other one wait.
    let (waits, at_once) = (time("10s").await, time("0s").await);
    assert!(waits >= Duration::from_millis(9_900), "{waits:?}");
    assert!(at_once < Duration::from_millis(9_000), "{at_once:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_bytes_are_under_way_than_is_set() {
    let topic = Topic::make(&kafka_brokers().unwrap()).await;
    // Nothing is confirmed before all have been tried: the ten that may be under way are no full batch, and linger.
    // A small one, for which there is room beside them, fills it.
    let flags = [
        "--kafka.producer.max-bytes-in-flight=1MiB",
        "--kafka.producer.max-message-bytes=2000000",
        "--kafka.producer.batch-max-messages=11",
        "--kafka.producer.batch-linger=59s",
    ];
    let writer = topic.write_by(&flags);
    write_all(&writer, &[]).await;
    let large: Vec<_> = (0..30).map(|_| keyed("k", &"x".repeat(100_000))).collect();
    let small = records(1);
    // In this order: all of the first have been tried when it waits.
    let (answers, _) = tokio::join!(biased; writer.write(&large, soon()), write_all(&writer, &small));
    let busy = |answer: &&Result<Confirmed, RecordError>| matches!(answer, Err(RecordError::Busy { reason, .. }) if reason.contains("max-bytes-in-flight"));
    assert_eq!(answers.iter().filter(busy).count(), 20, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10, "{answers:?}");
}

/// A batch of records as it lies on the disk (Kafka's format 2).
#[derive(Debug, PartialEq)]
struct Batch {
    codec: u8,
    /// Its producer has a number by which the broker knows a batch that comes twice.
    is_idempotent: bool,
    records: u32,
    bytes: usize,
}

/// The batches of a partition's file: each has its length at 8, without the 12 bytes before its end, its codec in the lowest 3 bits of
/// what stands at 21, its producer's number at 43 (-1: none), and the number of its records at 57.
fn batches(mut file: &[u8]) -> Vec<Batch> {
    let number = |at: &[u8]| u32::from_be_bytes(at.try_into().expect("four bytes"));
    let mut found = Vec::new();
    while file.len() > 61 && number(&file[8..12]) > 0 {
        let bytes = usize::try_from(number(&file[8..12])).expect("a length") + 12;
        let is_idempotent = file[43] & 0x80 == 0;
        found.push(Batch { codec: file[22] & 7, is_idempotent, records: number(&file[57..61]), bytes });
        file = &file[bytes..];
    }
    found
}

/// What is written together is one batch, which is full with it and goes then, however long a busy machine takes
/// over it.
const TOGETHER: [&str; 2] = ["--kafka.producer.batch-max-messages=200", "--kafka.producer.batch-linger=59s"];

/// [`lying`] with these settings for [`TOGETHER`].
async fn lying_together(kafka: &Kafka, flags: &[&str]) -> Vec<Batch> {
    lying(kafka, &[&TOGETHER[..], flags].concat()).await
}

/// Writes 200 records at once and reads them again; answers how they lie on the disk.
async fn lying(kafka: &Kafka, flags: &[&str]) -> Vec<Batch> {
    let topic = Topic::make(kafka.brokers()).await;
    let writer = topic.write_by(flags);
    let written = records(200);
    write_all(&writer, &written).await;
    let reader = topic.read_by(&support::fresh_name("group"), &[]);
    let seen = read(&reader, written.len()).await;
    let payloads: Vec<&[u8]> = written.iter().filter_map(|record| record.payload.as_deref()).collect();
    let read_again: Vec<&[u8]> = seen.records.iter().filter_map(|record| record.payload.as_deref()).collect();
    assert_eq!(read_again, payloads, "{flags:?}");
    reader.settle(&seen.claims(), Fate::Stored);
    reader.close(soon()).await.expect("the last commit succeeds");
    let all: Vec<Batch> = kafka
        .log(&topic.name)
        .expect("the log of the broker")
        .iter()
        .flat_map(|file| batches(file))
        .collect();
    assert_eq!(all.iter().map(|batch| batch.records).sum::<u32>(), 200, "{flags:?}: {all:?}");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_lie_on_the_disk_as_they_are_set_and_all_their_records_come_back() {
    let kafka = tokio::task::block_in_place(Kafka::start).unwrap();
    let plain = lying_together(&kafka, &[]).await;
    assert_eq!(plain.len(), 1, "one partition, one batch: {plain:?}");
    for (acks, is_idempotent) in [("all", true), ("local", false), ("noack", false)] {
        let found = lying_together(&kafka, &[&format!("--kafka.producer.required-acks={acks}")]).await;
        assert!(found.iter().all(|batch| batch.is_idempotent == is_idempotent), "{acks}: {found:?}");
    }
    // By Kafka's numbers.
    for (codec, number) in [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        let found = lying_together(&kafka, &[&format!("--kafka.producer.compression={codec}")]).await;
        assert!(found.iter().all(|batch| batch.codec == number), "{codec}: {found:?}");
        assert!(number == 0 || found[0].bytes < plain[0].bytes, "{codec}: {found:?} {plain:?}");
    }
    let gzip = async |level: &str| {
        let flag = format!("--kafka.producer.compression-level={level}");
        let found = lying_together(&kafka, &["--kafka.producer.compression=gzip", &flag]).await;
        found.iter().map(|batch| batch.bytes).sum::<usize>()
    };
    let (fast, small) = (gzip("1").await, gzip("9").await);
    assert!(small < fast, "level 9 takes {small} bytes, level 1 takes {fast}");

    // Of these the last batch is not full.
    let linger = "--kafka.producer.batch-linger=1s";
    let few = lying(&kafka, &["--kafka.producer.batch-max-messages=30", linger]).await;
    assert!(few.len() >= 7 && few.iter().all(|batch| batch.records <= 30), "{few:?}");
    let short = lying(&kafka, &["--kafka.producer.batch-size=3000", linger]).await;
    assert!(short.len() > 5 && short.iter().all(|batch| batch.bytes <= 3_200), "{short:?}");
}
