//! Which encodings there are, what they are called, and how their records are told apart.

use std::fmt;
use std::str::FromStr;

/// How spans are written into Kafka records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// One api_v2 `Span` a record, its process inside.
    #[default]
    Protobuf,
    /// The same in the JSON of Go's `jsonpb`.
    Json,
    /// One OTLP `TracesData` a record; we write spans of one trace into each.
    OtlpProto,
    /// The same in OTLP's JSON.
    OtlpJson,
    /// A bare list of Zipkin's spans in Thrift's binary protocol. Read, never written.
    ZipkinThrift,
}

/// Each encoding under Jaeger v1's name (and ours), and under Jaeger v2's.
const NAMES: [(Encoding, &str, &str); 5] = [
    (Encoding::Protobuf, "protobuf", "jaeger_proto"),
    (Encoding::Json, "json", "jaeger_json"),
    (Encoding::OtlpProto, "otlp_proto", "otlp_proto"),
    (Encoding::OtlpJson, "otlp_json", "otlp_json"),
    (Encoding::ZipkinThrift, "zipkin-thrift", "zipkin_thrift"),
];

/// A name that no encoding has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEncoding {
    name: String,
    nearest: Option<&'static str>,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Protobuf, Self::Json, Self::OtlpProto, Self::OtlpJson, Self::ZipkinThrift];

    /// Its name in settings; Jaeger v1's where v1 knows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Jaeger v2's name, which settings take as well.
    #[must_use]
    pub fn alias(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        NAMES.iter().find(|row| row.0 == self).map_or(("", ""), |row| (row.1, row.2))
    }

    /// False for the encoding that is only read.
    #[must_use]
    pub fn can_be_written(self) -> bool {
        self != Self::ZipkinThrift
    }

    /// Tells a record's encoding by its first bytes; `None` when it looks like none of them.
    ///
    /// Jaeger writes both ids of a span first, whatever they are, so its protobuf records start with `0A 10`, 16 bytes (or
    /// `0A 08` and 8, from old writers) and `12`, the tag of the span id. An OTLP record has nothing but field 1, so that the byte behind the
    /// same length is another. JSON is told by the name that only OTLP's root has. A Thrift list of structs starts with
    /// `0C` and its length in 4 bytes.
    #[must_use]
    pub fn recognize(record: &[u8]) -> Option<Self> {
        match record {
            [0x0a, 0x10, rest @ ..] if has_span_id_at(rest, 16) => Some(Self::Protobuf),
            [0x0a, 0x08, rest @ ..] if has_span_id_at(rest, 8) => Some(Self::Protobuf),
            [0x0a, ..] => Some(Self::OtlpProto),
            // A span id without a trace id before it, from a writer that leaves out what is zero.
            [0x12, 0x08, ..] => Some(Self::Protobuf),
            [0x0c, 0..0x80, _, _, _, ..] => Some(Self::ZipkinThrift),
            _ => Self::recognize_json(record),
        }
    }

    fn recognize_json(record: &[u8]) -> Option<Self> {
        let rest = record.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        let is_otlp = rest.starts_with(br#""resourceSpans""#) || rest.starts_with(br#""resource_spans""#);
        Some(if is_otlp { Self::OtlpJson } else { Self::Json })
    }
}

fn has_span_id_at(rest: &[u8], at: usize) -> bool {
    rest.get(at) == Some(&0x12)
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes both names of an encoding, in any case.
impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        let is_meant =
            |row: &&(Self, &str, &str)| [row.1, row.2].iter().any(|known| known.eq_ignore_ascii_case(name));
        match NAMES.iter().find(is_meant) {
            Some(row) => Ok(row.0),
            None => Err(UnknownEncoding { name: name.to_owned(), nearest: nearest(name) }),
        }
    }
}

/// The name most like `name`, if any is like it at all.
fn nearest(name: &str) -> Option<&'static str> {
    const ALIKE: f64 = 0.8;
    let name = name.to_ascii_lowercase();
    let scored = NAMES
        .iter()
        .flat_map(|row| [row.1, row.2])
        .map(|known| (strsim::jaro_winkler(&name, known), known))
        .filter(|(score, _)| *score >= ALIKE);
    scored.max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, known)| known)
}

impl fmt::Display for UnknownEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no encoding called {:?}; there are ", self.name)?;
        for (index, (_, name, alias)) in NAMES.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
            if alias != name {
                write!(f, " (or {alias})")?;
            }
        }
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownEncoding {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_found_by_both_of_its_names() {
        for encoding in Encoding::ALL {
            assert_eq!(encoding.name().parse(), Ok(encoding));
            assert_eq!(encoding.alias().to_ascii_uppercase().parse(), Ok(encoding));
            assert_eq!(encoding.to_string(), encoding.name());
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_choices_and_the_nearest() {
        let error = "otlp-proto".parse::<Encoding>().expect_err("spelled otherwise");
        assert_eq!(
            error.to_string(),
            "there is no encoding called \"otlp-proto\"; there are protobuf (or jaeger_proto), json (or jaeger_json), \
             otlp_proto, otlp_json, zipkin-thrift (or zipkin_thrift); did you mean otlp_proto?"
        );
        let error = "avro".parse::<Encoding>().expect_err("nothing like it");
        assert!(!error.to_string().contains("did you mean"), "{error}");
    }

    #[test]
    fn records_are_told_apart_by_their_first_bytes() {
        let id = [7; 16];
        let jaeger = [&b"\x0a\x10"[..], &id, b"\x12\x08", &id[..8]].concat();
        let short = [&b"\x0a\x08"[..], &id[..8], b"\x12\x08", &id[..8]].concat();
        let otlp_of_16_bytes = [&b"\x0a\x10"[..], &id, b"\x0a\x00"].concat();
        let known: [(&[u8], Option<Encoding>); 12] = [
            (&jaeger, Some(Encoding::Protobuf)),
            (&short, Some(Encoding::Protobuf)),
            (&otlp_of_16_bytes, Some(Encoding::OtlpProto)),
            (b"\x0a\x80\x01", Some(Encoding::OtlpProto)),
            (b" {\n\"resourceSpans\":[]}", Some(Encoding::OtlpJson)),
            (b"{\"resource_spans\":[]}", Some(Encoding::OtlpJson)),
            (b"{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\"}", Some(Encoding::Json)),
            (b"\x0c\x00\x00\x00\x01\x0a", Some(Encoding::ZipkinThrift)),
            (b"", None),
            (b"[{}]", None),
            (b"\xff\xfe", None),
            (b"hello", None),
        ];
        for (record, expected) in known {
            assert_eq!(Encoding::recognize(record), expected, "{record:x?}");
        }
    }
}
