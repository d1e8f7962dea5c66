//! Texts that the mappings are too narrow for: keywords of more than 256 characters are stored but not indexed (`ignore_above`), in
//! Jaeger's templates and ours. A document bears a mark for each such tag, operation and service: the hash of the text, in a field
//! of our own that Jaeger's readers pass over. A question for such a text asks for its mark. Indices without the field in their
//! template make one by themselves, in which marks are found as well; documents of other writers have no marks.

use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

/// The field of the marks.
pub(crate) const FIELD: &str = "spoorLongValues";

/// `ignore_above` of the mappings. Servers count UTF-16 units, of which a text has at most as many as bytes.
const INDEXED_UNITS: usize = 256;
const DIGITS: usize = 32;
/// Stands in no text, so it keeps the parts of a mark apart.
const SEPARATOR: &[u8] = b"\xff";
const OPERATION: &[u8] = b"\xffoperation";
const SERVICE: &[u8] = b"\xffservice";

type Mark = [u8; DIGITS];

/// The marks of one document, as items of a JSON list, each followed by a comma.
#[derive(Debug, Default)]
pub(crate) struct Marks(Vec<u8>);

impl Marks {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a mark when the key or the value of the tag is too long for the index.
    #[inline]
    pub(crate) fn tag(&mut self, key: &[u8], value: &[u8]) {
        // True whenever one of the two is too long, and seldom otherwise.
        if (key.len() | value.len()) > INDEXED_UNITS {
            self.push(key, value);
        }
    }

    #[inline]
    pub(crate) fn operation(&mut self, name: &[u8]) {
        if name.len() > INDEXED_UNITS {
            self.push(OPERATION, name);
        }
    }

    #[inline]
    pub(crate) fn service(&mut self, name: &[u8]) {
        if name.len() > INDEXED_UNITS {
            self.push(SERVICE, name);
        }
    }

    #[cold]
    fn push(&mut self, of: &[u8], text: &[u8]) {
        if is_long(of) || is_long(text) {
            self.0.push(b'"');
            self.0.extend_from_slice(&mark(of, text));
            self.0.extend_from_slice(b"\",");
        }
    }
}

/// Whether a tag with this key may need a mark whatever its value is.
#[inline]
pub(crate) fn may_be_long(key: &[u8]) -> bool {
    key.len() > INDEXED_UNITS
}

/// The condition for documents with this tag, when it is one that only its mark tells.
pub(crate) fn has_tag(key: &str, value: &str) -> Option<Value> {
    condition(key.as_bytes(), value)
}

/// As [`has_tag`] for the operation.
pub(crate) fn has_operation(name: &str) -> Option<Value> {
    condition(OPERATION, name)
}

/// As [`has_tag`] for the service.
pub(crate) fn has_service(name: &str) -> Option<Value> {
    condition(SERVICE, name)
}

fn condition(of: &[u8], text: &str) -> Option<Value> {
    let text = text.as_bytes();
    (is_long(of) || is_long(text)).then(|| {
        let mark = mark(of, text);
        json!({ "term": { FIELD: std::str::from_utf8(&mark).unwrap_or_default() } })
    })
}

/// More than 256 UTF-16 units: a byte that begins a character counts for one, one that begins a character of four bytes for two.
fn is_long(utf8: &[u8]) -> bool {
    let units = |byte: u8| match byte {
        0x80..0xc0 => 0,
        0xf0..=0xff => 2,
        _ => 1,
    };
    utf8.len() > INDEXED_UNITS && utf8.iter().map(|&byte| units(byte)).sum::<usize>() > INDEXED_UNITS
}

fn mark(of: &[u8], text: &[u8]) -> Mark {
    let mut hasher = Xxh3::new();
    for part in [of, SEPARATOR, text] {
        hasher.update(part);
    }
    let mut digits = [0; DIGITS];
    crate::hex::write(&mut digits, &hasher.digest128().to_be_bytes());
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(of: impl FnOnce(&mut Marks)) -> Vec<String> {
        let mut marks = Marks::default();
        of(&mut marks);
        let list = String::from_utf8(marks.as_bytes().to_vec()).unwrap();
        serde_json::from_str(&format!("[{}]", list.trim_end_matches(','))).unwrap()
    }

    #[test]
    fn what_a_keyword_holds_has_no_mark() {
        let long = "é".repeat(256);
        assert!(marks(|marks| marks.tag(b"k", long.as_bytes())).is_empty());
        assert!(marks(|marks| marks.tag(&[b'k'; 255], &[b'v'; 256])).is_empty());
        assert!(marks(|marks| marks.operation(long.as_bytes())).is_empty());
        assert_eq!((has_tag("k", &long), has_service(&long)), (None, None));
    }

    #[test]
    fn a_question_for_a_long_text_asks_for_the_mark_of_its_documents() {
        let term = |mark: &str| Some(json!({ "term": { "spoorLongValues": mark } }));
        // The last has 129 characters, each of them two of the server's units.
        for long in ["v".repeat(257), "é".repeat(257), "😀".repeat(129)] {
            let of_tag = marks(|marks| marks.tag(b"k", long.as_bytes()));
            assert_eq!(has_tag("k", &long), term(&of_tag[0]));
            assert_eq!(has_tag(&long, "v"), term(&marks(|marks| marks.tag(long.as_bytes(), b"v"))[0]));
            assert_eq!(has_operation(&long), term(&marks(|marks| marks.operation(long.as_bytes()))[0]));
            assert_eq!(has_service(&long), term(&marks(|marks| marks.service(long.as_bytes()))[0]));
        }
    }

    #[test]
    fn equal_texts_in_different_places_have_different_marks() {
        let long = "v".repeat(300);
        let all = [
            has_tag("a", &long),
            has_tag("av", &long[1..]),
            has_tag("operation", &long),
            has_operation(&long),
            has_service(&long),
        ];
        for (position, one) in all.iter().enumerate() {
            assert!(one.is_some() && !all[position + 1..].contains(one));
        }
    }

    #[test]
    fn marks_never_change() {
        let mark = has_tag("k", &"v".repeat(257)).unwrap()["term"][FIELD].clone();
        assert_eq!(mark, "0441ac07f5b3b5735d6c5925ecf756f3", "documents in stores have the marks of today");
    }
}
