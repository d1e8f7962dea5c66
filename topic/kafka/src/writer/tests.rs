//! A writer before the library's own brokers for tests, which fail as they are told.

use clap::Parser;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use spoor_topic::conformance::{alike, write_all};

use super::*;
use crate::stalls::Stalls;

const TOPIC: &str = "spans";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    producer: ProducerConfig,
}

fn writer_before(brokers: &str) -> KafkaWriter {
    let brokers = format!("--kafka.producer.brokers={brokers}");
    let settings = Program::try_parse_from(["test", &brokers]).expect("the flags are well formed").producer;
    let stalls = Stalls::after(Duration::from_secs(1));
    let tempo = Tempo { every: Duration::from_millis(100), stalls };
    KafkaWriter::open_watched(&settings, TOPIC, tempo).expect("the settings work")
}

/// To every record a broker says that another one leads, and names itself when it is asked who does: as it is for a library that holds on to what
/// it knew before.
#[tokio::test(flavor = "multi_thread")]
async fn a_producer_of_which_nothing_comes_though_its_partition_has_a_leader_is_replaced() {
    let cluster = MockCluster::new(1).expect("a broker");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    let writer = writer_before(&cluster.bootstrap_servers());
    write_all(&writer, &alike(1, 3)).await;
    // On a busy machine the brokers' answers may have taken so long that it was replaced before.
    let before = writer.renewals();

    let not_leader = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    cluster.request_errors(RDKafkaApiKey::Produce, &[not_leader; 10_000]);
    let end = Instant::now() + PATIENCE;
    while writer.renewals() == before {
        let answers = writer.write(&alike(2, 3), Instant::now() + Duration::from_millis(500)).await;
        assert!(answers.iter().all(Result::is_err), "no broker took them: {answers:?}");
        assert!(Instant::now() < end, "the producer is replaced");
    }
    cluster.clear_request_errors(RDKafkaApiKey::Produce);
    let again = write_all(&writer, &alike(2, 3)).await;
    assert!(again.iter().all(|place| place.offset.is_some()), "{again:?}");
}
