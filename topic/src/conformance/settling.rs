//! Claims about records' fates and what the group commits.

use std::time::{Duration, Instant};

use super::{Fixture, Seen, Wish, alike, give_back, keyed, read, settle, soon, until, write_all};
use crate::{Claim, Fate, Place, TopicReader};

async fn close(reader: &dyn TopicReader) {
    reader.close(soon()).await.expect("the last commit succeeds");
}

/// Not by the next member of the group.
pub async fn what_is_settled_is_not_read_again(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let place = write_all(&*writer, &alike(4, 3)).await[0];
    let reader = topic.reader(Wish::of("settled")).await;
    let seen = read(&*reader, 4).await;
    reader.settle(&seen.claims()[..2], Fate::Stored);
    reader.settle(&seen.claims()[2..], Fate::Quarantined);
    close(&*reader).await;
    assert_eq!(topic.committed("settled", place.partition).await, Some(4));
    write_all(&*writer, &[keyed("one key", "new")]).await;
    let next = topic.reader(Wish::of("settled")).await;
    assert_eq!(read(&*next, 1).await.payloads(), ["new"]);
}

/// While the reader goes on, and every time anew.
pub async fn what_is_settled_is_committed_soon(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let reader = topic.reader(Wish::of("soon")).await;
    let mut seen = Seen::default();
    for round in 1..=3 {
        let place = write_all(&*writer, &alike(5, 3)).await[0];
        until(&*reader, &mut seen, |seen| seen.records.len() == 5 * round).await;
        settle(&*reader, &seen.claims());
        let offset = i64::try_from(5 * round).expect("a small number");
        let deadline = soon();
        while topic.committed("soon", place.partition).await != Some(offset) {
            assert!(Instant::now() < deadline, "nothing is committed in round {round}");
        }
        until_told(&*reader, place.partition, offset).await;
    }
}

/// Waits until the reader itself knows what is committed.
async fn until_told(reader: &dyn TopicReader, partition: i32, offset: i64) {
    let deadline = soon();
    loop {
        let status = reader.status();
        let told = status.partitions.iter().find(|status| status.partition == partition);
        let commits = status.commits.get(&partition).map_or(0, |commits| commits.succeeded);
        if told.is_some_and(|status| status.committed == Some(offset)) && commits > 0 {
            return;
        }
        assert!(Instant::now() < deadline, "the reader does not hear of its commit: {status:?}");
        tokio::task::yield_now().await;
    }
}

/// However many records behind it are settled.
pub async fn commits_never_pass_an_unsettled_record(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let place = write_all(&*writer, &alike(50, 3)).await[0];
    let reader = topic.reader(Wish::of("holes")).await;
    let seen = read(&*reader, 50).await;
    let claims = seen.claims();
    let (held_back, settled): (Vec<Claim>, Vec<Claim>) =
        claims.into_iter().partition(|claim| [7, 20].contains(&claim.place.offset));
    settle(&*reader, &settled);
    give_back(&*reader, &held_back);
    close(&*reader).await;
    assert_eq!(topic.committed("holes", place.partition).await, Some(7));
    let next = topic.reader(Wish::of("holes")).await;
    let again = read(&*next, 43).await;
    assert_eq!(again.payloads()[0], "007");
}

/// Backwards, for instance.
pub async fn settling_in_any_order_commits_all(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let place = write_all(&*writer, &alike(200, 3)).await[0];
    let reader = topic.reader(Wish::of("backwards")).await;
    let mut claims = read(&*reader, 200).await.claims();
    claims.reverse();
    for claim in claims {
        settle(&*reader, &[claim]);
    }
    close(&*reader).await;
    assert_eq!(topic.committed("backwards", place.partition).await, Some(200));
}

