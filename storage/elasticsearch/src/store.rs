//! Opening the store: the pieces put together from the configuration.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::bulk::{BulkMetrics, BulkWriter, Limits};
use crate::client::{Client, Server};
use crate::encode::BulkEncoder;
use crate::index::IndexNames;
use crate::setup::{Readiness, Setup, TemplatesFor};
use crate::template::templates;
use crate::{ArchiveConfig, ArchiveNames, Config, ElasticsearchReader, ElasticsearchWriter};

/// A configuration that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No node named.
    #[error("--es.server-urls names no server")]
    NoServers,
    /// A user name or password that no header can carry.
    #[error("--es.username or --es.password cannot be sent in a header")]
    Credentials,
    /// A version that does not exist.
    #[error(
        "--es.version={0} is not supported; 7, 8, 9 are Elasticsearch, 101, 102, 103 OpenSearch, 0 asks the server"
    )]
    Version(u32),
    /// A prefix that index names cannot have.
    #[error(
        "--es.index-prefix={0} cannot begin the name of an index; it must be lower case, without spaces and \\/*?\"<>|,#:"
    )]
    IndexPrefix(String),
    /// A separator that index names cannot have.
    #[error("--es.index-date-separator={0} cannot be part of the name of an index")]
    DateSeparator(String),
    /// A name that no remote cluster can have.
    #[error("--es.remote-read-clusters names {0:?}, which cannot be the name of a cluster")]
    RemoteCluster(String),
    /// A name that no alias can have.
    #[error("{0:?} cannot be the name of an alias; it must be lower case, without spaces and \\/*?\"<>|,#:")]
    Alias(String),
    /// One alias of a pair.
    #[error("--es.{0}-read-alias and --es.{0}-write-alias go together: set both or none")]
    HalfAnAliasPair(&'static str),
    /// Aliases that nobody uses.
    #[error("--es.{0}-read-alias and --es.{0}-write-alias need --es.use-aliases")]
    AliasesNotUsed(&'static str),
    /// An archive that cannot be told from the store, or with settings that cannot be.
    #[error("the archive cannot be opened: {0}")]
    Archive(String),
    /// TLS could not be set up.
    #[error("prepare TLS for the https URLs of --es.server-urls: {0}")]
    Tls(#[source] spoor_storage::BoxError),
}

/// An Elasticsearch or OpenSearch cluster, to write to and to read from.
///
/// Opening does not wait for the store: version detection and the templates are tried in the background until they
/// succeed, and reads and writes are answered as unavailable with the reason meanwhile.
#[derive(Debug)]
pub struct ElasticsearchStore {
    writer: Arc<ElasticsearchWriter>,
    reader: Arc<ElasticsearchReader>,
    setup: Arc<Setup>,
}

impl Config {
    /// Checks what a single flag cannot tell, without touching the network.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open`].
    pub fn validate(&self) -> Result<(), OpenError> {
        IndexNames::new(&self.indices)?;
        parts(self).map(drop)
    }
}

impl ElasticsearchStore {
    /// Opens the store for writing and reading. Needs a Tokio runtime around it. The metrics go into `registry`.
    ///
    /// # Errors
    /// [`OpenError`] for settings that cannot work; a store that is down is no error.
    pub fn open(config: &Config, registry: &mut Registry) -> Result<Self, OpenError> {
        Self::open_named(config, IndexNames::new(&config.indices)?, registry)
    }

    /// Opens the archive that stands beside a store with the settings `store`. Its metrics have the prefix `archive_`.
    ///
    /// # Errors
    /// [`OpenError`] for settings that cannot work, among them an archive that would be the store itself.
    pub fn open_archive(
        archive: &ArchiveConfig,
        store: &Config,
        registry: &mut Registry,
    ) -> Result<Self, OpenError> {
        let config = archive.beside(store)?;
        let names = match archive.names() {
            ArchiveNames::Single => IndexNames::archive(&config.indices)?,
            ArchiveNames::Dated => IndexNames::ageless(&config.indices)?,
        };
        Self::open_named(&config, names, registry.sub_registry_with_prefix("archive"))
    }

    fn open_named(config: &Config, names: IndexNames, registry: &mut Registry) -> Result<Self, OpenError> {
        let (client, known) = parts(config)?;
        // An archive's indices have the templates of the store's, whose patterns they match.
        let ordinary = IndexNames::new(&config.indices)?;
        let metrics = BulkMetrics::register(registry);
        let templates_for = config.indices.create_index_templates.then(|| {
            let (names, indices) = (ordinary, config.indices.clone());
            Box::new(move |server| templates(server, &names, &indices).to_vec()) as TemplatesFor
        });
        let setup = Arc::new(Setup::start(client.clone(), known, templates_for));
        let bulk = BulkWriter::start(client.clone(), limits(config), metrics);
        let writer = ElasticsearchWriter::new(
            setup.clone(),
            bulk,
            BulkEncoder::named(config, names.clone()),
            registry,
        );
        let reader = ElasticsearchReader::new(client, setup.clone(), names, config);
        Ok(Self { writer: Arc::new(writer), reader: Arc::new(reader), setup })
    }

    /// Opens the store for reading only: no templates are installed, nothing is written.
    ///
    /// # Errors
    /// [`OpenError`], as [`ElasticsearchStore::open`].
    pub fn open_reader(config: &Config) -> Result<Arc<ElasticsearchReader>, OpenError> {
        let (client, known) = parts(config)?;
        let names = IndexNames::new(&config.indices)?;
        let setup = Arc::new(Setup::start(client.clone(), known, None));
        Ok(Arc::new(ElasticsearchReader::new(client, setup, names, config)))
    }

    /// The door in.
    #[must_use]
    pub fn writer(&self) -> Arc<ElasticsearchWriter> {
        self.writer.clone()
    }

    /// The door out.
    #[must_use]
    pub fn reader(&self) -> Arc<ElasticsearchReader> {
        self.reader.clone()
    }

    /// Whether the store can be used, and if not, why: now and whenever it changes.
    #[must_use]
    pub fn readiness(&self) -> tokio::sync::watch::Receiver<Readiness> {
        self.setup.readiness()
    }
}

fn parts(config: &Config) -> Result<(Arc<Client>, Option<Server>), OpenError> {
    let known = match config.connection.version {
        0 => None,
        number => Some(Server::from_number(number).ok_or(OpenError::Version(number))?),
    };
    Ok((Arc::new(Client::new(config)?), known))
}

fn limits(config: &Config) -> Limits {
    Limits {
        bulk_bytes: config.bulk.size as usize,
        bulk_items: config.bulk.actions as usize,
        queue_bytes: config.bulk.queue_size as usize,
        workers: config.bulk.workers as usize,
        flush_interval: config.bulk.flush_interval,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn settings_that_cannot_work_are_named() {
        let refused = |config: Config| {
            ElasticsearchStore::open(&config, &mut Registry::default()).expect_err("refused").to_string()
        };
        let refused_with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            refused(config)
        };
        assert!(refused_with(|config| config.connection.version = 6).contains("--es.version=6"));
        assert!(refused_with(|config| config.indices.prefix = "Ä*".into()).contains("--es.index-prefix"));
        assert!(refused_with(|config| config.connection.server_urls.clear()).contains("--es.server-urls"));
    }
}
