//! What the settings of the reading side do at a real broker.

mod support;

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use spoor_topic::TopicReader;
use spoor_topic::conformance::{Seen, keyed, read, settle, until, write_all};
use spoor_topic_kafka::KafkaReader;
use support::{Topic, settings};
use xtask::servers::kafka_brokers;

const PATIENCE: Duration = Duration::from_secs(30);

fn reader(topic: &Topic, flags: &[&str]) -> KafkaReader {
    KafkaReader::open(&settings(&topic.flags(flags)).1).expect("settings that can work")
}

/// Waits until all three partitions are held.
async fn holds_all(reader: &dyn TopicReader, seen: &mut Seen) {
    until(reader, seen, |seen| seen.held.len() == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_has_committed_nothing_begins_where_it_is_set() {
    let topic = Topic::make(&kafka_brokers().unwrap()).await;
    let writer = topic.write_by(&[]);
    write_all(&writer, &[keyed("k", "old")]).await;
    let begin = |place: &str| {
        let group = format!("--kafka.consumer.group-id={}", support::fresh_name("group"));
        reader(&topic, &[&format!("--kafka.consumer.initial-offset={place}"), &group])
    };
    let (latest, mut seen) = (begin("latest"), Seen::default());
    holds_all(&latest, &mut seen).await;
    write_all(&writer, &[keyed("k", "new")]).await;
    until(&latest, &mut seen, |seen| !seen.records.is_empty()).await;
    assert_eq!(seen.payloads(), ["new"]);
    assert_eq!(read(&begin("earliest"), 2).await.payloads(), ["new", "old"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_known_by_the_names_that_are_set() {
    let topic = Topic::make(&kafka_brokers().unwrap()).await;
    let group = support::fresh_name("named");
    let flags =
        [format!("--kafka.consumer.group-id={group}"), "--kafka.consumer.client-id=the-third".to_owned()];
    let member = reader(&topic, &flags.each_ref().map(String::as_str));
    holds_all(&member, &mut Seen::default()).await;
    let config = topic.client();
    let ask = move || {
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let list = consumer.fetch_group_list(Some(&group), PATIENCE).expect("the broker knows its groups");
        let groups = list.groups().iter().flat_map(|group| group.members());
        groups.map(|member| member.client_id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tokio::task::spawn_blocking(ask).await.unwrap(), ["the-third"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_records_are_delivered_than_is_set_until_some_are_settled() {
    let topic = Topic::make(&kafka_brokers().unwrap()).await;
    let records: Vec<_> = (0..20).map(|number| keyed("k", &number.to_string())).collect();
    write_all(&topic.write_by(&[]), &records).await;
    let reader = reader(&topic, &["--kafka.consumer.max-records-in-flight=5"]);
    let mut seen = Seen::default();
    until(&reader, &mut seen, |seen| seen.records.len() == 5).await;
    let more = tokio::time::timeout(
        Duration::from_secs(1),
        until(&reader, &mut seen, |seen| seen.records.len() > 5),
    );
    assert!(more.await.is_err(), "{seen:?}");
    settle(&reader, &seen.claims()[..2]);
    until(&reader, &mut seen, |seen| seen.records.len() == 7).await;
    let more = tokio::time::timeout(
        Duration::from_secs(1),
        until(&reader, &mut seen, |seen| seen.records.len() > 7),
    );
    assert!(more.await.is_err(), "{seen:?}");
}
