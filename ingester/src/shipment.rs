//! Hot path: the records of one write and what becomes of each. A record is stored when all its spans are; a span that can never be
//! stored makes its record a letter, whole, since putting it back stores the other spans only once.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use spoor_model::{SpanBatch, TimeRange};
use spoor_pipeline::{Normalizer, position_before};
use spoor_proto::record::{DecodedRecords, Encoding, RecordError, RecordsDecoder};
use spoor_storage::Rejection;
use spoor_storage::write::Progress;
use spoor_topic::{Claim, Record};

use crate::quarantine::Reason;
use crate::receipt;

/// The most characters of a letter's detail.
const DETAIL: usize = 1_000;

/// Records on their way into the store together.
pub(crate) struct Shipment {
    batch: SpanBatch,
    /// What normalizing took out, by positions before.
    removed: Vec<Rejection>,
    /// By the records' places in the shipment; `None`: it has left.
    records: Vec<Option<Loaded>>,
    /// Of the records that were read, ascending: the position of its first span before normalizing, and its place.
    owners: Vec<(usize, usize)>,
    /// Rejections of the store that are noted already.
    noted: usize,
    repaired: u64,
    received: Option<TimeRange>,
}

/// Reading or normalizing records broke: a fault of the program that one of them brings out.
pub(crate) struct Broken(pub(crate) Vec<Record>);

struct Loaded {
    record: Record,
    flaw: Option<Flaw>,
}

/// Why a record is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// A record that is to be set aside.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) record: Record,
    pub(crate) flaw: Flaw,
}

/// Records that are done with the store.
#[derive(Debug, Default)]
pub(crate) struct Unloaded {
    /// All their spans are stored.
    pub(crate) stored: Vec<Claim>,
    /// They are to be set aside; their other spans are stored.
    pub(crate) misfits: Vec<Misfit>,
}

impl Shipment {
    /// Reads and normalizes the records.
    ///
    /// # Errors
    /// When that panics: the records, none of which is settled.
    pub(crate) fn load(
        records: Vec<Record>,
        encoding: Option<Encoding>,
        normalizer: &Normalizer,
    ) -> Result<Self, Broken> {
        Self::of(records, |records| read(records, encoding, normalizer))
    }

    fn of(
        records: Vec<Record>,
        read: impl FnOnce(&[Record]) -> Result<Contents, Flaw>,
    ) -> Result<Self, Broken> {
        // Nothing that it works on outlives a panic.
        let read = catch_unwind(AssertUnwindSafe(|| read(&records)));
        let Contents { batch, outcomes, removed, repaired } = match read {
            Ok(Ok(contents)) => contents,
            Ok(Err(flaw)) => return Ok(Self::of_misfits(records, &flaw)),
            Err(_) => return Err(Broken(records)),
        };
        let mut shipment = Self {
            batch,
            removed,
            received: receipt::between(&records),
            records: Vec::with_capacity(records.len()),
            owners: Vec::with_capacity(records.len()),
            noted: 0,
            repaired,
        };
        for (record, outcome) in records.into_iter().zip(outcomes) {
            shipment.take(record, outcome);
        }
        shipment.note_removed();
        Ok(shipment)
    }

    /// Of records none of which can be stored.
    pub(crate) fn of_misfits(records: Vec<Record>, flaw: &Flaw) -> Self {
        let load = |record| Some(Loaded { record, flaw: Some(flaw.clone()) });
        Self {
            batch: SpanBatch::default(),
            removed: Vec::new(),
            records: records.into_iter().map(load).collect(),
            owners: Vec::new(),
            noted: 0,
            repaired: 0,
            received: None,
        }
    }

    fn take(&mut self, record: Record, outcome: Result<Range<usize>, RecordError>) {
        let flaw = match outcome {
            Ok(spans) => {
                self.owners.push((spans.start, self.records.len()));
                None
            }
            Err(error) => Some(Flaw { reason: reason_of(&error), detail: shortened(&error.to_string()) }),
        };
        self.records.push(Some(Loaded { record, flaw }));
    }

    fn note_removed(&mut self) {
        let removed = std::mem::take(&mut self.removed);
        for rejection in &removed {
            self.note(rejection.index, Reason::NoIds, rejection);
        }
        self.removed = removed;
    }

    /// The spans to be stored.
    pub(crate) fn batch(&self) -> &SpanBatch {
        &self.batch
    }

    /// When they were received; not known where a record does not tell.
    pub(crate) fn received(&self) -> Option<TimeRange> {
        self.received
    }

    /// Texts with invalid UTF-8 that were repaired.
    pub(crate) fn repaired(&self) -> u64 {
        self.repaired
    }

    /// The records that are still here.
    pub(crate) fn len(&self) -> usize {
        self.records.iter().flatten().count()
    }

