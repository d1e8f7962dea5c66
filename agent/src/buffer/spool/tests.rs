use super::*;
use crate::testing::package;

const ROOM: u64 = 1 << 20;

fn open(directory: &Path) -> (Spool, Arc<Accounts>) {
    open_with(directory, ROOM)
}

fn open_with(directory: &Path, room: u64) -> (Spool, Arc<Accounts>) {
    let accounts = Arc::new(Accounts::default());
    (Spool::open(directory, room, Arc::clone(&accounts)).unwrap(), accounts)
}

fn push(spool: &mut Spool, spans: u32) -> u64 {
    spool.push(&package("shop", spans)).iter().map(|loss| loss.spans).sum()
}

fn pop(spool: &mut Spool) -> Option<(Package, Origin)> {
    spool.pop().0
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some()).collect();
    paths.sort();
    paths
}

#[test]
fn what_was_written_is_there_after_a_kill_and_what_had_ended_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path());
    assert_eq!((1..=3).map(|spans| push(&mut spool, spans)).sum::<u64>(), 0);
    let (first, origin) = pop(&mut spool).unwrap();
    assert_eq!(first.spans, 1);
    spool.settle(origin);
    // Dropped without a word, as by a kill.
    drop(spool);
    let (mut spool, accounts) = open(folder.path());
    assert_eq!(accounts.counts().waiting, 6, "the segment is sent from its beginning");
    let (mut again, mut origins) = (Vec::new(), Vec::new());
    while let Some((package, origin)) = pop(&mut spool) {
        assert_eq!(package.request, crate::testing::package("shop", package.spans).request);
        again.push(package.spans);
        origins.push(origin);
    }
    assert_eq!(again, [1, 2, 3]);
    origins.into_iter().for_each(|origin| spool.settle(origin));
    drop(spool);
    let (spool, accounts) = open(folder.path());
    assert!(spool.is_empty() && accounts.counts().waiting == 0);
    assert_eq!(segments(folder.path()).len(), 1, "the old ones are gone");
}

#[test]
fn a_torn_or_changed_end_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path());
    (1..=3).for_each(|spans| assert_eq!(push(&mut spool, spans), 0));
    drop(spool);
    let path = segments(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    for (bytes, expected) in [
        (whole[..whole.len() - 1].to_vec(), 3),
        ([&whole[..], &[7; 30]].concat(), 6),
        (
            {
                let mut changed = whole.clone();
                *changed.last_mut().unwrap() ^= 1;
                changed
            },
            3,
        ),
        (b"SPOORSP1".to_vec(), 0),
        (b"something else".to_vec(), 0),
        (Vec::new(), 0),
    ] {
        segments(folder.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
        fs::write(&path, bytes).unwrap();
        let (spool, accounts) = open(folder.path());
        assert_eq!(spool.spans(), expected);
        assert_eq!(accounts.counts().waiting, i64::try_from(expected).unwrap());
    }
}

#[test]
fn the_oldest_go_when_it_is_full_and_are_counted_to_the_span() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, accounts) = open_with(folder.path(), ROOM);
    let (mut pushed, mut lost) = (0, 0);
    for _ in 0..1000 {
        lost += push(&mut spool, 100);
        pushed += 100;
        assert!(spool.bytes() <= ROOM);
    }
    assert!(lost > 0 && spool.bytes() > ROOM / 2);
    assert_eq!(spool.spans() + lost, pushed);
    let on_disk: u64 = segments(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(on_disk, spool.bytes());
    drop((spool, accounts));
    let (spool, _) = open(folder.path());
    assert_eq!(spool.spans() + lost, pushed, "the counts are those on disk");
}

#[test]
fn a_package_of_a_segment_that_had_to_go_is_delivered_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path());
    push(&mut spool, 7);
    let (taken, origin) = pop(&mut spool).unwrap();
    while push(&mut spool, 100) == 0 {}
    spool.give_back(taken, origin);
    let (taken, origin) = pop(&mut spool).unwrap();
    assert_eq!(taken.spans, 7);
    spool.settle(origin);
}

#[test]
fn two_agents_never_share_a_spool() {
    let folder = tempfile::tempdir().unwrap();
    let (_spool, _) = open(folder.path());
    let error = Spool::open(folder.path(), ROOM, Arc::default()).unwrap_err().to_string();
    assert!(error.contains("--agent.spool.directory") && error.contains("another agent"), "{error}");
}

#[test]
fn in_quiet_times_nothing_is_left_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path());
    for _ in 0..1000 {
        push(&mut spool, 100);
        let (_, origin) = pop(&mut spool).unwrap();
        spool.settle(origin);
    }
    assert_eq!((spool.bytes(), segments(folder.path()).len()), (8, 1));
}

/// A file that is full.
fn full() -> File {
    File::options().read(true).write(true).open("/dev/full").unwrap()
}

/// Three segments, of which the last is to be followed by a new one.
fn at_a_boundary(spool: &mut Spool) {
    while spool.segments.len() < 3 || spool.segments.back().unwrap().length() < spool.segment_bytes {
        assert_eq!(push(spool, 100), 0);
    }
}

#[test]
fn a_segment_whose_first_write_fails_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000000000000000001.spool");
    fs::write(&path, "").unwrap();
    let error = Segment::begin(1, path.clone(), full()).unwrap_err();
    assert!(is_full(&error) && !path.exists(), "{error}");
}

#[test]
fn a_number_that_is_taken_is_passed_over_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path());
    at_a_boundary(&mut spool);
    let before = spool.spans();
    for id in [4, 5] {
        fs::write(folder.path().join(format!("{id:020}.spool")), "").unwrap();
    }
    assert_eq!(push(&mut spool, 7), 0);
    assert_eq!((spool.spans(), spool.segments.back().unwrap().id()), (before + 7, 6));
}

#[test]
fn a_failure_that_deleting_does_not_cure_costs_the_new_package_and_no_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (place, aside) = (folder.path().join("spool"), folder.path().join("aside"));
    let (mut spool, _) = open(&place);
    at_a_boundary(&mut spool);
    let before = spool.spans();
    fs::rename(&place, &aside).unwrap();
    fs::write(&place, "no directory").unwrap();
    let losses = spool.push(&package("shop", 7));
    assert!(matches!(losses[..], [Loss { spans: 7, reason: DropReason::Spool, .. }]), "{losses:?}");
    assert_eq!((spool.spans(), spool.segments.len()), (before, 3));
    fs::remove_file(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    assert_eq!((push(&mut spool, 7), spool.spans()), (0, before + 7), "it goes on");
}

#[test]
fn a_full_disk_costs_the_oldest_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path());
    while spool.segments.len() < 3 {
        assert_eq!(push(&mut spool, 100), 0);
    }
    spool.segments.back_mut().unwrap().write_to(full());
    let losses = spool.push(&package("shop", 7));
    let reasons: Vec<_> = losses.iter().map(|loss| loss.reason).collect();
    assert_eq!(reasons, [DropReason::BufferFull, DropReason::Spool], "it stays full here");
    assert_eq!(spool.segments.len(), 2);
}
