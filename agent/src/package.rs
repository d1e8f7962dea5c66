//! Spans of one process as one `PostSpans` request, ready for the wire: however often it is sent, nothing is encoded again.

use bytes::Bytes;
use spoor_proto::convert::jaeger_v2::encode_post_spans_of;
use tokio::time::Instant;

use crate::datagram::Format;

/// Compression flag and length before a gRPC message.
const PREFIX: usize = 5;
/// What a package costs in memory beside its bytes, about.
const OVERHEAD: usize = 128;

/// What speaks against a package itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Suspicion {
    /// How often a collector has failed at it for a reason that may be its own.
    pub(crate) failures: u32,
    /// Since when.
    pub(crate) since: Option<Instant>,
}

/// A sealed request.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) format: Format,
    pub(crate) spans: u32,
    pub(crate) suspicion: Suspicion,
    /// The framed message.
    pub(crate) request: Bytes,
}

impl Package {
    /// Seals encoded spans (`encode_batch_span`) and their encoded process (`encode_process`).
    pub(crate) fn seal(format: Format, spans: u32, encoded: &[u8], process: &[u8]) -> Self {
        let mut out = Vec::with_capacity(PREFIX + encoded.len() + process.len() + 24);
        out.resize(PREFIX, 0);
        encode_post_spans_of(&mut out, encoded, process);
        let length = u32::try_from(out.len() - PREFIX).expect("a package is far below 4 GiB");
        out[1..PREFIX].copy_from_slice(&length.to_be_bytes());
        Self::framed(format, spans, out.into())
    }

    /// A request that was framed before.
    pub(crate) fn framed(format: Format, spans: u32, request: Bytes) -> Self {
        Self { format, spans, suspicion: Suspicion::default(), request }
    }

    /// Memory that it holds, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.request.len() + OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use spoor_proto::jaeger::api_v2::PostSpansRequest;

    use super::*;
    use crate::testing;

    #[test]
    fn a_package_is_a_framed_request_of_its_spans_and_their_process() {
        let package = testing::package("shop", 3);
        let (prefix, message) = package.request.split_at(PREFIX);
        assert_eq!(prefix[0], 0);
        assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
        let batch = PostSpansRequest::decode(message).unwrap().batch.unwrap();
        assert_eq!(batch.spans.len(), 3);
        assert_eq!(batch.process.unwrap().service_name, "shop");
        assert!(batch.spans.iter().all(|span| span.process.is_none()));
    }
}
