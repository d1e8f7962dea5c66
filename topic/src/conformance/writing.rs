//! Claims about the door in.

use std::collections::BTreeSet;
use std::time::Instant;

use futures::future::join_all;

use super::{Fixture, Wish, keyed, read, soon, unkeyed, write_all};
use crate::{RecordError, partition_of_key};

/// Answers come in the records' order, and name places that are all different.
pub async fn every_record_is_confirmed_at_a_place_of_its_own(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let records: Vec<_> = (0..300).map(|number| keyed(&format!("key-{number}"), "x")).collect();
    let confirmed = write_all(&*writer, &records).await;
    let places: BTreeSet<_> = confirmed.iter().map(|place| (place.partition, place.offset)).collect();
    assert_eq!(places.len(), records.len());
    assert!(confirmed.iter().all(|place| place.offset.is_some()), "every offset is known");
    let partitions: BTreeSet<_> = confirmed.iter().map(|place| place.partition).collect();
    assert_eq!(partitions, BTreeSet::from([0, 1, 2]), "keys spread over all partitions");
}

/// The partition is computed as Jaeger does, whatever library lies below.
pub async fn records_of_a_key_are_where_jaeger_puts_them_in_order(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let keys = ["", "a", "5b8efff798038103d269b633813fc60c", "000000000000002a", "ключ"];
    let records: Vec<_> =
        (0..50).map(|number| keyed(keys[number % keys.len()], &format!("{number:02}"))).collect();
    let confirmed = write_all(&*writer, &records).await;
    for (number, place) in confirmed.iter().enumerate() {
        let key = keys[number % keys.len()];
        assert_eq!(place.partition, partition_of_key(key.as_bytes(), 3), "{key}");
    }
    for key in 0..keys.len() {
        let offsets: Vec<_> =
            confirmed.iter().skip(key).step_by(keys.len()).map(|place| place.offset).collect();
        assert!(offsets.is_sorted(), "records of a key keep their order: {offsets:?}");
    }
}

/// One record's fate is not the others'.
pub async fn a_record_over_the_limit_is_refused_and_the_others_are_written(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &[unkeyed("first")]).await;
    let limit = writer.max_record_bytes();
    let around = |size: usize| {
        let empty = unkeyed("").size();
        unkeyed(&"x".repeat(size - empty))
    };
    let records = [unkeyed("small"), around(limit + 1), around(limit), unkeyed("small")];
    let answers = writer.write(&records, soon()).await;
    assert_eq!(answers[1], Err(RecordError::TooLarge { size: limit + 1, limit }));
    for index in [0, 2, 3] {
        assert!(answers[index].is_ok(), "{index}: {:?}", answers[index]);
    }
}

/// Trivially.
pub async fn writing_nothing_is_answered_with_nothing(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    assert_eq!(writer.write(&[], soon()).await, []);
}

/// Whether it was written or not is open.
pub async fn a_write_past_its_deadline_says_so(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &[unkeyed("first")]).await;
    let answers = writer.write(&[unkeyed("late")], Instant::now()).await;
    assert_eq!(answers, [Err(RecordError::DeadlineExceeded)]);
}

/// Writers share a handle.
pub async fn many_writers_at_once_lose_nothing(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let payloads: Vec<String> = (0..400).map(|number| format!("{number:03}")).collect();
    write_all(&*writer, &[]).await;
    let writes = payloads.chunks(20).map(|chunk| {
        let records: Vec<_> = chunk.iter().map(|payload| keyed(payload, payload)).collect();
        let writer = &writer;
        async move { write_all(&**writer, &records).await }
    });
    join_all(writes).await;
    let reader = topic.reader(Wish::of("all")).await;
    assert_eq!(read(&*reader, payloads.len()).await.payloads(), payloads);
}
