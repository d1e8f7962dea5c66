//! Which tags become fields of their own (`tag`) instead of items of a list (`tags`), and how the fields are called.
//!
//! A field's name is the tag's key with something else for its dots, and readers turn it back. A tag whose key would come back
//! changed, or would be no name of a field to the store, stays in the list, where every reader finds it: nothing is lost.
//! What servers refuse as names was tried on them: nothing, and white space alone. Names with dots are paths: under the templates, which
//! make every field below `tag` a keyword, the object on the way becomes a keyword too, and the server refuses what lies within.

use std::fs;
use std::path::Path;

use spoor_model::json::write_escaped;

use crate::{DocumentConfig, OpenError};

/// The longest key that becomes a field's name, in bytes: mappings are kept in every node's memory.
const LONGEST_NAME: usize = 256;
/// What is to know of a byte of a key.
const CONTROL: u8 = 1;
const VISIBLE: u8 = 2;
const IN_REPLACEMENT: u8 = 4;

/// Which tags become fields, and what these are called.
#[derive(Debug, Clone)]
pub(crate) struct TagFields {
    /// Stands for `.` in the key.
    replacement: Box<str>,
    pub(super) layout: Layout,
    /// For each byte of a key: flags of those above.
    bytes: Box<[u8; 256]>,
}

#[derive(Debug, Clone)]
pub(super) enum Layout {
    /// Only what Jaeger since 2.8 always keeps as fields: its metrics are computed from them.
    Least,
    /// These too.
    Listed(Keys),
    /// Every tag that can be one.
    All,
}

/// A set of keys, of which most questions are answered by the length alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    sorted: Vec<Box<[u8]>>,
    /// Bit n: there is a key of n bytes; the last bit is for all longer ones.
    lengths: u64,
}

/// Tags that are always fields.
#[inline]
pub(super) fn is_always_field(key: &[u8]) -> bool {
    matches!(key, b"span.kind" | b"error")
}

impl TagFields {
    /// What the settings say; reads the file that they name.
    ///
    /// # Errors
    /// [`OpenError::TagKeys`] when the file cannot be read.
    pub(crate) fn new(config: &DocumentConfig) -> Result<Self, OpenError> {
        let mut fields = Self::replacing(&config.dot_replacement);
        if config.tags_as_fields_all {
            fields.layout = Layout::All;
            return Ok(fields);
        }
        let listed = config.tags_as_fields_include.split(',').map(str::to_owned);
        let mut keys: Vec<String> = listed.collect();
        if let Some(path) = &config.tags_as_fields_config_file {
            keys.extend(keys_of_file(path)?);
        }
        keys.retain(|key| !key.is_empty());
        if keys.is_empty() {
            return Ok(fields);
        }
        let mut scratch = Vec::new();
        keys.retain(|key| {
            let can = fields.can_be_field(key.as_bytes(), &mut scratch);
            if !can {
                let replacement = &*fields.replacement;
                tracing::warn!(
                    key,
                    replacement,
                    "tags of this key stay in lists: as a field's name it could not be turned back"
                );
            }
            can
        });
        keys.extend(["span.kind".to_owned(), "error".to_owned()]);
        fields.layout = Layout::Listed(Keys::new(keys));
        Ok(fields)
    }

    /// With Jaeger's least set of fields.
    fn replacing(replacement: &str) -> Self {
        let mut bytes = Box::new([0; 256]);
        for byte in 0..=u8::MAX {
            let mut flags = 0;
            if byte < b' ' {
                flags |= CONTROL;
            }
            if byte > b' ' && byte.is_ascii() {
                flags |= VISIBLE;
            }
            if replacement.as_bytes().contains(&byte) {
                flags |= IN_REPLACEMENT;
            }
            bytes[usize::from(byte)] = flags;
        }
        Self { replacement: replacement.into(), layout: Layout::Least, bytes }
    }

    /// Whether a tag of this key can be a field that every reader turns back into the tag.
    #[inline]
    pub(super) fn can_be_field(&self, key: &[u8], scratch: &mut Vec<u8>) -> bool {
        let flags = key.iter().fold(0, |flags, &byte| flags | self.bytes[usize::from(byte)]);
        if key.len() > LONGEST_NAME || flags & CONTROL != 0 {
            return false;
        }
        // Nearly every key is none of the rest.
        flags & (VISIBLE | IN_REPLACEMENT) == VISIBLE || self.comes_back(key, scratch)
    }

    #[cold]
    fn comes_back(&self, key: &[u8], name: &mut Vec<u8>) -> bool {
        name.clear();
        self.for_each_part(key, |part| name.extend_from_slice(part));
        !is_white(name) && self.turns_back_into(name, key)
    }

    fn turns_back_into(&self, mut name: &[u8], mut key: &[u8]) -> bool {
        while !name.is_empty() {
            let (read, rest) = match name.strip_prefix(self.replacement.as_bytes()) {
                Some(rest) => (b'.', rest),
                None => (name[0], &name[1..]),
            };
            match key.split_first() {
                Some((&expected, following)) if expected == read => key = following,
                _ => return false,
            }
            name = rest;
        }
        key.is_empty()
    }

