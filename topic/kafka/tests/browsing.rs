//! What a browser says when there is nothing to look at.

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use spoor_topic::conformance::{alike, soon, write_all};
use spoor_topic::{PageBounds, TopicBrowser};
use support::Topic;

fn brokers() -> String {
    xtask::servers::kafka_brokers().expect("a broker")
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_named_in_time() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let topic = Topic { brokers: nobody.to_string(), name: "letters".to_owned() };
    let browser = topic.browse_as("anybody");
    let started = Instant::now();
    let limit = || Instant::now() + Duration::from_secs(2);
    for error in [
        browser.extents(limit()).await.expect_err("nobody is there").to_string(),
        browser.read(0, 0, PageBounds::default(), limit()).await.expect_err("nobody is there").to_string(),
    ] {
        let parts = ["look at topic letters", &nobody.to_string(), "advertised.listeners"];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "it is told in time, not after {:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_topic_that_is_not_there_says_so_and_does_not_make_it() {
    let topic = Topic { brokers: brokers(), name: support::fresh_name("nowhere") };
    let browser = topic.browse_as("anybody");
    assert_eq!(browser.extents(soon()).await.expect("the broker answers"), []);
    let page = browser.read(0, 0, PageBounds::default(), soon()).await;
    let error = page.expect_err("it is not there").to_string();
    assert!(error.contains(&topic.name) && error.contains("create the topic"), "{error}");
    let name = topic.name.clone();
    let names = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = topic.client().create().expect("a consumer");
        let metadata = consumer.fetch_metadata(None, Duration::from_secs(30)).expect("the broker answers");
        metadata.topics().iter().map(|topic| topic.name().to_owned()).collect::<Vec<_>>()
    });
    assert!(!names.await.expect("asking does not fail").contains(&name));
}

/// None of them waits for the fetch of the one before, nor for the library's pauses.
#[tokio::test(flavor = "multi_thread")]
async fn pages_come_at_once() {
    let topic = Topic::make(&brokers()).await;
    let partition = write_all(&topic.write_by(&[]), &alike(1_000, 2_000)).await[0].partition;
    let browser = topic.browse_as("anybody");
    let bounds = PageBounds { records: 20, ..PageBounds::default() };
    let (mut from, mut count, started) = (Some(0), 0, Instant::now());
    while let Some(offset) = from {
        let page = browser.read(partition, offset, bounds, soon()).await.expect("the partition is read");
        count += page.records.len();
        from = page.next;
    }
    assert_eq!(count, 1_000);
    assert!(started.elapsed() < Duration::from_secs(15), "50 pages took {:?}", started.elapsed());
}
