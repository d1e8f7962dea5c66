//! Addresses of hosts as text: one spelling for each, as Go prints it. Budget: no allocation.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spoor_model::{SpanBatchBuilder, Text};

/// Room for the longest text of an address.
const LONGEST: usize = 45;

/// The text of an address that came as bytes, 4 or 16 of them. Others are told in hex behind a question mark, as Go does.
pub(super) fn from_bytes(builder: &mut SpanBatchBuilder, bytes: &[u8]) -> Text {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return write(builder, Ipv4Addr::from(four).into());
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(sixteen) => write(builder, Ipv6Addr::from(sixteen).into()),
        Err(_) if bytes.is_empty() => Text::EMPTY,
        Err(_) => in_hex(builder, bytes),
    }
}

/// The address that a text spells, spelled as everywhere; `None` for a text that spells none.
pub(super) fn from_text(builder: &mut SpanBatchBuilder, text: &str) -> Option<Text> {
    if text.is_empty() {
        return Some(Text::EMPTY);
    }
    Some(write(builder, text.parse().ok()?))
}

fn write(builder: &mut SpanBatchBuilder, address: IpAddr) -> Text {
    let mut buffer = [0; LONGEST];
    let mut rest = &mut buffer[..];
    // An IPv4 address in IPv6's form is one all the same.
    let written = write!(rest, "{}", address.to_canonical());
    let left = rest.len();
    debug_assert!(written.is_ok(), "it has room");
    builder.text(std::str::from_utf8(&buffer[..LONGEST - left]).unwrap_or_default())
}

#[cold]
fn in_hex(builder: &mut SpanBatchBuilder, bytes: &[u8]) -> Text {
    use std::fmt::Write;
    let mut text = String::from("?");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    builder.text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut builder = SpanBatchBuilder::new();
        let text = from_bytes(&mut builder, bytes);
        builder.batch().str(text).to_owned()
    }

    #[test]
    fn bytes_are_spelled_as_go_spells_them() {
        assert_eq!(text(&[10, 0, 0, 1]), "10.0.0.1");
        assert_eq!(text(&[]), "");
        assert_eq!(text(&Ipv6Addr::LOCALHOST.octets()), "::1");
        assert_eq!(text(&Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets()), "192.0.2.1");
        assert_eq!(text(&[1, 2, 0xab]), "?0102ab");
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse::<Ipv6Addr>().unwrap();
        assert_eq!(text(&longest.octets()), longest.to_string());
    }

    #[test]
    fn texts_are_spelled_in_one_way_or_refused() {
        let mut builder = SpanBatchBuilder::new();
        let mut read = |text: &str| {
            let text = from_text(&mut builder, text)?;
            Some(builder.batch().str(text).to_owned())
        };
        assert_eq!(read("2001:DB8:0:0:0:0:0:1").as_deref(), Some("2001:db8::1"));
        assert_eq!(read("127.0.0.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("").as_deref(), Some(""));
        assert_eq!(read("localhost"), None);
    }
}
