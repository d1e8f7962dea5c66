//! A letter as a record of the dead-letter topic, both ways.
//!
//! The payload is the record's own. Its headers come first, then ours, beginning with [`TOPIC`]: what stands before the last
//! header of that name is the record's, whatever it is called, and what others put behind ours on the way is passed over.

use std::sync::Arc;

use bytes::Bytes;
use spoor_topic::{Header, KeptRecord, OutgoingRecord, Place};

use super::{Letter, LetterId, Reason, parse_rfc3339, rfc3339};

const TOPIC: &str = "spoor-dead-letter-topic";
const PARTITION: &str = "spoor-dead-letter-partition";
const OFFSET: &str = "spoor-dead-letter-offset";
const REASON: &str = "spoor-dead-letter-reason";
const DETAIL: &str = "spoor-dead-letter-detail";
const TIME: &str = "spoor-dead-letter-time";
const WRITTEN: &str = "spoor-dead-letter-written";
const KEY: &str = "spoor-dead-letter-key";

/// A record that is no letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLetter {
    /// It was written by somebody else.
    #[error("there is no header {TOPIC}")]
    Foreign,
    /// It begins like a letter.
    #[error("the header {0} is missing or not as we write it")]
    Broken(&'static str),
}

impl Letter {
    /// The record to be written, with that detail instead of the letter's.
    pub(super) fn to_record(&self, detail: &str) -> OutgoingRecord {
        let Place { partition, offset } = self.place;
        let mut headers = self.headers.clone();
        headers.reserve(8);
        let mut put = |name: &str, value: Bytes| {
            headers.push(Header { name: name.to_owned(), value: Some(value) });
        };
        put(TOPIC, Bytes::copy_from_slice(self.topic.as_bytes()));
        put(PARTITION, partition.to_string().into());
        put(OFFSET, offset.to_string().into());
        put(REASON, Bytes::from_static(self.reason.name().as_bytes()));
        put(DETAIL, Bytes::copy_from_slice(detail.as_bytes()));
        put(TIME, rfc3339(self.set_aside).unwrap_or_default().into());
        if let Some(written) = self.written.and_then(rfc3339) {
            put(WRITTEN, written.into());
        }
        if let Some(key) = &self.key {
            put(KEY, key.clone());
        }
        OutgoingRecord { key: Some(self.id().to_string().into()), payload: self.payload.clone(), headers }
    }

    /// The letter that a record of the dead-letter topic is.
    pub(crate) fn from_record(record: KeptRecord) -> Result<Self, NoLetter> {
        let (original, ours) = halves(&record.headers)?;
        let id = id_in(ours)?;
        let moment = |name| text(ours, name).and_then(parse_rfc3339);
        let reason = text(ours, REASON).and_then(Reason::named).ok_or(NoLetter::Broken(REASON))?;
        let letter = Self {
            topic: id.topic,
            place: id.place,
            reason,
            detail: text(ours, DETAIL).ok_or(NoLetter::Broken(DETAIL))?.to_owned(),
            set_aside: moment(TIME).ok_or(NoLetter::Broken(TIME))?,
            written: moment(WRITTEN),
            key: value(ours, KEY).cloned(),
            headers: original.to_vec(),
            payload: record.payload,
        };
        Ok(letter)
    }
}

/// The record's own headers, and ours.
fn halves(headers: &[Header]) -> Result<(&[Header], &[Header]), NoLetter> {
    let begin = headers.iter().rposition(|header| header.name == TOPIC).ok_or(NoLetter::Foreign)?;
    headers.split_at_checked(begin).ok_or(NoLetter::Foreign)
}

fn id_in(ours: &[Header]) -> Result<LetterId, NoLetter> {
    let topic = text(ours, TOPIC).ok_or(NoLetter::Broken(TOPIC))?;
    let partition = text(ours, PARTITION).and_then(|text| text.parse().ok());
    let offset = text(ours, OFFSET).and_then(|text| text.parse().ok());
    let place = Place {
        partition: partition.ok_or(NoLetter::Broken(PARTITION))?,
        offset: offset.ok_or(NoLetter::Broken(OFFSET))?,
    };
    Ok(LetterId { topic: Arc::from(topic), place })
}

fn value<'a>(headers: &'a [Header], name: &str) -> Option<&'a Bytes> {
    headers.iter().rev().find(|header| header.name == name)?.value.as_ref()
}

fn text<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    std::str::from_utf8(value(headers, name)?).ok()
}
