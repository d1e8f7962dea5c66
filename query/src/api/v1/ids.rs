//! What stands in a path: trace ids in hex or base64, service names with anything in them.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use spoor_model::{ParseIdError, TraceId};

use crate::api::status::Failure;

/// The longest base64 text of 16 bytes, padding included.
const MAX_BASE64_ID: usize = 24;

/// Reads 1 to 32 hex digits.
pub(super) fn parse_hex_id(text: &str) -> Result<TraceId, ParseIdError> {
    text.parse()
}

/// Reads the last segment of a path, as [`trace_id_of_segment`] does, and says what is wrong with it.
pub(super) fn parse_path_id(segment: &str) -> Result<TraceId, Failure> {
    trace_id_of_segment(segment).map_err(Failure::bad_request)
}

/// Reads a segment of a path, still percent-encoded: hex first, then base64 (standard or URL alphabet, padded or not) of 8 or 16
/// bytes. The error is a sentence with the text in it.
pub(in crate::api) fn trace_id_of_segment(segment: &str) -> Result<TraceId, String> {
    let text = percent_decode_str(segment).decode_utf8_lossy();
    parse_hex_id(&text)
        .or_else(|not_hex| parse_base64_id(&text).ok_or(not_hex))
        .map_err(|cause| format!("{text:?} is no trace id: {cause}"))
}

fn parse_base64_id(text: &str) -> Option<TraceId> {
    if text.len() > MAX_BASE64_ID {
        return None;
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decode = |alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok();
    TraceId::from_bytes(&decode(&STANDARD).or_else(|| decode(&URL_SAFE))?)
}

/// The service in `/api/services/{service}/operations`, the path as it was sent. The name may span several segments (Grafana sends
/// a bare `/`). It is decoded once, `+` meaning a space and `%2B` a plus, as Jaeger up to 2.15 did; later ones decode twice, which
/// makes names with a `+` or `%` unreachable. `None` when the path is another one.
pub(super) fn service_of_path(path: &str) -> Option<Result<String, Failure>> {
    let name = path.strip_prefix("/api/services/")?.strip_suffix("/operations")?;
    if name.is_empty() {
        return None;
    }
    let spaced = name.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned);
    Some(decoded.map_err(|_| Failure::bad_request("the service's name in the path is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(path: &str) -> Option<String> {
        service_of_path(path).map(|service| service.unwrap())
    }

    #[test]
    fn service_names_come_through_whatever_is_in_them() {
        for (path, name) in [
            ("/api/services/shop/operations", "shop"),
            ("/api/services/a%2Fb/operations", "a/b"),
            ("/api/services/a/b/operations", "a/b"),
            ("/api/services/a/operations/operations", "a/operations"),
            ("/api/services/a+b/operations", "a b"),
            ("/api/services/a%20b/operations", "a b"),
            ("/api/services/a%2Bb/operations", "a+b"),
            ("/api/services/100%25/operations", "100%"),
            ("/api/services/100%/operations", "100%"),
            ("/api/services/%C3%BC/operations", "ü"),
            ("/api/services///operations", "/"),
        ] {
            assert_eq!(service(path).as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn other_paths_below_services_name_no_service() {
        for path in
            ["/api/services/", "/api/services/a", "/api/services//operations", "/api/services/a/operationsx"]
        {
            assert!(service_of_path(path).is_none(), "{path}");
        }
        assert!(service_of_path("/api/services/%ff/operations").unwrap().is_err());
    }

    #[test]
    fn ids_are_hex_first_and_base64_second() {
        let id = TraceId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0ffb);
        for text in [
            "0102030405060708090a0b0c0d0e0ffb",
            "102030405060708090A0B0C0D0E0FFB",
            "AQIDBAUGBwgJCgsMDQ4P%2Bw%3D%3D",
            "AQIDBAUGBwgJCgsMDQ4P+w==",
            "AQIDBAUGBwgJCgsMDQ4P-w",
        ] {
            assert_eq!(parse_path_id(text).ok(), Some(id), "{text}");
        }
        assert_eq!(parse_path_id("AQIDBAUGBwg=").ok(), Some(TraceId(0x0102_0304_0506_0708)));
        assert_eq!(
            parse_path_id("abcdabcdabcd").ok(),
            Some(TraceId(0xabcd_abcd_abcd)),
            "hex although base64 too"
        );
        for text in ["", "xyz", "0102030405060708090a0b0c0d0e0ffb0", "AQIDBAUGBwgJCgsMDQ4P+w==AAAA", "%ff"] {
            assert!(parse_path_id(text).is_err(), "{text}");
        }
    }
}
