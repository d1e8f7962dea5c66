//! One request for each encoding that has every field.

use serde_json::Value;
use spoor_proto::convert::zipkin::{decode_v1_json, decode_v1_thrift, decode_v2_json, decode_v2_proto};
use spoor_proto::wire::Writer;

use crate::wire::{
    bytes_field, endpoint, field, i32_field, i64_field, list_of_spans, message, thrift, thrift_list,
};
use crate::{NOW, described};

const V2_JSON: &str = include_str!("../../testdata/zipkin_v2_every_field.json");
const V2_TEXT: &str = include_str!("../../testdata/zipkin_v2_every_field.txt");
const V1_JSON: &str = include_str!("../../testdata/zipkin_v1_every_field.json");
const V1_TEXT: &str = include_str!("../../testdata/zipkin_v1_every_field.txt");

/// The request of the JSON file in protobuf.
pub(crate) fn v2_proto() -> Vec<u8> {
    let json: Value = serde_json::from_str(V2_JSON).expect("valid");
    let first = message(|span| {
        v2_head(span);
        for told in json[0]["annotations"].as_array().expect("annotations") {
            span.message(10, |annotation| {
                annotation.fixed64(1, told["timestamp"].as_u64().expect("a time"));
                annotation.string(2, told["value"].as_str().expect("text"));
            });
        }
        v2_tags(span, &json[0]);
        span.varint(12, 1);
        span.varint(13, 1);
        span.string(99, "unknown");
    });
    let second = message(|span| {
        // 8 bytes are the low half.
        span.bytes(1, &0xabc_u64.to_be_bytes());
        span.bytes(2, &1_u64.to_be_bytes());
        span.bytes(3, &1_u64.to_be_bytes());
        span.varint(7, 7);
        v2_tags(span, &json[2]);
    });
    list_of_spans([&first[..], &second])
}

fn v2_head(span: &mut Writer<'_>) {
    span.bytes(1, &0x5b8e_fff7_9803_8103_d269_b633_813f_c60c_u128.to_be_bytes());
    span.bytes(2, &0xeee1_9b7e_c3c1_b173_u64.to_be_bytes());
    span.bytes(3, &0xeee1_9b7e_c3c1_b174_u64.to_be_bytes());
    span.varint(4, 2);
    span.string(5, "get /cart");
    span.fixed64(6, 1_544_712_660_000_001);
    span.varint(7, 1500);
    span.message(8, |local| {
        local.string(1, "cart");
        local.bytes(2, &[10, 0, 0, 1]);
        local.varint(4, 8080);
    });
    span.message(9, |remote| {
        remote.string(1, "shop");
        remote.bytes(2, &[10, 0, 0, 2]);
        remote.bytes(3, &"2001:db8::1".parse::<std::net::Ipv6Addr>().expect("an address").octets());
        remote.varint(4, 40000);
    });
}

fn v2_tags(span: &mut Writer<'_>, json: &Value) {
    for (key, value) in json["tags"].as_object().expect("tags") {
        span.message(11, |entry| {
            entry.string(1, key);
            entry.string(2, value.as_str().expect("text"));
        });
    }
}

const LOW: u64 = 0xd269_b633_813f_c60c;

/// The request of the JSON file in Thrift.
pub(crate) fn v1_thrift() -> Vec<u8> {
    let second = thrift(&[
        id_field(1, LOW),
        id_field(4, 0xeee1_9b7e_c3c1_b175),
        bytes_field(3, b"local"),
        list_field(
            6,
            &[
                annotation(1_544_712_660_000_300, "last", None),
                annotation(1_544_712_660_000_200, "first", None),
            ],
        ),
        list_field(8, &[binary("lc", b"batch job", 6, None), binary("error", b"no disk", 6, None)]),
    ]);
    let third =
        thrift(&[id_field(1, LOW), id_field(4, 0xeee1_9b7e_c3c1_b176), bytes_field(3, b"never began")]);
    thrift_list(&[v1_first(), second, third])
}

fn v1_first() -> Vec<u8> {
    let cart = || Some(endpoint(0x0a00_0001, 8080, "cart"));
    // Ports are unsigned.
    let shop = endpoint(0x0a00_0002, 40000_u16.cast_signed(), "shop");
    let annotations = [
        annotation(1_544_712_660_000_050, "wr", Some(endpoint(0, 0, "not a core annotation's"))),
        annotation(1_544_712_660_000_001, "sr", cart()),
        annotation(1_544_712_660_001_501, "ss", cart()),
    ];
    let tags = [
        binary("http.path", b"/cart", 6, Some(endpoint(0, 0, "cart"))),
        binary("http.status_code", b"503", 6, None),
        binary("retries", &3_i64.to_be_bytes(), 4, None),
        binary("ca", &[1], 0, Some(shop)),
    ];
    thrift(&[
        id_field(1, LOW),
        id_field(12, 0x5b8e_fff7_9803_8103),
        id_field(4, 0xeee1_9b7e_c3c1_b174),
        id_field(5, 0xeee1_9b7e_c3c1_b173),
        bytes_field(3, b"get /cart"),
        list_field(6, &annotations),
        list_field(8, &tags),
        field(2, 9, &[1]),
        i64_field(10, 1_544_712_660_000_001),
        i64_field(11, 1500),
        bytes_field(77, b"unknown"),
    ])
}

fn annotation(timestamp: i64, value: &str, host: Option<Vec<u8>>) -> Vec<u8> {
    let mut fields = vec![i64_field(1, timestamp), bytes_field(2, value.as_bytes())];
    fields.extend(host.map(|host| field(12, 3, &host)));
    thrift(&fields)
}

fn binary(key: &str, value: &[u8], kind: i32, host: Option<Vec<u8>>) -> Vec<u8> {
    let mut fields = vec![bytes_field(1, key.as_bytes()), bytes_field(2, value), i32_field(3, kind)];
    fields.extend(host.map(|host| field(12, 4, &host)));
    thrift(&fields)
}

fn id_field(id: u8, value: u64) -> Vec<u8> {
    i64_field(id, value.cast_signed())
}

fn list_field(id: u8, structs: &[Vec<u8>]) -> Vec<u8> {
    field(15, id, &thrift_list(structs))
}

#[test]
fn every_field_of_v2_in_json_is_read() {
    assert_eq!(described(&decode_v2_json(V2_JSON.as_bytes()).expect("valid")), V2_TEXT);
}

#[test]
fn v2_in_protobuf_says_the_same() {
    assert_eq!(described(&decode_v2_proto(v2_proto().into(), false).expect("valid")), V2_TEXT);
}

#[test]
fn every_field_of_v1_in_json_is_read() {
    assert_eq!(described(&decode_v1_json(V1_JSON.as_bytes(), NOW).expect("valid")), V1_TEXT);
}

#[test]
fn v1_in_thrift_says_the_same() {
    assert_eq!(described(&decode_v1_thrift(v1_thrift().into(), NOW).expect("valid")), V1_TEXT);
}

#[test]
fn refuses_the_golden_requests_cut_short_at_any_byte() {
    for length in 0..V2_JSON.trim_end().len() {
        assert!(decode_v2_json(&V2_JSON.as_bytes()[..length]).is_err(), "{length} bytes");
    }
    for length in 0..V1_JSON.trim_end().len() {
        assert!(decode_v1_json(&V1_JSON.as_bytes()[..length], NOW).is_err(), "{length} bytes");
    }
    let thrift = v1_thrift();
    for length in 0..thrift.len() {
        assert!(decode_v1_thrift(thrift[..length].to_vec().into(), NOW).is_err(), "{length} bytes");
    }
}
