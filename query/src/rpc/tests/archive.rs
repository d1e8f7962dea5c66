//! Keeping a trace, by api_v2.

use spoor_proto::jaeger::api_v2::{ArchiveTraceRequest, GetTraceRequest};
use tonic::Code;

use super::memory_store::memory;
use super::*;
use crate::stores::Archive;

#[tokio::test]
async fn an_archived_trace_is_found_when_the_store_has_it_no_longer() {
    let archive = memory(Vec::new()).await;
    let with_archive = |reader: Arc<FakeReader>| Stores {
        archive: Some(Archive { reader: archive.clone(), writer: archive.clone() }),
        ..Stores::new(reader)
    };
    let request = |low| ArchiveTraceRequest { trace_id: id(low), ..Default::default() };
    let mut before = ClientV2::new(over(&[], with_archive(Arc::new(FakeReader::new(traces())))));
    before.archive_trace(request(0xa)).await.unwrap();
    let unknown = before.archive_trace(request(9)).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, "trace not found"));
    assert_eq!(before.archive_trace(request(0)).await.unwrap_err().code(), Code::InvalidArgument);

    let empty = Arc::new(FakeReader::new(Script::Parts(Vec::new())));
    let mut after = ClientV2::new(over(&[], with_archive(empty)));
    let request = GetTraceRequest { trace_id: id(0xa), ..Default::default() };
    let chunks = all(after.get_trace(request).await.unwrap()).await;
    assert_eq!(chunks.iter().map(|chunk| chunk.spans.len()).sum::<usize>(), 2);
}

#[tokio::test]
async fn without_an_archive_nothing_is_kept() {
    let mut port = Port::with(traces());
    let request = ArchiveTraceRequest { trace_id: id(0xa), ..Default::default() };
    let refused = port.v2.archive_trace(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert_eq!(refused.message(), "archive span storage was not configured");
}
