//! Opens what clients are told about sampling.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use spoor_sampling::{
    Adaptive, AdaptiveStores, CountingWriter, FileMetrics, FileStrategies, SamplingKind, StrategyProvider,
    ThroughputCounter,
};
use spoor_storage::SpanWriter;

use crate::backend::{self, Doors, StorageConfig, StorageKind};
use crate::host::{Host, Role};
use crate::machine::machine_name;

/// Settings of sampling.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct SamplingArgs {
    /// Where adaptive sampling keeps what it knows; by default where spans are, and there is no choice but with --span-storage.type=kafka,
    /// where it has to be set. Jaeger's variable SAMPLING_STORAGE_TYPE sets it too.
    #[arg(
        id = "sampling.storage-type",
        long = "sampling.storage-type",
        value_name = "STORE",
        ignore_case = true
    )]
    storage: Option<StorageKind>,

    #[command(flatten)]
    config: spoor_sampling::Config,
}

impl SamplingArgs {
    /// Whether probabilities are calculated, over a store.
    pub(crate) fn is_adaptive(&self) -> bool {
        self.config.kind == SamplingKind::Adaptive
    }

    /// With this probability where neither a strategy nor a setting says anything.
    pub(crate) fn with_default_probability(mut self, otherwise: f64) -> Self {
        self.config.file = self.config.file.with_default_probability(otherwise);
        self
    }

    /// Checks what no single flag can tell, beside the settings of the store.
    pub(crate) fn validate(&self, spans: &StorageConfig) -> Result<()> {
        self.config.validate()?;
        if !self.is_adaptive() {
            ensure!(
                self.storage.is_none(),
                "--sampling.storage-type: only adaptive sampling stores anything; remove it, or set --sampling.config-type=adaptive"
            );
            return Ok(());
        }
        let is_document_store = |kind| matches!(kind, StorageKind::Elasticsearch | StorageKind::Opensearch);
        match (spans.kind, self.storage) {
            (StorageKind::Kafka, Some(kind)) if is_document_store(kind) => {
                Ok(spans.elasticsearch.validate_with_sampling()?)
            }
            (StorageKind::Kafka, _) => bail!(
                "--sampling.config-type=adaptive: a topic does not keep what adaptive sampling knows; set --sampling.storage-type=elasticsearch and --es.server-urls"
            ),
            (_, None) => Ok(()),
            (of_spans, Some(kind))
                if kind == of_spans || (is_document_store(kind) && is_document_store(of_spans)) =>
            {
                Ok(())
            }
            _ => bail!(
                "--sampling.storage-type: what adaptive sampling knows is kept where spans are; give it the value of --span-storage.type, or remove it"
            ),
        }
    }
}

/// Who knows how to sample, open.
pub(crate) struct Sampling {
    /// Asked by clients.
    pub(crate) provider: Arc<dyn StrategyProvider>,
    /// What it does meanwhile.
    pub(crate) role: Role,
    counter: Option<Arc<ThroughputCounter>>,
}

impl Sampling {
    /// The writer, with the counting that is needed.
    pub(crate) fn counting(&self, writer: Arc<dyn SpanWriter>) -> Arc<dyn SpanWriter> {
        match &self.counter {
            Some(counter) => Arc::new(CountingWriter::new(writer, Arc::clone(counter))),
            None => writer,
        }
    }
}

/// Reads what there is. `doors` are those of the store in which spans are; a topic has none.
pub(crate) async fn open(
    args: &SamplingArgs,
    spans: &StorageConfig,
    doors: Option<&Doors>,
    host: &mut Host,
) -> Result<Sampling> {
    let shutdown = host.shutdown.clone();
    if args.is_adaptive() {
        let stores = match doors {
            Some(Doors { sampling, locks, .. }) => {
                AdaptiveStores { sampling: Arc::clone(sampling), locks: Arc::clone(locks) }
            }
            None => backend::open_sampling(spans, host)?,
        };
        let adaptive = Adaptive::new(&args.config.adaptive, stores, &machine_name(), &mut host.registry);
        let (counter, adaptive) = (Some(adaptive.counter()), Arc::new(adaptive));
        let provider = Arc::clone(&adaptive);
        let run = async move {
            adaptive.run(shutdown).await;
            Ok(())
        };
        return Ok(Sampling { provider, role: Role { name: "sampling", run: Box::pin(run) }, counter });
    }
    let metrics = FileMetrics::register(&mut host.registry);
    let strategies = Arc::new(FileStrategies::open(&args.config.file, metrics).await?);
    let provider = Arc::clone(&strategies);
    let run = async move {
        strategies.keep_fresh(shutdown).await;
        Ok(())
    };
    Ok(Sampling { provider, role: Role { name: "sampling", run: Box::pin(run) }, counter: None })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        storage: StorageConfig,

        #[command(flatten)]
        sampling: SamplingArgs,
    }

    fn validated(args: &[&str]) -> Result<()> {
        let program = Program::try_parse_from(std::iter::once(&"spoor").chain(args))?;
        program.sampling.validate(&program.storage)
    }

    const ADAPTIVE: &str = "--sampling.config-type=adaptive";

    #[test]
    fn adaptive_sampling_keeps_what_it_knows_where_spans_are_or_beside_a_topic() {
        for args in [
            &[][..],
            &[ADAPTIVE],
            &["--sampling.config-type=ADAPTIVE", "--span-storage.type=memory"],
            &[ADAPTIVE, "--sampling.storage-type=opensearch"],
            &[ADAPTIVE, "--span-storage.type=kafka", "--sampling.storage-type=elasticsearch"],
            &["--sampling.config-type=static", "--sampling.strategies-file=x.json"],
        ] {
            validated(args).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        }
        for (args, says) in [
            (&[ADAPTIVE, "--span-storage.type=kafka"][..], "--sampling.storage-type=elasticsearch"),
            (
                &[ADAPTIVE, "--span-storage.type=kafka", "--sampling.storage-type=memory"],
                "--sampling.storage-type=elasticsearch",
            ),
            (&[ADAPTIVE, "--sampling.storage-type=memory"], "where spans are"),
        ] {
            let error = validated(args).unwrap_err().to_string();
            assert!(error.contains(says), "{args:?}: {error}");
        }
        assert!(validated(&[ADAPTIVE, "--sampling.storage-type=cassandra"]).is_err());
    }

    #[test]
    fn a_setting_of_the_other_source_is_refused_by_name() {
        for args in [
            ["--sampling.storage-type=elasticsearch", "--sampling.config-type=file"],
            ["--sampling.target-samples-per-second=2", "--sampling.config-type=file"],
            ["--sampling.delay=1m", "--sampling.config-type=file"],
            ["--sampling.strategies-file=x.json", ADAPTIVE],
            ["--sampling.strategies-reload-interval=1m", ADAPTIVE],
            ["--sampling.strategies.bugfix-5270=false", ADAPTIVE],
            ["--sampling.default-sampling-probability=0.001", ADAPTIVE],
            ["--sampling.min-sampling-probability=0", ADAPTIVE],
        ] {
            let error = validated(&args).unwrap_err().to_string();
            assert!(error.starts_with(args[0].split('=').next().unwrap()), "{error}");
        }
    }
}
