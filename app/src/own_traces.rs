//! Own traces of a process: begun when a part of it asks for them, sent until everything else has ended.

use anyhow::Result;
use spoor_tracer::{Exporter, OtelConfig, Tracer};

use crate::host::Host;

/// What a part's own requests are traced with; off for a part that does not want it. One exporter serves all parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnTraces(Tracer);

impl OwnTraces {
    /// Begins to send own traces if any part of the process is to have them: `wanted`.
    pub(crate) fn start(config: &OtelConfig, wanted: bool, service: &str, host: &mut Host) -> Result<Self> {
        if !wanted {
            return Ok(Self::default());
        }
        let (tracer, exporter) = Exporter::start(config, service, &host.certificates, &mut host.registry)?;
        host.own_traces = Some(exporter);
        Ok(Self(tracer))
    }

    /// The tracer of a part, which may not want to be traced.
    pub(crate) fn of_part(&self, wanted: bool) -> Tracer {
        if wanted { self.0.clone() } else { Tracer::default() }
    }
}