    /// The records that are still here, as they were read.
    pub(crate) fn into_records(self) -> Vec<Record> {
        self.records.into_iter().flatten().map(|loaded| loaded.record).collect()
    }

    /// Takes out the records that have no open spans any more.
    pub(crate) fn unload(&mut self, progress: &Progress) -> Unloaded {
        let rejected = &progress.settled().rejected;
        for rejection in rejected.get(self.noted..).unwrap_or_default() {
            let before = position_before(&self.removed, rejection.index);
            self.note(before, Reason::Refused, rejection);
        }
        self.noted = rejected.len();
        let is_open = self.places_of(progress.open());
        let mut unloaded = Unloaded::default();
        for (slot, is_open) in self.records.iter_mut().zip(is_open) {
            if is_open {
                continue;
            }
            match slot.take() {
                Some(Loaded { record, flaw: Some(flaw) }) => unloaded.misfits.push(Misfit { record, flaw }),
                Some(Loaded { record, flaw: None }) => unloaded.stored.push(record.claim),
                None => {}
            }
        }
        unloaded
    }

    /// Takes out the records that are not to be waited for any more; their open spans are forgotten.
    pub(crate) fn give_up(
        &mut self,
        progress: &mut Progress,
        is_given_up: impl Fn(&Claim) -> bool,
    ) -> Vec<Claim> {
        let mut given_up = Vec::new();
        for slot in &mut self.records {
            if let Some(loaded) = slot.take_if(|loaded| is_given_up(&loaded.record.claim)) {
                given_up.push(loaded.record.claim);
            }
        }
        if !given_up.is_empty() {
            progress.keep_open(|&span| {
                let place = self.owner(position_before(&self.removed, span));
                place.and_then(|place| self.records.get(place)).is_some_and(Option::is_some)
            });
        }
        given_up
    }

    /// Whether a record has open spans, by place.
    fn places_of(&self, open: &[usize]) -> Vec<bool> {
        let mut places = vec![false; self.records.len()];
        for &span in open {
            let place = self.owner(position_before(&self.removed, span));
            if let Some(place) = place.and_then(|place| places.get_mut(place)) {
                *place = true;
            }
        }
        places
    }

    /// The place of the record that a span came in, by the span's position before normalizing.
    fn owner(&self, span: usize) -> Option<usize> {
        let behind = self.owners.partition_point(|(first, _)| *first <= span);
        self.owners.get(behind.checked_sub(1)?).map(|(_, place)| *place)
    }

    /// The first flaw of a record is told.
    fn note(&mut self, span: usize, reason: Reason, rejection: &Rejection) {
        let place = self.owner(span);
        let Some(loaded) = place.and_then(|place| self.records.get_mut(place)).and_then(Option::as_mut)
        else {
            return;
        };
        let (trace, id) = (rejection.trace_id, rejection.span_id);
        let detail = || shortened(&format!("span {id} of trace {trace}: {}", rejection.reason));
        loaded.flaw.get_or_insert_with(|| Flaw { reason, detail: detail() });
    }
}

/// What records hold.
struct Contents {
    batch: SpanBatch,
    /// Of each record: its spans, by their positions before normalizing.
    outcomes: Vec<Result<Range<usize>, RecordError>>,
    removed: Vec<Rejection>,
    repaired: u64,
}

fn read(records: &[Record], encoding: Option<Encoding>, normalizer: &Normalizer) -> Result<Contents, Flaw> {
    let mut decoder = RecordsDecoder::new(encoding);
    for record in records {
        decoder.push(record.payload.as_deref().unwrap_or_default());
    }
    let decoded = decoder.finish();
    let DecodedRecords { mut batch, records: outcomes } =
        decoded.map_err(|too_large| Flaw { reason: Reason::Malformed, detail: too_large.to_string() })?;
    let repaired = u64::from(batch.repaired_texts());
    let removed = normalizer.run(&mut batch);
    Ok(Contents { batch, outcomes, removed, repaired })
}

fn reason_of(error: &RecordError) -> Reason {
    match error {
        RecordError::Empty => Reason::Empty,
        RecordError::Unrecognized => Reason::Unrecognized,
        RecordError::NoSpan { .. } => Reason::NoSpan,
        _ => Reason::Malformed,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spoor_topic::Place;

    use super::*;

    #[test]
    fn records_over_whose_reading_the_program_fails_come_back_whole() {
        let record = |offset| {
            let claim = Claim { place: Place { partition: 0, offset }, generation: 1 };
            Record { claim, timestamp: None, key: None, payload: Some("text".into()), headers: Vec::new() }
        };
        let records: Vec<Record> = (0..3).map(record).collect();
        let loaded = Shipment::of(records.clone(), |_| panic!("a decoder breaks"));
        assert_eq!(loaded.err().map(|Broken(records)| records), Some(records));
    }
}
