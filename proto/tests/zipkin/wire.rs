//! Zipkin's two binary encodings put together by hand from the field tables: protobuf messages and Thrift's structs.

use spoor_proto::wire::Writer;

/// A `ListOfSpans` of spans with these encoded fields.
pub(crate) fn list_of_spans<'a>(spans: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for span in spans {
        Writer::new(&mut out).bytes(1, span);
    }
    out
}

pub(crate) fn message(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

/// A Thrift struct out of its fields.
pub(crate) fn thrift(fields: &[Vec<u8>]) -> Vec<u8> {
    [fields.concat(), vec![0]].concat()
}

/// A Thrift list of structs.
pub(crate) fn thrift_list(structs: &[Vec<u8>]) -> Vec<u8> {
    let count = i32::try_from(structs.len()).expect("few").to_be_bytes();
    [&[12][..], &count, &structs.concat()].concat()
}

pub(crate) fn field(kind: u8, id: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0, id][..], value].concat()
}

pub(crate) fn i64_field(id: u8, value: i64) -> Vec<u8> {
    field(10, id, &value.to_be_bytes())
}

pub(crate) fn i32_field(id: u8, value: i32) -> Vec<u8> {
    field(8, id, &value.to_be_bytes())
}

pub(crate) fn bytes_field(id: u8, value: &[u8]) -> Vec<u8> {
    let length = i32::try_from(value.len()).expect("short").to_be_bytes();
    field(11, id, &[&length, value].concat())
}

pub(crate) fn endpoint(ipv4: i32, port: i16, service: &str) -> Vec<u8> {
    thrift(&[i32_field(1, ipv4), field(6, 2, &port.to_be_bytes()), bytes_field(3, service.as_bytes())])
}
