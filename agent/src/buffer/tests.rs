use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::testing::package;

fn buffer(max_bytes: usize) -> Arc<Buffer> {
    Arc::new(Buffer::in_memory(max_bytes, Arc::new(Accounts::default())))
}

/// Sizes of the packages that come out, in order.
async fn rest(buffer: &Arc<Buffer>) -> Vec<u32> {
    let mut spans = Vec::new();
    while let Some(taken) = buffer.take_now() {
        spans.push(taken.package().spans);
        taken.delivered();
    }
    spans
}

#[tokio::test]
async fn the_oldest_go_when_there_is_no_room_and_are_counted_to_the_span() {
    let room = package("a", 3).cost() + package("a", 4).cost();
    let buffer = buffer(room);
    for spans in [1, 2, 3, 4] {
        buffer.push(package("a", spans));
    }
    let counts = buffer.accounts.counts();
    assert_eq!((counts.dropped_full, counts.waiting), (3, 7));
    assert_eq!(rest(&buffer).await, [3, 4]);
    let counts = buffer.accounts.counts();
    assert_eq!((counts.delivered, counts.waiting, counts.in_flight), (7, 0, 0));
}

#[tokio::test]
async fn what_was_taken_without_a_verdict_is_the_first_again() {
    let buffer = buffer(1 << 20);
    buffer.push(package("a", 1));
    buffer.push(package("a", 2));
    let taken = buffer.take().await;
    assert!(!buffer.is_empty());
    drop(taken);
    let mut taken = buffer.take().await;
    assert_eq!((taken.package().spans, taken.failed_again().failures), (1, 1));
    drop(taken);
    let mut taken = buffer.take().await;
    assert_eq!(taken.failed_again().failures, 2, "failures are remembered");
    taken.refused(1);
    assert_eq!(rest(&buffer).await, [2]);
    let counts = buffer.accounts.counts();
    assert_eq!((counts.refused, counts.delivered), (1, 2));
}

#[tokio::test]
async fn what_is_under_way_keeps_its_room_and_comes_back_to_it() {
    let buffer = buffer(package("a", 4).cost() + package("a", 5).cost());
    buffer.push(package("a", 4));
    let taken = buffer.take().await;
    buffer.push(package("a", 3));
    buffer.push(package("a", 5));
    drop(taken);
    assert_eq!(buffer.accounts.counts().dropped_full, 3);
    assert_eq!(rest(&buffer).await, [4, 5]);
    buffer.push(package("a", 4));
    buffer.push(package("a", 5));
    assert_eq!(rest(&buffer).await, [4, 5], "the room is free again");
}

#[tokio::test]
async fn what_is_left_at_the_end_is_counted() {
    let buffer = buffer(1 << 20);
    buffer.push(package("a", 6));
    assert_eq!(buffer.give_up(), Left { dropped: 6, kept: 0 });
    buffer.emptied().await;
    let counts = buffer.accounts.counts();
    assert_eq!((counts.dropped_shutdown, counts.waiting), (6, 0));
}

#[tokio::test]
async fn on_disk_the_same_accounts_hold_and_the_end_keeps_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Buffer::on_disk(folder.path(), 1 << 20, Arc::new(Accounts::default())).unwrap());
    let buffer = open();
    buffer.push(package("a", 1));
    buffer.push(package("a", 2));
    drop(buffer.take().await);
    assert_eq!(buffer.accounts.counts().waiting, 3);
    buffer.take().await.delivered();
    buffer.sync_all().await.unwrap();
    assert_eq!(buffer.give_up(), Left { dropped: 0, kept: 2 });
    assert_eq!(buffer.accounts.counts().dropped_shutdown, 0);
    drop(buffer);
    let buffer = open();
    assert_eq!(rest(&buffer).await, [1, 2], "at least once");
    buffer.emptied().await;
    drop(buffer);
    assert!(open().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_forced_to_the_disk_after_the_interval_that_is_set_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = Arc::new(Buffer::on_disk(folder.path(), 1 << 20, Arc::default()).unwrap());
    let is_synced = || match &buffer.state().queue {
        Queue::Memory(_) => panic!("it is on disk"),
        Queue::Spool(spool) => spool.is_synced(),
    };
    buffer.sync_all().await.unwrap();
    assert!(is_synced());
    let syncing = Arc::clone(&buffer);
    let _syncing = AbortOnDropHandle::new(tokio::spawn(async move {
        syncing.keep_syncing(Duration::from_secs(7)).await;
    }));
    for round in 0..2 {
        buffer.push(package("a", 1));
        tokio::time::sleep(Duration::from_millis(6_900)).await;
        assert!(!is_synced(), "round {round}: not yet");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(is_synced(), "round {round}");
    }
}

