//! Copying a trace to where it is kept longer.

use spoor_model::TraceLookup;
use spoor_storage::{ReadError, RequestContext, WriteError};

use super::Service;

/// Why a trace was not archived.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// There is no archive; Jaeger's words.
    #[error("archive span storage was not configured")]
    NoArchive,
    /// Neither store has the trace.
    #[error("trace not found")]
    NotFound,
    /// A part of a trace is not archived as if it were the trace.
    #[error(
        "the trace is larger than what is read of one trace (--query.max-answer-bytes); nothing was archived"
    )]
    TooLarge,
    /// The trace could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The archive did not take all of it.
    #[error("write to the archive: {0}")]
    Write(#[from] WriteError),
    /// The archive will never take some of it.
    #[error(
        "the archive refuses {refused} of {spans} spans, the others are archived; the first, {span_id}: {reason}"
    )]
    Refused { refused: usize, spans: usize, span_id: spoor_model::SpanId, reason: String },
}

impl Service {
    /// Copies the trace into the archive; done when each of its spans is stored there. It is copied as it was received, not as it is
    /// shown: whoever reads it has it adjusted then. Doing it again changes nothing.
    pub(crate) async fn archive(
        &self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<(), ArchiveError> {
        let archive = self.stores.archive.as_ref().ok_or(ArchiveError::NoArchive)?;
        let found = self.traces(context, std::slice::from_ref(lookup), true).await?;
        if found.omitted || found.cut {
            return Err(ArchiveError::TooLarge);
        }
        let trace = found.traces.first().ok_or(ArchiveError::NotFound)?;
        let written = archive.writer.write(context, trace).await?;
        match written.rejected.first() {
            None => Ok(()),
            Some(first) => Err(ArchiveError::Refused {
                refused: written.rejected.len(),
                spans: trace.len(),
                span_id: first.span_id,
                reason: first.reason.clone(),
            }),
        }
    }
}
