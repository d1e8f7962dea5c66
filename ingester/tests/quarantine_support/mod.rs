//! A topic that answers as it is told, and letters for it.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod desk;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use spoor_ingester::dead_letters::{Letters, Stray};
use spoor_ingester::quarantine::{Letter, Quarantine, Reason};
use spoor_topic::{
    Confirmed, Extent, Header, KeptRecord, OutgoingRecord, Page, PageBounds, Place, ReadError, RecordError,
    TopicBrowser, TopicWriter, Unreachable, partition_of_key,
};

/// Room for any claim; whatever must be in time has a deadline of its own.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// A topic of several partitions. Clones are the same topic.
#[derive(Clone)]
pub(crate) struct FakeTopic {
    state: Arc<Mutex<State>>,
    limit: usize,
}

#[derive(Default)]
struct State {
    partitions: Vec<Vec<KeptRecord>>,
    /// Answers for the next records, the first last; then all are taken.
    script: Vec<RecordError>,
    /// The answer to all records behind the script.
    fault: Option<RecordError>,
    /// So many records a page.
    page: usize,
}

impl FakeTopic {
    pub(crate) fn new(partitions: usize) -> Self {
        Self::with_limit(partitions, 1_000_000)
    }

    pub(crate) fn with_limit(partitions: usize, limit: usize) -> Self {
        let state = State { partitions: vec![vec![]; partitions], page: 2, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), limit }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// From now on each record is answered so; `None`: it is taken.
    pub(crate) fn fail(&self, fault: Option<RecordError>) {
        self.lock().fault = fault;
    }

    /// These are the answers to the next records, in this order.
    pub(crate) fn answer_next(&self, answers: impl IntoIterator<Item = RecordError>) {
        let mut script: Vec<_> = answers.into_iter().collect();
        script.reverse();
        self.lock().script = script;
    }

    pub(crate) fn add_partition(&self) {
        self.lock().partitions.push(vec![]);
    }

    /// Puts a record there, whatever it is.
    pub(crate) fn put(&self, record: &OutgoingRecord) {
        self.lock().append(record);
    }

    /// Takes all records away, as retention does.
    pub(crate) fn expire(&self) {
        self.lock().partitions.iter_mut().for_each(Vec::clear);
    }

    /// Everything that was written, partition by partition.
    pub(crate) fn records(&self) -> Vec<KeptRecord> {
        self.lock().partitions.concat()
    }
}

impl State {
    fn append(&mut self, record: &OutgoingRecord) -> Confirmed {
        let count = i32::try_from(self.partitions.len()).expect("small");
        let partition = record.key.as_ref().map_or(0, |key| partition_of_key(key, count));
        let log = &mut self.partitions[usize::try_from(partition).expect("small")];
        let offset = i64::try_from(log.len()).expect("small");
        let OutgoingRecord { key, payload, headers } = record.clone();
        let place = Place { partition, offset };
        log.push(KeptRecord { place, timestamp: None, key, payload, headers });
        Confirmed { partition, offset: Some(offset) }
    }
}

#[async_trait]
impl TopicWriter for FakeTopic {
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>> {
        let mut state = self.lock();
        let answer = |record: &OutgoingRecord| {
            let size = record.size();
            if Instant::now() >= deadline {
                return Err(RecordError::DeadlineExceeded);
            }
            if size > self.limit {
                return Err(RecordError::TooLarge { size, limit: self.limit });
            }
            match state.script.pop().or_else(|| state.fault.clone()) {
                Some(error) => Err(error),
                None => Ok(state.append(record)),
            }
        };
        records.iter().map(answer).collect()
    }

    fn max_record_bytes(&self) -> usize {
        self.limit
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        Ok(())
    }
}

#[async_trait]
impl TopicBrowser for FakeTopic {
    async fn extents(&self, _: Instant) -> Result<Vec<Extent>, ReadError> {
        let state = self.lock();
        let end = |log: &Vec<_>| i64::try_from(log.len()).expect("small");
        let extents = state.partitions.iter().zip(0..);
        Ok(extents.map(|(log, partition)| Extent { partition, start: 0, end: end(log) }).collect())
    }

    async fn read(&self, partition: i32, from: i64, _: PageBounds, _: Instant) -> Result<Page, ReadError> {
        let state = self.lock();
        let log = &state.partitions[usize::try_from(partition).expect("small")];
        let behind = log.iter().filter(|record| record.place.offset >= from);
        let records: Vec<_> = behind.take(state.page).cloned().collect();
        let next = records.last().map(|last| last.place.offset + 1);
        Ok(Page { records, next: next.filter(|next| *next < i64::try_from(log.len()).expect("small")) })
    }
}

pub(crate) fn unavailable() -> RecordError {
    RecordError::Unavailable { reason: "no brokers".into(), retry_after: Duration::from_millis(1) }
}

pub(crate) fn busy() -> RecordError {
    RecordError::Busy { reason: "full".into(), retry_after: Duration::from_millis(1) }
}

pub(crate) fn refused() -> RecordError {
    RecordError::Refused { reason: "policy".into() }
}

/// A letter of `spans`, partition 1, set aside `offset` seconds after 2026-01-01T00:00:00Z.
pub(crate) fn letter(offset: i64) -> Letter {
    let set_aside = Duration::from_secs(1_767_225_600 + u64::try_from(offset).expect("small"));
    Letter {
        topic: "spans".into(),
        place: Place { partition: 1, offset },
        reason: Reason::Malformed,
        detail: "as protobuf: at byte 3: the end comes too early".to_owned(),
        set_aside: SystemTime::UNIX_EPOCH + set_aside,
        written: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_599_123)),
        key: Some(Bytes::from_static(b"key")),
        payload: Some(format!("payload {offset}").into()),
        headers: vec![header("one", Some("1")), header("two", None), header("one", Some("again"))],
    }
}

pub(crate) fn header(name: &str, value: Option<&str>) -> Header {
    Header { name: name.to_owned(), value: value.map(|value| value.to_owned().into()) }
}

/// Sets all aside, which must succeed.
pub(crate) async fn set_aside(quarantine: &dyn Quarantine, letters: &[Letter]) {
    for (letter, answer) in letters.iter().zip(quarantine.set_aside(letters, soon()).await) {
        assert_eq!(answer, Ok(()), "{}", letter.id());
    }
}

/// All that lies there, by id, and what is no letter.
pub(crate) async fn everything(letters: &mut dyn Letters) -> (Vec<Letter>, Vec<Stray>) {
    let (mut all, mut strays) = (vec![], vec![]);
    while let Some(page) = letters.next_page().await.expect("readable") {
        all.extend(page.letters);
        strays.extend(page.strays);
    }
    all.sort_by_key(Letter::id);
    (all, strays)
}