#[tokio::test]
async fn what_lies_on_the_disk_no_more_is_counted_as_dropped_at_the_end_and_not_as_kept() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = Arc::new(Buffer::on_disk(folder.path(), 1 << 20, Arc::default()).unwrap());
    buffer.push(package("a", 7));
    let under_way = buffer.take().await;
    let mut pushed = 0;
    while buffer.accounts.counts().dropped_full == 0 {
        buffer.push(package("a", 100));
        pushed += 100;
    }
    drop(under_way);
    let counts = buffer.accounts.counts();
    let kept = pushed - counts.dropped_full;
    assert_eq!(buffer.give_up(), Left { dropped: 7, kept });
    let counts = buffer.accounts.counts();
    assert_eq!((counts.dropped_shutdown, u64::try_from(counts.waiting).unwrap()), (7, kept));
    drop(buffer);
    let buffer = Buffer::on_disk(folder.path(), 1 << 20, Arc::default()).unwrap();
    assert_eq!(u64::try_from(buffer.accounts.counts().waiting).unwrap(), kept);
}

#[tokio::test]
async fn who_waits_for_the_end_hears_of_it_when_all_that_was_left_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = Arc::new(Buffer::on_disk(folder.path(), 1 << 20, Arc::default()).unwrap());
    buffer.push(package("a", 3));
    let mut segment = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.find(|path| path.extension().is_some()).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let waiting = tokio::spawn({
        let buffer = Arc::clone(&buffer);
        async move { buffer.emptied().await }
    });
    tokio::task::yield_now().await;
    assert!(buffer.take_now().is_none());
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it is told").unwrap();
    assert_eq!(buffer.accounts.counts().waiting, 0);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_written_before_is_acknowledged_and_writing_goes_on_in_a_new_segment() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = Arc::new(Buffer::on_disk(folder.path(), 1 << 20, Arc::default()).unwrap());
    let offer = || buffer.offer(vec![package("a", 1)], 0).unwrap();
    let break_next_sync = || match &mut buffer.state().queue {
        Queue::Memory(_) => panic!("it is on disk"),
        Queue::Spool(spool) => spool.break_next_sync(),
    };
    let segments = || std::fs::read_dir(folder.path()).unwrap().count() - 1;
    let (first, waiting) = (offer(), offer());
    break_next_sync();
    let (asking, behind) = tokio::join!(buffer.sync(first), buffer.sync(waiting));
    assert!(asking.is_err() && behind.is_err(), "{asking:?} {behind:?}");
    assert_eq!(segments(), 1);
    let after = offer();
    assert_eq!(segments(), 2);
    buffer.sync(after).await.unwrap();
    assert!(buffer.sync(first).await.is_err(), "it may not be there");
    assert_eq!(rest(&buffer).await, [1, 1, 1], "all are sent");
}

#[tokio::test]
async fn a_sync_that_nobody_waits_for_any_more_is_waited_for_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = Arc::new(Buffer::on_disk(folder.path(), 1 << 20, Arc::default()).unwrap());
    let written = buffer.offer(vec![package("a", 1)], 0).unwrap();
    match &mut buffer.state().queue {
        Queue::Memory(_) => panic!("it is on disk"),
        Queue::Spool(spool) => spool.break_next_sync(),
    }
    // Begun, and given up at once.
    assert!(futures::FutureExt::now_or_never(buffer.sync(written)).is_none());
    assert!(buffer.sync(written).await.is_err());
}