    /// Appends the field's name as a JSON string.
    #[inline]
    pub(super) fn write_name(&self, out: &mut Vec<u8>, key: &[u8]) {
        out.push(b'"');
        if let [replacement] = *self.replacement.as_bytes()
            && !matches!(replacement, b'"' | b'\\')
        {
            let start = out.len();
            write_escaped(out, key);
            // No escape has a dot in it, and this sign needs none.
            for byte in &mut out[start..] {
                *byte = if *byte == b'.' { replacement } else { *byte };
            }
        } else {
            self.for_each_part(key, |part| write_escaped(out, part));
        }
        out.push(b'"');
    }

    #[inline]
    fn for_each_part(&self, key: &[u8], mut part: impl FnMut(&[u8])) {
        let mut rest = key;
        while let Some(dot) = rest.iter().position(|&byte| byte == b'.') {
            part(&rest[..dot]);
            part(self.replacement.as_bytes());
            rest = &rest[dot + 1..];
        }
        part(rest);
    }
}

impl Keys {
    fn new(keys: Vec<String>) -> Self {
        let mut sorted: Vec<Box<[u8]>> = keys.into_iter().map(|key| key.into_bytes().into()).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let lengths = sorted.iter().fold(0, |lengths, key| lengths | length_bit(key));
        Self { sorted, lengths }
    }

    #[inline]
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.lengths & length_bit(key) != 0
            && self.sorted.binary_search_by(|known| (**known).cmp(key)).is_ok()
    }
}

#[inline]
fn length_bit(key: &[u8]) -> u64 {
    1 << key.len().min(63)
}

/// What stands for dots, from a setting: tags that are always fields must come back from it.
///
/// # Errors
/// Why it cannot be.
pub fn parse_dot_replacement(text: &str) -> Result<String, String> {
    let comes_back = !text.is_empty() && TagFields::replacing(text).comes_back(b"span.kind", &mut Vec::new());
    if text.contains('.') {
        let why = "the store takes no names with dots where every field is a keyword, as in Jaeger's templates; write @ or another sign";
        return Err(why.to_owned());
    }
    if !comes_back || text.chars().any(|char| char.is_whitespace() || char.is_control()) {
        let why = "with it the field of span.kind would not come back as span.kind; write @ or another sign";
        return Err(why.to_owned());
    }
    Ok(text.to_owned())
}

/// Servers take no name of white space alone.
fn is_white(name: &[u8]) -> bool {
    std::str::from_utf8(name)
        .is_ok_and(|name| name.chars().all(|char| char.is_whitespace() || char.is_control()))
}

/// One key a line; white space around it is not part of it, as in Jaeger.
fn keys_of_file(path: &Path) -> Result<Vec<String>, OpenError> {
    let text =
        fs::read_to_string(path).map_err(|source| OpenError::TagKeys { path: path.to_owned(), source })?;
    Ok(text.lines().map(|line| line.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn can(replacement: &str, key: &str) -> bool {
        TagFields::replacing(replacement).can_be_field(key.as_bytes(), &mut Vec::new())
    }

    fn name(replacement: &str, key: &str) -> String {
        let mut out = Vec::new();
        TagFields::replacing(replacement).write_name(&mut out, key.as_bytes());
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_key_with_the_replacement_in_it_stays_a_tag() {
        assert!(can("@", "http.method") && can("@", "a_b") && can("@", ".") && can("@", "a..b"));
        assert!(
            !can("@", "a@b")
                && !can("@", "")
                && !can("@", " ")
                && !can("@", "\u{2003}")
                && !can("@", "\u{1}a")
        );
        assert!(can("_", "a.b") && !can("_", "http.status_code"));
        assert!(can("__", "http.status_code") && !can("__", "a__b") && !can("__", "a_.b"));
        assert_eq!(name("@", "a.b..c."), "a@b@@c@");
        assert_eq!(name("@", ".\"a\\.b"), "@\"a\\@b");
        assert_eq!(name("\"", "a.b"), "a\"b");
        assert_eq!(name("\\", "a.b"), "a\\b");
    }

    #[test]
    fn a_replacement_from_which_the_kind_does_not_come_back_is_refused() {
        for good in ["@", "_", "__", "#", "→"] {
            assert_eq!(parse_dot_replacement(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", "n", ".", "_._", "\t", "span"] {
            assert!(parse_dot_replacement(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_come_from_the_list_and_from_the_file() {
        let path = std::env::temp_dir().join(format!("spoor-keys-{:016x}", fastrand::u64(..)));
        fs::write(&path, " from.file \r\n\n\tother\nwith space\n").unwrap();
        let config = DocumentConfig {
            tags_as_fields_include: "listed, not trimmed".to_owned(),
            tags_as_fields_config_file: Some(path.clone()),
            ..DocumentConfig::default()
        };
        let fields = TagFields::new(&config);
        fs::remove_file(&path).unwrap();
        let Layout::Listed(keys) = fields.unwrap().layout else { panic!("keys are listed") };
        for key in ["listed", " not trimmed", "from.file", "other", "with space", "span.kind", "error"] {
            assert!(keys.contains(key.as_bytes()), "{key}");
        }
        for key in ["not trimmed", " from.file ", "", "liste", "errors"] {
            assert!(!keys.contains(key.as_bytes()), "{key}");
        }
        let error = TagFields::new(&config).expect_err("the file is gone").to_string();
        assert!(error.contains("config-file") && error.contains("spoor-keys-"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_becomes_a_field_comes_back(key in "[a._@ é]{0,8}", replacement in "[_@#\"\\\\]{1,3}") {
            if can(&replacement, &key) {
                prop_assert_eq!(name(&replacement, &key).replace(&replacement, "."), key);
            }
        }
    }
}
