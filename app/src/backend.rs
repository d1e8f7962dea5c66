//! Opens the store that the settings name. The only place, besides tests, that knows which stores exist.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use spoor_ingester::StoreAway;
use spoor_query::{Archive, Stores};
use spoor_sampling::AdaptiveStores;
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::write::{RetryMetrics, RetryPolicy, RetryingWriter};
use spoor_storage::{LeaseLock, MetricsReader, SamplingStore, SpanWriter};
use spoor_storage_elasticsearch::{
    ArchiveConfig, ElasticsearchReader, ElasticsearchSampling, ElasticsearchStore, Readiness,
};
use tokio::sync::watch;

use crate::health::Health;
use crate::host::Host;

/// The stores there are, and Jaeger's that are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StorageKind {
    /// In this process's memory: gone with it.
    Memory,
    /// Elasticsearch 7, 8, 9.
    Elasticsearch,
    /// OpenSearch 1, 2, 3; the same code, found out by asking the server.
    Opensearch,
    /// Records of a Kafka topic, which ingesters store.
    Kafka,
}

/// Settings of the store.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct StorageConfig {
    /// Where spans are stored. Jaeger's variable SPAN_STORAGE_TYPE sets it too.
    #[arg(
        id = "span-storage.type",
        long = "span-storage.type",
        default_value = "elasticsearch",
        value_name = "STORE",
        ignore_case = true
    )]
    pub(crate) kind: StorageKind,

    #[command(flatten)]
    pub(crate) elasticsearch: spoor_storage_elasticsearch::Config,
}

/// An open store.
pub(crate) struct Backend {
    /// Repeats what the store leaves unfinished.
    pub(crate) writer: Arc<dyn SpanWriter>,
    /// For a role that repeats by itself, and counts it here.
    pub(crate) plain: PlainWriter,
    /// For a query role.
    pub(crate) doors: Doors,
}

/// What a query role and its job use of a store.
pub(crate) struct Doors {
    /// What is asked; the archive is opened apart from it, and the settings say who computes metrics.
    pub(crate) stores: Stores,
    /// Metrics computed from the store's spans.
    pub(crate) span_metrics: Arc<dyn MetricsReader>,
    /// By which processes over one store elect one of them.
    pub(crate) locks: Arc<dyn LeaseLock>,
    /// What adaptive sampling remembers.
    pub(crate) sampling: Arc<dyn SamplingStore>,
}

/// The store's own door in, and the counters of whoever repeats writes.
#[derive(Clone)]
pub(crate) struct PlainWriter {
    pub(crate) writer: Arc<dyn SpanWriter>,
    pub(crate) retries: RetryMetrics,
    /// Whether it can be reached, for who writes little.
    pub(crate) away: StoreAway,
}

impl PlainWriter {
    /// A writer that repeats what the store leaves unfinished.
    pub(crate) fn retrying(&self) -> RetryingWriter<Arc<dyn SpanWriter>> {
        RetryingWriter::new(Arc::clone(&self.writer), RetryPolicy::default(), self.retries.clone())
    }
}

impl StorageConfig {
    /// Checks the settings of the store that is chosen, for a role that samples adaptively if `samples`.
    pub(crate) fn validate(&self, samples: bool) -> Result<()> {
        match self.kind {
            StorageKind::Memory => Ok(()),
            StorageKind::Kafka => Err(is_no_store()),
            StorageKind::Elasticsearch | StorageKind::Opensearch if samples => {
                Ok(self.elasticsearch.validate_with_sampling()?)
            }
            StorageKind::Elasticsearch | StorageKind::Opensearch => Ok(self.elasticsearch.validate()?),
        }
    }

    /// Checks the settings of the archive, if there is one.
    pub(crate) fn validate_archive(&self, archive: &ArchiveConfig) -> Result<()> {
        if !archive.enabled() {
            return Ok(());
        }
        if matches!(self.kind, StorageKind::Memory | StorageKind::Kafka) {
            bail!("--es-archive.enabled: this store has no archive; set --span-storage.type=elasticsearch");
        }
        Ok(ElasticsearchStore::validate_archive(archive, &self.elasticsearch)?)
    }

    /// As [`StorageConfig::validate`], for a role that shares the store with other processes: memory is refused, since nobody else
    /// could read it.
    pub(crate) fn validate_shared(&self) -> Result<()> {
        self.validate_shared_for(false)
    }

    /// As [`StorageConfig::validate_shared`], for a role that samples adaptively if `samples`.
    pub(crate) fn validate_shared_for(&self, samples: bool) -> Result<()> {
        if self.kind == StorageKind::Memory {
            bail!(
                "--span-storage.type=memory: the memory store lives in one process; use `spoor all-in-one`, or elasticsearch here"
            );
        }
        self.validate(samples)
    }
}

/// What a role is told that is to read spans out of Kafka.
fn is_no_store() -> anyhow::Error {
    anyhow::anyhow!(
        "--span-storage.type=kafka: a topic is no store that could be asked; only `spoor collector` writes to it, set elasticsearch here"
    )
}

