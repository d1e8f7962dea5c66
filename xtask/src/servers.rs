//! Real servers for tests, benches and trying things out, from Maven artifacts, on 127.0.0.1 only.
//!
//! A test gets one in either way: [`opensearch_url`] is the server shared by the whole run (started once by
//! `cargo xtask test`, or by hand with `cargo xtask servers up`); [`OpenSearch::start`] is one of its own, to stop, kill
//! and start again.

mod artifacts;
mod cluster;
mod distribution;
mod http;
mod java;
mod kafka;
mod kafka_server;
mod nodes;
mod ports;
mod recipe;
mod runner;
mod secured;
mod server;
mod standing;
mod watchdog;

use anyhow::{Context, Result};

pub use artifacts::cache_folder;
pub use java::{Jdk, find as find_jdks};
pub use kafka_server::{Kafka, KafkaSecurity};
pub use nodes::OpenSearchCluster;
pub use ports::{free_address, free_port, free_ports};
pub use secured::{Certificates, SecuredElasticsearch};
pub use standing::{down, status, up};

use recipe::Kind;
use server::Server;

/// The environment variable that hands the shared OpenSearch to tests and benches.
pub const OPENSEARCH_URL: &str = "SPOOR_TEST_OPENSEARCH_URL";

/// The OpenSearch all tests of a run share: `$SPOOR_TEST_OPENSEARCH_URL`, else the one `cargo xtask servers up` left
/// running. Use index prefixes of your own on it.
///
/// # Errors
/// When there is neither; the message says how to get one.
pub fn opensearch_url() -> Result<String> {
    if let Ok(url) = std::env::var(OPENSEARCH_URL) {
        return Ok(url);
    }
    standing::url_of(&runner::OPENSEARCH)?.with_context(|| {
        format!("this test needs OpenSearch: run `cargo xtask test`, or `cargo xtask servers up` first, or set {OPENSEARCH_URL}")
    })
}

/// The environment variable that hands the shared Kafka broker to tests and benches.
pub const KAFKA_BROKERS: &str = "SPOOR_TEST_KAFKA_BROKERS";

/// The Kafka broker all tests of a run share, as `HOST:PORT`: `$SPOOR_TEST_KAFKA_BROKERS`, else the one
/// `cargo xtask servers up kafka` left running. Use topics and groups of your own on it.
///
/// # Errors
/// When there is neither; the message says how to get one.
pub fn kafka_brokers() -> Result<String> {
    if let Ok(brokers) = std::env::var(KAFKA_BROKERS) {
        return Ok(brokers);
    }
    standing::url_of(&kafka::KAFKA)?.with_context(|| {
        format!("this test needs Kafka: run `cargo xtask test`, or `cargo xtask servers up kafka` first, or set {KAFKA_BROKERS}")
    })
}

/// The environment variable that hands the server's version (as `--es.version` has it) to tests of a server that does not
/// tell it.
pub const SERVER_VERSION: &str = "SPOOR_TEST_SERVER_VERSION";

/// A server of another line than the one all tests run on.
pub struct OtherServer {
    recipe: &'static recipe::Recipe,
    server: Server,
}

impl OtherServer {
    /// Names of those that a JDK of this machine can run. Says on standard output which are left out, and why.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let jdks = find_jdks();
        let stores = recipe::ALL[1..].iter().copied().filter(|recipe| recipe.kind == Kind::Store);
        let (runnable, left_out): (Vec<&recipe::Recipe>, Vec<_>) =
            stores.partition(|recipe| !recipe::runnable(recipe.releases, &jdks).is_empty());
        for recipe in left_out {
            println!("left out: {}, which no JDK of this machine runs", recipe.name);
        }
        runnable.iter().map(|recipe| recipe.name).collect()
    }

    /// Starts one and waits until it is ready.
    ///
    /// # Errors
    /// An unknown name; as [`OpenSearch::start`].
    pub fn start(name: &str) -> Result<Self> {
        let recipe = recipe::ALL.iter().find(|recipe| recipe.name == name);
        let recipe = *recipe.with_context(|| format!("no server is called {name}"))?;
        Ok(Self { recipe, server: Server::start(recipe)? })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// What to set as `--es.version`: 0 where the server tells it.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.recipe.untold_version
    }

    /// `127.0.0.1:PORT` for nodes of other clusters, of those that are started as distributions: the seed of a remote cluster.
    #[must_use]
    pub fn transport_address(&self) -> String {
        format!("127.0.0.1:{}", distribution::transport_port(self.server.place()))
    }

    /// Ends it at once (SIGKILL) and keeps what it had on disk; nothing happens when it is not running.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// After [`stop`](Self::stop) or [`kill`](Self::kill): starts it on the same port and data, and waits until it is ready.
    ///
    /// # Errors
    /// When it still runs, or does not get ready (with its log's end).
    pub fn start_again(&mut self) -> Result<()> {
        self.server.start_again()
    }

    /// Ends it.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }
}

/// An OpenSearch of one node, with its own data, on a free port of 127.0.0.1.
///
/// It ends, and its folder goes, when the value is dropped or this process is gone, whatever ended it.
pub struct OpenSearch {
    server: Server,
}

impl OpenSearch {
    /// Starts one and waits until it is ready: about 10 s, the first time on a machine also the download (100 MB).
    ///
    /// # Errors
    /// No fitting JDK, no Maven, no release that resolves, or a server that does not get ready (with its log's end).
    pub fn start() -> Result<Self> {
        Ok(Self { server: Server::start(&runner::OPENSEARCH)? })
    }

    /// As [`start`](Self::start), with Java's machine as in production: for figures of what the store itself spends.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_for_measuring() -> Result<Self> {
        Ok(Self { server: Server::start(&runner::OPENSEARCH_MEASURED)? })
    }

    /// `http://127.0.0.1:PORT`, the same for its whole life.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Ends it in order (SIGTERM) and keeps its data; nothing happens when it is not running.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }

    /// Ends it at once (SIGKILL) and keeps what it had on disk; nothing happens when it is not running.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// Halts it (SIGSTOP) until [`resume`](Self::resume): it takes connections, and answers none.
    ///
    /// # Errors
    /// When it does not run, or the system refuses to signal it.
    pub fn pause(&self) -> Result<()> {
        self.server.pause()
    }

    /// Lets a paused one go on where it was.
    ///
    /// # Errors
    /// When it does not run, or the system refuses to signal it.
    pub fn resume(&self) -> Result<()> {
        self.server.resume()
    }

    /// After [`stop`](Self::stop) or [`kill`](Self::kill): starts it on the same port and data, and waits until it is ready.
    ///
    /// # Errors
    /// When it still runs, or does not get ready (with its log's end).
    pub fn start_again(&mut self) -> Result<()> {
        self.server.start_again()
    }
}
