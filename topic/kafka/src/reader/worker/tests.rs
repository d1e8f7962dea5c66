//! The thread's work step by step, before the client library's own broker for tests.

use clap::Parser;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use spoor_topic::Bounds;

use super::*;
use crate::client_config;
use crate::health::Health;

const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = "spans";

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    consumer: ConsumerConfig,
}

/// One who reads a topic of one partition.
fn reader_of(brokers: &str) -> Worker {
    let flags = ["brokers", "topic", "group-id"].map(|name| format!("--kafka.consumer.{name}="));
    let flags = flags.iter().zip([brokers, TOPIC, "group"]).map(|(flag, value)| format!("{flag}{value}"));
    let settings = Program::try_parse_from(["test".to_owned()].into_iter().chain(flags))
        .expect("the flags are well formed")
        .consumer;
    let desk = Arc::new(Desk::new(Bounds::default(), Health::unknown("read".to_owned())));
    let config = client_config::consumer(&settings).expect("the settings can work");
    Worker::open(config, &settings, desk).expect("a consumer")
}

fn write(brokers: &str, count: usize) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a producer");
    for _ in 0..count {
        let record: BaseRecord<'_, str, str> = BaseRecord::to(TOPIC).payload("record");
        producer.send(record).expect("there is room");
    }
    producer.flush(PATIENCE).expect("the broker takes them");
}

/// Works until the partition was read up to here; answers how far it came.
fn read_to(worker: &mut Worker, position: i64) -> Option<i64> {
    let end = Instant::now() + PATIENCE;
    loop {
        let reached = worker.desk.lock().book.position(0);
        if reached == Some(position) || Instant::now() >= end {
            return reached;
        }
        worker.listen();
        worker.take_notes();
        worker.carry_out();
        if worker.shelf.read(&worker.consumer, &worker.desk, true) == Outcome::Nothing {
            thread::park_timeout(REST);
        }
    }
}

#[test]
fn a_partition_that_the_library_reads_no_more_goes_on_where_it_stands_once_it_is_taken_anew() {
    let cluster = MockCluster::new(1).expect("a broker");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    let brokers = cluster.bootstrap_servers();
    let mut worker = reader_of(&brokers);
    let desk = Arc::clone(&worker.desk);
    write(&brokers, 3);
    let before = read_to(&mut worker, 3);
    // As if it had forgotten.
    let forgotten = give_up(&worker.consumer, &worker.shelf.list(&[0]));
    write(&brokers, 2);
    let standing =
        places::ends(&worker.consumer, TOPIC, &[0]).map(|ends| worker.shelf.standing(&desk, &ends));
    worker.shelf.take_anew(&worker.consumer, &desk, 0);
    let after = read_to(&mut worker, 5);
    let in_flight = desk.lock().book.in_flight();
    // First of all: a consumer that nobody answers for does not end.
    worker.leave();
    assert_eq!((before, forgotten), (Some(3), Ok(())));
    assert_eq!(standing, Ok(vec![(0, 3, 5)]));
    assert_eq!(after, Some(5));
    assert_eq!(in_flight, 5, "nothing came twice");
    assert_eq!(desk.status().stalls, 1);
}

/// It would take that for the answer to what it has asked for.
#[test]
fn a_partition_whose_place_is_gone_is_found_again_only_when_no_partition_comes_or_goes() {
    let cluster = MockCluster::new(1).expect("a broker");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    let brokers = cluster.bootstrap_servers();
    let mut worker = reader_of(&brokers);
    write(&brokers, 3);
    let before = read_to(&mut worker, 3);
    let gone = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    cluster.request_errors(RDKafkaApiKey::Fetch, &[gone; 3]);
    let end = Instant::now() + PATIENCE;
    let turn = |worker: &mut Worker, settled: bool| {
        worker.listen();
        worker.shelf.read(&worker.consumer, &worker.desk, settled);
        thread::park_timeout(REST);
        assert!(Instant::now() < end, "the place is gone, or found again");
    };
    while !worker.shelf.has_lost() {
        turn(&mut worker, false);
    }
    for _ in 0..20 {
        turn(&mut worker, false);
    }
    let waits = worker.shelf.has_lost();
    while worker.shelf.has_lost() {
        turn(&mut worker, true);
    }
    worker.leave();
    assert_eq!((before, waits), (Some(3), true));
}
