//! The contract suite on a real broker.

mod support;

use support::Topic;

async fn fresh() -> Topic {
    Topic::make(&xtask::servers::kafka_brokers().expect("a broker")).await
}

spoor_topic::conformance_tests!(fresh);
spoor_topic::browser_conformance_tests!(fresh);
