//! When spans from a topic were received: when their record was written, which a record that was put back has in a header. Stores file by
//! it what they cannot file by the span's own time, however long the topic was not read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spoor_model::{TimeRange, UnixNanos};
use spoor_topic::{Header, Record};

use crate::quarantine::{parse_rfc3339, rfc3339};

/// The header of a record that was put back: when it was first written, in RFC 3339.
const RECEIVED: &str = "spoor-received";
const DAY: Duration = Duration::from_secs(86_400);

/// Adds to a record that is put back when it was first written, if that is known and not there from an earlier time.
pub(crate) fn note(headers: &mut Vec<Header>, written: Option<SystemTime>) {
    if stated(headers).is_some() {
        return;
    }
    if let Some(written) = written.and_then(rfc3339) {
        headers.push(Header { name: RECEIVED.to_owned(), value: Some(written.into()) });
    }
}

/// The UTC day of receipt, in days since 1970. Records of one day are written together, so that a span is filed under the same day
/// whenever and with whatever others it is written again.
pub(crate) fn day(record: &Record) -> Option<u64> {
    received(record).map(|since_epoch| since_epoch.as_secs() / DAY.as_secs())
}

/// From the first to the last receipt; none where that of a record is not known.
pub(crate) fn between(records: &[Record]) -> Option<TimeRange> {
    let mut moments = records.iter().map(received);
    let first = moments.next()??;
    let (first, last) = moments.try_fold((first, first), |(first, last), moment| {
        moment.map(|moment| (first.min(moment), last.max(moment)))
    })?;
    Some(TimeRange {
        start: UnixNanos::ZERO.saturating_add(first),
        end: UnixNanos::ZERO.saturating_add(last),
    })
}

fn received(record: &Record) -> Option<Duration> {
    let moment = stated(&record.headers).or(record.timestamp)?;
    moment.duration_since(UNIX_EPOCH).ok()
}

fn stated(headers: &[Header]) -> Option<SystemTime> {
    let header = headers.iter().find(|header| header.name == RECEIVED)?;
    parse_rfc3339(std::str::from_utf8(header.value.as_deref()?).ok()?)
}

#[cfg(test)]
mod tests {
    use spoor_topic::{Claim, Place};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn record(timestamp: Option<SystemTime>, headers: Vec<Header>) -> Record {
        let claim = Claim { place: Place { partition: 0, offset: 0 }, generation: 1 };
        Record { claim, timestamp, key: None, payload: None, headers }
    }

    #[test]
    fn a_record_that_was_put_back_twice_was_received_when_it_was_first_written() {
        let mut headers = vec![Header { name: "other".to_owned(), value: None }];
        note(&mut headers, None);
        assert_eq!(headers.len(), 1);
        note(&mut headers, Some(at(86_400)));
        note(&mut headers, Some(at(999_999)));
        assert_eq!(headers.len(), 2);
        let again = record(Some(at(999_999)), headers);
        assert_eq!(day(&again), Some(1));
        assert_eq!(between(&[again]).map(|range| range.start.0), Some(86_400_000_000_000));
    }

    #[test]
    fn what_is_not_known_of_one_record_is_not_known_of_all() {
        let known = |seconds| record(Some(at(seconds)), Vec::new());
        let range = between(&[known(30), known(10), known(20)]).unwrap();
        assert_eq!((range.start, range.end), (UnixNanos(10_000_000_000), UnixNanos(30_000_000_000)));
        assert_eq!(between(&[known(30), record(None, Vec::new())]), None);
        let broken = vec![Header { name: RECEIVED.to_owned(), value: Some("yesterday".into()) }];
        assert_eq!(
            day(&record(Some(at(86_399)), broken)),
            Some(0),
            "a header that says nothing counts for nothing"
        );
    }
}
