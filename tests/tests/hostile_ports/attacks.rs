//! What is thrown at the ports, and the answers that are documented for it.

use crate::bodies::{batch, gzip, v1_json, v1_thrift, v2_json, v2_proto, zlib};
use crate::{JSON, PROTOBUF, THRIFT};

const MIB: usize = 1 << 20;

/// A request, and what its answer has to be.
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
    /// What its text begins with.
    pub(crate) text: &'static str,
}

impl Attack {
    pub(crate) fn of(
        name: &str,
        path: &'static str,
        content_type: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let (name, body) = (name.to_owned(), body.into());
        Self { name, path, content_type, encoding: None, body, status: 400, text: "" }
    }

    pub(crate) fn packed(self, encoding: &'static str) -> Self {
        Self { encoding: Some(encoding), ..self }
    }

    pub(crate) fn gets(self, status: u16, text: &'static str) -> Self {
        Self { status, text, ..self }
    }
}

/// What is no batch, and what no batch should be, for port 14268.
pub(crate) fn thrift_attacks() -> Vec<Attack> {
    const PATH: &str = "/api/traces";
    const UNREADABLE: &str = "Unable to process request body: ";
    let good = || batch("attacks", &[77]);
    let to = |name: &str, content_type, body: Vec<u8>| Attack::of(name, PATH, content_type, body);
    let claims = b"\x0c\0\x01\x0b\0\x01\0\0\0\x01s\0\x0f\0\x02\x0c\x7f\xff\xff\xff";
    let empties = [&b"\x0c\0\x01\x0b\0\x01\0\0\0\x01s\0\x0f\0\x02\x0c\0\x10\0\0"[..], &[0; MIB]].concat();
    let nested = |unit: &[u8]| [b"\x0c\0\x01\x0b\0\x01\0\0\0\x01s\0", &unit.repeat(64 << 10)[..]].concat();
    vec![
        to("no content type", "", good()).gets(400, "Cannot parse content type: mime: no media type"),
        to("half a content type", "application/", good()).gets(400, "Cannot parse content type: mime: "),
        to("JSON", JSON, good()).gets(400, "Unsupported content type: application/json"),
        to("Thrift's compact protocol", "application/vnd.apache.thrift.compact", good())
            .gets(400, "Unsupported content type: application/vnd.apache.thrift.compact"),
        to("markup", "text/<b>", good()).gets(400, "Cannot parse content type: mime: "),
        to("parameters", "Application/X-Thrift; q=1", good()).gets(202, ""),
        to("the other name", "application/vnd.apache.thrift.binary", good()).gets(202, ""),
        to("an empty body", THRIFT, Vec::new()).gets(400, UNREADABLE),
        to("a message of another kind", THRIFT, v2_json("x", 1)).gets(400, UNREADABLE),
        to("a list that lies", THRIFT, claims.to_vec()).gets(400, UNREADABLE),
        to("a million empty spans", THRIFT, empties).gets(400, UNREADABLE),
        to("structs in structs", THRIFT, nested(b"\x0c\0\x09")).gets(400, UNREADABLE),
        to("lists of lists", THRIFT, nested(b"\x0f\0\x09\x0f\0\0\0\x01")).gets(400, UNREADABLE),
        to("spans without ids", THRIFT, batch("attacks", &[0, 78]))
            .gets(400, "Cannot submit Jaeger batch: 1 of 2 spans"),
        to("a gzip bomb", THRIFT, gzip(&vec![0; 32 * MIB])).packed("gzip").gets(413, UNREADABLE),
        to("a deflate bomb", THRIFT, zlib(&vec![0; 32 * MIB])).packed("deflate").gets(413, UNREADABLE),
        to("a bomb of good spans", THRIFT, gzip(&batch("attacks", &vec![79; 1 << 20])))
            .packed("gzip")
            .gets(413, UNREADABLE),
        to("torn gzip", THRIFT, gzip(&good())[..40].to_vec()).packed("gzip").gets(400, UNREADABLE),
        to("what is no gzip", THRIFT, good()).packed("gzip").gets(400, UNREADABLE),
        to("what is no deflate", THRIFT, good()).packed("deflate").gets(400, UNREADABLE),
        to("gzip that nobody named", THRIFT, gzip(&good())).gets(400, UNREADABLE),
        to("an unknown encoding", THRIFT, good())
            .packed("br")
            .gets(415, "Cannot submit Jaeger batch: the encoding"),
        to("two encodings", THRIFT, good())
            .packed("gzip, gzip")
            .gets(415, "Cannot submit Jaeger batch: the encoding"),
        to("good gzip", THRIFT, gzip(&good())).packed("gzip").gets(202, ""),
        to("an oversized body", THRIFT, vec![0; 64 * MIB]).gets(413, UNREADABLE),
        Attack::of("another path", "/api/traces/x", THRIFT, good()).gets(404, ""),
    ]
}

