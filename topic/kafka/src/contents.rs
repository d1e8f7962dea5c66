//! What is in a message of the library's, as ours.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Headers as _};
use spoor_topic::Header;

/// The bytes of key, payload and headers.
pub(crate) fn size(message: &BorrowedMessage<'_>) -> usize {
    let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = message
        .headers()
        .map_or(0, |headers| headers.iter().map(|header| header.key.len() + of(header.value)).sum());
    of(message.key()) + of(message.payload()) + headers
}

/// Cut from the arena, so that not each costs an allocation.
pub(crate) fn copy(arena: &mut BytesMut, bytes: &[u8]) -> Bytes {
    arena.extend_from_slice(bytes);
    arena.split().freeze()
}

pub(crate) fn headers(message: &BorrowedMessage<'_>, arena: &mut BytesMut) -> Vec<Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let owned = headers.iter().map(|header| Header {
        name: header.key.to_owned(),
        value: header.value.map(|value| copy(arena, value)),
    });
    owned.collect()
}

/// By the broker's or the writer's clock, whichever the topic keeps.
pub(crate) fn written(message: &BorrowedMessage<'_>) -> Option<SystemTime> {
    let since = Duration::from_millis(u64::try_from(message.timestamp().to_millis()?).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}