/// Opens the archive, if there is one. Its writer repeats what the archive leaves unfinished, as the store's does. An archive that is
/// not ready says so in its answers and in the log; questions about the store do not wait for it.
pub(crate) fn open_archive(
    archive: &ArchiveConfig,
    config: &StorageConfig,
    host: &mut Host,
) -> Result<Option<Archive>> {
    config.validate_archive(archive)?;
    if !archive.enabled() {
        return Ok(None);
    }
    let store = ElasticsearchStore::open_archive(archive, &config.elasticsearch, &mut host.registry)
        .context("open the archive")?;
    let connection = archive.beside(&config.elasticsearch)?.connection;
    connection.report_certificates("--es-archive.tls", &host.certificates)?;
    let metrics = RetryMetrics::register(host.registry.sub_registry_with_prefix("archive"));
    let writer = RetryingWriter::new(store.writer(), RetryPolicy::default(), metrics);
    Ok(Some(Archive { reader: store.reader(), writer: Arc::new(writer) }))
}

/// Opens the store of a role that writes and shares it with other processes: what only questions need is not its business.
pub(crate) fn open_shared(config: &StorageConfig, host: &mut Host) -> Result<Backend> {
    let (backend, store) = open_elasticsearch(&config.elasticsearch, host)?;
    report_certificates(config, host)?;
    report_readiness("store", store.writer().readiness(), host.health.clone());
    Ok(backend)
}

/// Opens the store of a role that only reads: nothing is installed in it, but what a job writes brings its template along.
pub(crate) fn open_reader(config: &StorageConfig, host: &Host) -> Result<Doors> {
    config.validate_shared()?;
    let (reader, sampling) =
        ElasticsearchStore::open_with_locks(&config.elasticsearch).context("open the store")?;
    report_certificates(config, host)?;
    report_readiness("store", reader.readiness(), host.health.clone());
    Ok(doors(&reader, sampling))
}

/// Opens what adaptive sampling needs of a store, for a role that has no other business with it.
pub(crate) fn open_sampling(config: &StorageConfig, host: &Host) -> Result<AdaptiveStores> {
    let (_, sampling) = ElasticsearchStore::open_with_locks(&config.elasticsearch)
        .context("open the store of adaptive sampling")?;
    report_certificates(config, host)?;
    Ok(AdaptiveStores { sampling: sampling.clone(), locks: sampling })
}

/// As [`open_reader`], for a command, whose readiness nobody asks for.
pub(crate) fn open_unwatched(config: &StorageConfig) -> Result<Stores> {
    Ok(stores(&ElasticsearchStore::open_reader(&config.elasticsearch).context("open the store")?))
}

fn doors(reader: &Arc<ElasticsearchReader>, sampling: Arc<ElasticsearchSampling>) -> Doors {
    let locks = sampling.clone();
    Doors { stores: stores(reader), span_metrics: Arc::new(reader.span_metrics()), locks, sampling }
}

fn stores(reader: &Arc<ElasticsearchReader>) -> Stores {
    Stores { dependencies: Some(Arc::new(reader.dependencies())), ..Stores::new(reader.clone()) }
}

/// Opens the store of the all-in-one.
pub(crate) fn open_any(config: &StorageConfig, memory: &memory::Config, host: &mut Host) -> Result<Backend> {
    match config.kind {
        StorageKind::Memory => {
            let store = Arc::new(MemoryStore::new(memory, &mut host.registry));
            let retries = RetryMetrics::register(&mut host.registry);
            let plain = PlainWriter { writer: store.clone(), retries, away: StoreAway::by(|| None) };
            let stores = Stores { dependencies: Some(store.clone()), ..Stores::new(store.clone()) };
            let doors =
                Doors { stores, span_metrics: store.clone(), locks: store.clone(), sampling: store.clone() };
            Ok(Backend { writer: store, plain, doors })
        }
        StorageKind::Elasticsearch | StorageKind::Opensearch => {
            let (backend, store) = open_elasticsearch(&config.elasticsearch, host)?;
            report_certificates(config, host)?;
            report_readiness("store", store.readiness(), host.health.clone());
            Ok(backend)
        }
        StorageKind::Kafka => Err(is_no_store()),
    }
}

/// The writer repeats what the store leaves unfinished.
fn open_elasticsearch(
    config: &spoor_storage_elasticsearch::Config,
    host: &mut Host,
) -> Result<(Backend, ElasticsearchStore)> {
    let store = ElasticsearchStore::open(config, &mut host.registry).context("open the store")?;
    let retries = RetryMetrics::register(&mut host.registry);
    let watch = store.writer().watch();
    let away = StoreAway::by(move || watch.away().map(|away| (away.since, away.reason)));
    let plain = PlainWriter { writer: Arc::new(store.writer()), retries, away };
    let writer = Arc::new(plain.retrying());
    let doors = doors(&store.reader(), store.sampling());
    Ok((Backend { writer, plain, doors }, store))
}

/// Tells when the certificates end with which the store was just opened.
fn report_certificates(config: &StorageConfig, host: &Host) -> Result<()> {
    Ok(config.elasticsearch.connection.report_certificates("--es.tls", &host.certificates)?)
}

/// Reports the store's readiness at once, so that the role never looks ready before the first word of the store, and from then on.
fn report_readiness(part: &'static str, mut readiness: watch::Receiver<Readiness>, health: Health) {
    health.report(part, problem(&readiness.borrow_and_update()));
    tokio::spawn(async move {
        while readiness.changed().await.is_ok() {
            health.report(part, problem(&readiness.borrow_and_update()));
        }
    });
}

fn problem(readiness: &Readiness) -> Option<String> {
    match readiness {
        Readiness::Starting => Some("it has not answered yet".to_owned()),
        Readiness::NotReady(reason) => Some(reason.clone()),
        Readiness::Ready(_) => None,
    }
}
