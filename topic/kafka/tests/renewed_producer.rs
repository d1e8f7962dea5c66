//! What becomes of a producer that its library gives up for good, before the library's own brokers for tests, which fail as they are told.

mod support;

use std::sync::Arc;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use spoor_topic::conformance::{alike, read, soon, write_all};
use spoor_topic::{RecordError, TopicWriter as _};
use support::Topic;

/// A broker that has forgotten what this producer wrote last: the library can then tell of no record any more whether it is kept once.
const FORGOTTEN: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;

/// The records of the failed write may be sent again, all of them, and nobody has to start anything anew; also when many were writing.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_fatal_error_the_next_write_goes_through_a_new_producer() {
    let cluster = MockCluster::new(1).expect("a broker");
    let topic = Topic { brokers: cluster.bootstrap_servers(), name: support::fresh_name("mock") };
    cluster.create_topic(&topic.name, 1, 1).expect("a topic");
    let writer = Arc::new(topic.write_by(&[]));
    write_all(&*writer, &alike(1, 3)).await;

    cluster.request_errors(RDKafkaApiKey::Produce, &[FORGOTTEN]);
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move { writer.write(&alike(2, 3), soon()).await })
        })
        .collect();
    let mut answers = Vec::new();
    for writer in writers {
        answers.extend(writer.await.expect("no writer fails"));
    }
    let failed = answers.iter().filter_map(|answer| answer.as_ref().err());
    let failed: Vec<_> = failed.inspect(|error| assert!(heals(error), "{error}")).collect();
    assert!(!failed.is_empty(), "the broker refused at least a batch: {answers:?}");

    let again = write_all(&*writer, &alike(failed.len(), 3)).await;
    assert!(again.iter().all(|place| place.offset.is_some()), "{again:?}");
    // What was confirmed is there, and what was written again; not more than what the broker had in hand besides.
    read(&topic.read_by("group", &[]), 1 + answers.len()).await;
}

/// Whether the sender is told to come again.
fn heals(error: &RecordError) -> bool {
    matches!(error, RecordError::Unavailable { .. })
}