/// And nothing else does.
pub async fn what_was_given_back_comes_again(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &alike(10, 3)).await;
    let reader = topic.reader(Wish::of("again")).await;
    let mut seen = read(&*reader, 10).await;
    let claims = seen.claims();
    settle(&*reader, &claims[5..8]);
    give_back(&*reader, &claims[3..5]);
    write_all(&*writer, &[keyed("one key", "new")]).await;
    seen.records.clear();
    until(&*reader, &mut seen, |seen| seen.records.len() >= 3).await;
    assert_eq!(seen.payloads(), ["003", "004", "new"]);
    settle(&*reader, &seen.claims());
    settle(&*reader, &claims[..3]);
    settle(&*reader, &claims[8..]);
    close(&*reader).await;
    assert_eq!(topic.committed("again", claims[0].place.partition).await, Some(11));
}

/// Giving back lets a reader close.
pub async fn what_was_given_back_at_the_end_is_read_by_the_next(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &alike(3, 3)).await;
    for _ in 0..2 {
        let reader = topic.reader(Wish::of("handed on")).await;
        let seen = read(&*reader, 3).await;
        assert_eq!(seen.payloads(), ["000", "001", "002"]);
        give_back(&*reader, &seen.claims());
        close(&*reader).await;
    }
}

/// Neither between records nor at the end.
pub async fn offsets_without_records_hold_nothing_back(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(2, 3)).await[0].partition;
    topic.leave_gap(partition).await;
    let behind = write_all(&*writer, &alike(2, 3)).await[1];
    let reader = topic.reader(Wish::of("gaps")).await;
    let seen = read(&*reader, 4).await;
    settle(&*reader, &seen.claims());
    close(&*reader).await;
    let committed = topic.committed("gaps", partition).await;
    assert_eq!(committed, behind.offset.map(|offset| offset + 1));
    assert!(committed.is_some_and(|offset| offset > 4), "there was a gap: {committed:?}");
}

/// Although no record comes behind it.
pub async fn what_was_given_back_and_is_gone_holds_nothing_back(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(3, 3)).await[0].partition;
    topic.leave_gap(partition).await;
    let reader = topic.reader(Wish::of("gone")).await;
    let mut seen = read(&*reader, 3).await;
    settle(&*reader, &seen.claims()[1..]);
    topic.trim(Place { partition, offset: 3 }).await;
    give_back(&*reader, &seen.claims()[..1]);
    let end = soon();
    while topic.committed("gone", partition).await.is_none_or(|offset| offset < 3) {
        assert!(Instant::now() < end, "nothing is committed: {:?}", reader.status());
        let next = tokio::time::timeout(Duration::from_millis(100), reader.next()).await;
        assert!(next.is_err(), "nothing more is read: {next:?}");
    }
    write_all(&*writer, &[keyed("one key", "new")]).await;
    seen.records.clear();
    until(&*reader, &mut seen, |seen| !seen.records.is_empty()).await;
    assert_eq!(seen.payloads(), ["new"]);
}

/// Twice, never delivered, of a partition that is not held, of a former holding.
pub async fn strange_settlings_change_nothing(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(3, 3)).await[0].partition;
    let reader = topic.reader(Wish::of("strange")).await;
    let mut seen = Seen::default();
    until(&*reader, &mut seen, |seen| seen.records.len() == 3).await;
    let first = seen.claims()[0];
    let strange = |partition: i32, offset: i64, generation: u64| Claim {
        place: Place { partition, offset },
        generation,
    };
    settle(
        &*reader,
        &[
            first,
            first,
            strange(partition, 99, first.generation),
            strange(partition, -1, first.generation),
            strange(77, 0, first.generation),
            strange(partition, 1, first.generation + 1_000),
        ],
    );
    give_back(&*reader, &[first]);
    assert_eq!(reader.status().partitions.iter().map(|held| held.in_flight).sum::<usize>(), 2);
    give_back(&*reader, &seen.claims());
    close(&*reader).await;
    assert_eq!(topic.committed("strange", partition).await, Some(1));
}
