//! Opens what clients are told about sampling.

use std::sync::Arc;

use anyhow::Result;
use spoor_sampling::{FileMetrics, FileStrategies, SamplingKind, StrategyProvider};

use crate::host::{Host, Role};

/// Settings of sampling.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct SamplingArgs {
    #[command(flatten)]
    config: spoor_sampling::Config,
}

/// Who knows how to sample, open.
pub(crate) struct Sampling {
    /// Asked by clients.
    pub(crate) provider: Arc<dyn StrategyProvider>,
    /// What it does meanwhile.
    pub(crate) role: Role,
}

/// Reads what there is.
pub(crate) async fn open(args: &SamplingArgs, host: &mut Host) -> Result<Sampling> {
    match args.config.kind {
        SamplingKind::File => {
            let metrics = FileMetrics::register(&mut host.registry);
            let strategies = Arc::new(FileStrategies::open(&args.config.file, metrics).await?);
            let (provider, shutdown) = (Arc::clone(&strategies), host.shutdown.clone());
            let run = async move {
                strategies.keep_fresh(shutdown).await;
                Ok(())
            };
            Ok(Sampling { provider, role: Role { name: "sampling", run: Box::pin(run) } })
        }
    }
}
