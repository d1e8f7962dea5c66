//! What a browser says when there is nothing to look at.

mod support;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use spoor_topic::conformance::{alike, soon, write_all};
use spoor_topic::{PageBounds, ReadError, TopicBrowser};
use spoor_topic_kafka::KafkaBrowser;
use support::Topic;

/// How long a look may take at brokers that are away.
const LIMIT: Duration = Duration::from_secs(2);
/// How much later its answer may come on a busy machine.
const GRACE: Duration = Duration::from_secs(20);
/// Where each of 50 pages waits for the half second or the second that the library has for it, they take 25 s and
/// more.
const WITHOUT_PAUSES: Duration = Duration::from_secs(15);

fn brokers() -> String {
    xtask::servers::kafka_brokers().expect("a broker")
}

/// What a look at brokers that are away comes to, in time.
async fn told<T: Debug>(look: impl Future<Output = Result<T, ReadError>>) -> String {
    let started = Instant::now();
    let error = look.await.expect_err("nobody is there").to_string();
    assert!(started.elapsed() < LIMIT + GRACE, "it is told in time, not after {:?}", started.elapsed());
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_named_in_time() {
    let nobody = xtask::servers::free_address().expect("a free port");
    let topic = Topic { brokers: nobody.clone(), name: "letters".to_owned() };
    let browser = topic.browse_as("anybody");
    let limit = || Instant::now() + LIMIT;
    let mut rounds = 0;
    loop {
        let extents = told(browser.extents(limit())).await;
        let page = told(browser.read(0, 0, PageBounds::default(), limit())).await;
        for part in ["look at topic letters", &nobody] {
            assert!(extents.contains(part) && page.contains(part), "{extents}; {page}");
        }
        // The thread that looks knows what to do. Where it is late, as on a busy machine, it is not waited for, and
        // more time is advised.
        if [&extents, &page].iter().all(|error| error.contains("advertised.listeners")) {
            return;
        }
        rounds += 1;
        assert!(rounds < 5, "what to do is told: {extents}; {page}");
    }
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

/// How long the partition's 1,000 records take in pages of 20.
async fn time_to_read(browser: &KafkaBrowser, partition: i32) -> Duration {
    let bounds = PageBounds { records: 20, ..PageBounds::default() };
    let (mut from, mut count, started) = (Some(0), 0, Instant::now());
    while let Some(offset) = from {
        let page = browser.read(partition, offset, bounds, soon()).await.expect("the partition is read");
        count += page.records.len();
        from = page.next;
    }
    assert_eq!(count, 1_000);
    started.elapsed()
}

/// None of them waits for the fetch of the one before, nor for the library's pauses.
#[tokio::test(flavor = "multi_thread")]
async fn pages_come_at_once() {
    let topic = Topic::make(&brokers()).await;
    let partition = write_all(&topic.write_by(&[]), &alike(1_000, 2_000)).await[0].partition;
    let browser = topic.browse_as("anybody");
    // Each reading would wait; a machine is not busy with something else each time.
    let mut times: Vec<Duration> = Vec::new();
    while times.iter().all(|time| *time >= WITHOUT_PAUSES) {
        assert!(times.len() < 5, "50 pages took {times:?}");
        times.push(time_to_read(&browser, partition).await);
    }
}