/// The encodings of port 9411: name, path, content type, a good body, and how a refusal of a bad one begins.
pub(crate) fn zipkin_formats() -> [(&'static str, &'static str, &'static str, Vec<u8>, &'static str); 4] {
    [
        ("v1 JSON", "/api/v1/spans", JSON, v1_json(81), "cannot decode spans"),
        ("v1 Thrift", "/api/v1/spans", THRIFT, v1_thrift(82), "cannot decode list<Span>"),
        ("v2 JSON", "/api/v2/spans", JSON, v2_json("attacks", 83), "cannot decode spans"),
        ("v2 protobuf", "/api/v2/spans", PROTOBUF, v2_proto(84), "cannot decode ListOfSpans"),
    ]
}

/// What is no list of spans, and what none should be, for port 9411.
pub(crate) fn zipkin_attacks() -> Vec<Attack> {
    let mut attacks = in_each_format();
    attacks.extend(in_one_format());
    attacks
}

fn in_each_format() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, path, content_type, good, bad) in zipkin_formats() {
        let to =
            |name: &str, body: Vec<u8>| Attack::of(&format!("{format}: {name}"), path, content_type, body);
        attacks.extend([
            to("a good one", good.clone()).gets(202, ""),
            to("cut short", good[..good.len() - 1].to_vec()).gets(400, bad),
            to("noise", vec![0xff; 300]).gets(400, bad),
            to("a gzip bomb", gzip(&vec![b' '; 32 * MIB]))
                .packed("gzip")
                .gets(413, "the request is larger than the limit"),
            to("a deflate bomb", zlib(&vec![b' '; 32 * MIB]))
                .packed("deflate")
                .gets(413, "the request is larger than the limit"),
            to("torn gzip", gzip(&good)[..20].to_vec())
                .packed("gzip")
                .gets(400, "the gzip data cannot be decompressed"),
            to("what is no deflate", good.clone())
                .packed("deflate")
                .gets(400, "the deflate data cannot be decompressed"),
            to("an unknown encoding", good.clone())
                .packed("br")
                .gets(415, "the encoding \"br\" is not supported"),
            to("an oversized body", vec![b' '; 64 * MIB]).gets(413, "the request is larger than the limit"),
        ]);
    }
    attacks
}

fn in_one_format() -> Vec<Attack> {
    let to = Attack::of;
    let deep = [r#"[{"traceId":"#.as_bytes(), "[".repeat(500_000).as_bytes()].concat();
    let structs = [&b"\x0c\0\0\0\x01"[..], &b"\x0c\0\x63".repeat(64 << 10)].concat();
    let lists = [&b"\x0c\0\0\0\x01\x0f\0\x63"[..], &b"\x0f\0\0\0\x01".repeat(64 << 10)].concat();
    let groups = [&b"\x0a\xff\xff\x7f"[..], &vec![0x0b; (1 << 21) - 1]].concat();
    let empties = [&b"\x0c\0\x10\0\0"[..], &vec![0; MIB]].concat();
    vec![
        to("v1 JSON 500,000 deep", "/api/v1/spans", JSON, deep.clone()).gets(400, "cannot decode spans"),
        to("v2 JSON 500,000 deep", "/api/v2/spans", JSON, deep).gets(400, "cannot decode spans"),
        to("structs in structs", "/api/v1/spans", THRIFT, structs).gets(400, "cannot decode list<Span>"),
        to("lists of lists", "/api/v1/spans", THRIFT, lists).gets(400, "cannot decode list<Span>"),
        to("a million empty spans", "/api/v1/spans", THRIFT, empties).gets(400, "cannot decode list<Span>"),
        to("groups in groups", "/api/v2/spans", PROTOBUF, groups).gets(400, "cannot decode ListOfSpans"),
        to("a list that lies", "/api/v1/spans", THRIFT, b"\x0c\x7f\xff\xff\xff".to_vec())
            .gets(400, "cannot decode list<Span>"),
        to("protobuf as JSON", "/api/v2/spans", JSON, v2_proto(1)).gets(400, "cannot decode spans"),
        to("protobuf with parameters", "/api/v2/spans", "application/x-protobuf; v=2", v2_proto(1))
            .gets(400, "cannot decode spans"),
        to("v2 where v1 is read", "/api/v1/spans", JSON, v2_json("attacks", 1))
            .gets(400, "cannot decode spans"),
        to("no content type", "/", "", v2_json("attacks", 85)).gets(202, ""),
        to("an empty body", "/api/v2/spans", JSON, Vec::new()).gets(400, "cannot decode spans"),
        to("a span without ids", "/api/v2/spans", JSON, v2_json("attacks", 0)).gets(400, "\"Bad Request\""),
    ]
}
