//! Bodies that are good, put together by hand, and how they are packed.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;
use spoor_tests::traffic::now;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory works");
    encoder.finish().expect("writing to memory works")
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory works");
    encoder.finish().expect("writing to memory works")
}

/// A batch in Thrift's binary protocol: the process, and spans that have every field that is required.
pub(crate) fn batch(service: &str, traces: &[u64]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).expect("a short text").to_be_bytes();
    let mut out = [b"\x0c\0\x01\x0b\0\x01", &length(service.len())[..], service.as_bytes(), b"\0"].concat();
    out.extend([b"\x0f\0\x02\x0c", &length(traces.len())[..]].concat());
    for trace in traces {
        let start = (now().0 / 1_000).to_be_bytes();
        for (field, value) in
            [(1_u8, trace.to_be_bytes()), (2, [0; 8]), (3, 1_u64.to_be_bytes()), (4, [0; 8])]
        {
            out.extend([&[10, 0, field][..], &value].concat());
        }
        out.extend(b"\x0b\0\x05\0\0\0\x03get\x08\0\x07\0\0\0\x01");
        out.extend([b"\x0a\0\x08", &start[..], b"\x0a\0\x09\0\0\0\0\0\0\0\x05\0"].concat());
    }
    out.push(0);
    out
}

/// A list of Zipkin's spans in v1's Thrift, of one span.
pub(crate) fn v1_thrift(trace: u64) -> Vec<u8> {
    let mut out = vec![12, 0, 0, 0, 1];
    for (field, value) in [(1_u8, trace), (4, 1), (10, now().0 / 1_000), (11, 5)] {
        out.extend([&[10, 0, field][..], &value.to_be_bytes()].concat());
    }
    out.extend(b"\x0b\0\x03\0\0\0\x03get\0");
    out
}

pub(crate) fn v1_json(trace: u64) -> Vec<u8> {
    json!([{"traceId": format!("{trace:016x}"), "id": "0000000000000001", "name": "get", "timestamp": now().0 / 1_000, "duration": 5}])
        .to_string()
        .into()
}

pub(crate) fn v2_json(service: &str, trace: u64) -> Vec<u8> {
    json!([{"traceId": format!("{trace:016x}"), "id": "1", "name": "get", "timestamp": now().0 / 1_000, "duration": 5,
        "localEndpoint": {"serviceName": service}}])
        .to_string()
        .into()
}

pub(crate) fn v2_proto(trace: u64) -> Vec<u8> {
    let mut span =
        [b"\x0a\x10\0\0\0\0\0\0\0\0", &trace.to_be_bytes()[..], b"\x1a\x08\0\0\0\0\0\0\0\x01\x2a\x03get\x31"]
            .concat();
    span.extend((now().0 / 1_000).to_le_bytes());
    span.extend(b"\x38\x05");
    [&[0x0a, u8::try_from(span.len()).expect("a short span")][..], &span].concat()
}
