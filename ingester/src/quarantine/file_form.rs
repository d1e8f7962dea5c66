//! A letter as a file: its name, and its JSON both ways.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use spoor_topic::{Header, Place};
use xxhash_rust::xxh3::xxh3_64;

use super::{Letter, LetterId, Reason, parse_rfc3339, rfc3339};

/// The end of each letter's name.
pub(crate) const SUFFIX: &str = ".json";

/// The most of a topic's name in a file's, so that the whole fits into the 255 bytes of common file systems.
const TOPIC_BYTES: usize = 150;

/// The content of a file. Bytes are base64 of the standard alphabet, padded.
#[derive(Serialize, Deserialize)]
struct FileForm {
    topic: String,
    partition: i32,
    offset: i64,
    reason: String,
    detail: String,
    time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<HeaderForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct HeaderForm {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// A file that is no letter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFile {
    #[error("it is not JSON of a letter: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
}

impl Letter {
    pub(super) fn to_file(&self) -> Result<Vec<u8>, NoFile> {
        let base64 = |bytes: &Bytes| STANDARD.encode(bytes);
        let header = |header: &Header| HeaderForm {
            name: header.name.clone(),
            value: header.value.as_ref().map(base64),
        };
        let form = FileForm {
            topic: self.topic.as_ref().to_owned(),
            partition: self.place.partition,
            offset: self.place.offset,
            reason: self.reason.name().to_owned(),
            detail: self.detail.clone(),
            time: rfc3339(self.set_aside).unwrap_or_default(),
            written: self.written.and_then(rfc3339),
            key: self.key.as_ref().map(base64),
            headers: self.headers.iter().map(header).collect(),
            payload: self.payload.as_ref().map(base64),
        };
        let mut json = serde_json::to_vec_pretty(&form)?;
        json.push(b'\n');
        Ok(json)
    }

    pub(crate) fn from_file(json: &[u8]) -> Result<Self, NoFile> {
        let form: FileForm = serde_json::from_slice(json)?;
        let moment = |field, text: &str| {
            parse_rfc3339(text).ok_or_else(|| wrong(field, format!("{text:?} is not RFC 3339")))
        };
        let header =
            |header: HeaderForm| Ok(Header { name: header.name, value: bytes("headers", header.value)? });
        Ok(Self {
            topic: form.topic.into(),
            place: Place { partition: form.partition, offset: form.offset },
            reason: Reason::named(&form.reason)
                .ok_or_else(|| wrong("reason", format!("there is none called {:?}", form.reason)))?,
            detail: form.detail,
            set_aside: moment("time", &form.time)?,
            written: form.written.map(|text| moment("written", &text)).transpose()?,
            key: bytes("key", form.key)?,
            headers: form.headers.into_iter().map(header).collect::<Result<_, NoFile>>()?,
            payload: bytes("payload", form.payload)?,
        })
    }
}

impl LetterId {
    /// The name of its file: `<topic>-<partition>-<offset>.json`, the same for the same id and for no other. What is not safe
    /// in a name is `%` and two digits; the end of a long topic is a number that stands for it.
    pub(crate) fn file_name(&self) -> String {
        let mut name = safe(&self.topic);
        if name.len() > TOPIC_BYTES {
            name.truncate(TOPIC_BYTES - 17);
            name = format!("{name}%{:016x}", xxh3_64(self.topic.as_bytes()));
        }
        format!("{name}-{}-{}{SUFFIX}", self.place.partition, self.place.offset)
    }
}

fn safe(topic: &str) -> String {
    let mut name = String::with_capacity(topic.len());
    for byte in topic.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

fn bytes(field: &'static str, base64: Option<String>) -> Result<Option<Bytes>, NoFile> {
    let decode = |text: String| STANDARD.decode(text).map(Bytes::from);
    base64.map(decode).transpose().map_err(|error| wrong(field, format!("not base64: {error}")))
}

fn wrong(field: &'static str, problem: String) -> NoFile {
    NoFile::Field { field, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(topic: &str) -> String {
        LetterId { topic: topic.into(), place: Place { partition: 1, offset: 2 } }.file_name()
    }

    #[test]
    fn names_of_files_are_safe_and_differ() {
        assert_eq!(name("jaeger-spans"), "jaeger-spans-1-2.json");
        assert_eq!(name("../a b"), "..%2Fa%20b-1-2.json");
        assert_eq!(name("%2F"), "%252F-1-2.json");
        let long = [name(&"x".repeat(249)), name(&"x".repeat(250)), name(&"ж".repeat(249))];
        assert!(long.iter().all(|name| name.len() < 255), "{long:?}");
        assert_ne!(long[0], long[1]);
    }
}
