//! A group that comes late to much: in bounded memory, and without the pauses that the library makes on its own.

mod support;

use std::fs;
use std::time::{Duration, Instant};

use spoor_topic::conformance::{keyed, soon, write_all};
use spoor_topic::{Event, Fate, TopicReader};
use spoor_topic_kafka::KafkaReader;
use support::Topic;

const MEBIBYTE: usize = 1 << 20;
/// What a record of these costs its reader, at most.
const RECORD_COST: usize = 1_300;
/// The library's pauses left 9,000 records a second of one partition, with which 80,000 take 9 s each time.
const WITHOUT_PAUSES: Duration = Duration::from_secs(7);

/// Kibibytes that the process has resident, by this name in its status.
fn resident(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("the process has a status");
    let line = status.lines().find(|line| line.starts_with(name)).expect("memory is told");
    let number = line.split_whitespace().nth(1).expect("a number");
    number.parse::<usize>().expect("a number")
}

async fn write(topic: &Topic, count: usize, keys: usize) {
    let writer = topic.write_by(&[]);
    for batch in 0..count / 1_000 {
        let records: Vec<_> = (0..1_000)
            .map(|number| keyed(&((batch + number) % keys).to_string(), &format!("{number:01000}")))
            .collect();
        write_all(&writer, &records).await;
    }
}

/// Reads at least so many records, settling each at once; gives how many.
async fn drain(reader: &KafkaReader, count: usize) -> usize {
    let mut read = 0;
    while read < count {
        let event = tokio::time::timeout(Duration::from_secs(60), reader.next()).await;
        let event = event.expect("records come").expect("the reader goes on").expect("the reader is open");
        if let Event::Records(records) = event {
            read += records.len();
            let claims: Vec<_> = records.iter().map(|record| record.claim).collect();
            reader.settle(&claims, Fate::Stored);
        }
    }
    read
}

/// How long a new group takes to read so many records, from the first one on.
async fn time_to_read(topic: &Topic, count: usize) -> Duration {
    let reader = topic.read_by(&support::fresh_name("late"), &[]);
    let first = drain(&reader, 1).await;
    let started = Instant::now();
    drain(&reader, count - first).await;
    started.elapsed()
}

/// Also when nothing is taken for a while and all queues fill. One program alone has the process's memory to itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_read_in_bounded_memory_and_without_pauses() {
    let topic = Topic::make(&xtask::servers::kafka_brokers().expect("a broker")).await;
    topic.raise(12).await;
    write(&topic, 80_000, 1_000).await;
    let reader = topic.read_by(&support::fresh_name("late"), &["--kafka.consumer.max-bytes-in-flight=4MiB"]);
    fs::write("/proc/self/clear_refs", "5").expect("the highest memory is measured anew");
    let before = resident("VmRSS");
    // Records lie with the reader until its bounds are reached, but for what is kept for partitions that one record would bring over their
    // share; the library tells of the ends a second later, its queues being full.
    let end = soon();
    let is_full = || {
        let status = reader.status();
        let in_flight: usize = status.partitions.iter().map(|held| held.in_flight_bytes).sum();
        let is_full = in_flight >= 4 * MEBIBYTE - 12 * RECORD_COST;
        is_full && status.partitions.iter().all(|held| held.end.is_some())
    };
    while !is_full() {
        assert!(Instant::now() < end, "the reader fills its bounds: {:?}", reader.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drain(&reader, 80_000).await;
    let grown = (resident("VmHWM") - before) / 1_024;
    assert!(grown < 4 + 20, "reading took {grown} MiB more");

    // One partition alone is no exception. The pauses would be in every reading; a machine that is busy with
    // something else is not.
    let lonely = Topic::make(&topic.brokers).await;
    write(&lonely, 80_000, 1).await;
    let mut times: Vec<Duration> = Vec::new();
    while times.iter().all(|time| *time >= WITHOUT_PAUSES) {
        assert!(times.len() < 5, "80 MB took {times:?}");
        times.push(time_to_read(&lonely, 80_000).await);
    }
}
