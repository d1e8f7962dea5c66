//! [`FileStrategies`]: strategies out of a file, or from an address, in Jaeger's format.
//! Facts: `jaegertracing/jaeger plugin/sampling/strategyprovider/static/provider.go`.
//!
//! What Jaeger gets wrong is not repeated: an address that answers 503 at the start is asked again, and a reading that fails never
//! replaces strategies by the defaults.

mod document;
mod metrics;
mod redirect;
mod resolve;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::config::FileConfig;
use crate::{Strategy, StrategyError, StrategyProvider};
use document::Document;
pub use document::DocumentError;
pub use metrics::FileMetrics;
use source::Source;
pub use source::SourceError;

/// How often a source that has not answered yet is asked, at least.
const FIRST_TRIES: Duration = Duration::from_secs(10);

/// Strategies that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// They cannot be read.
    #[error("read the sampling strategies of --sampling.strategies-file={place}: {problem}")]
    Source {
        /// The file or address, without password.
        place: String,
        /// In words that stand for themselves.
        problem: SourceError,
    },
    /// They are wrong.
    #[error("read the sampling strategies of --sampling.strategies-file={place}: {problem}")]
    Document {
        /// The file or address, without password.
        place: String,
        /// In words that stand for themselves.
        problem: DocumentError,
    },
}

impl FileError {
    /// Whether the same source may have strategies a moment later, so that a process need not give up at its start.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Source { problem, .. } if problem.may_pass())
    }
}

/// Strategies by service.
#[derive(Debug, Clone, PartialEq)]
struct Strategies {
    default: Arc<Strategy>,
    services: HashMap<String, Arc<Strategy>>,
}

/// Strategies out of a file or from an address; the defaults without one.
#[derive(Debug)]
pub struct FileStrategies {
    current: RwLock<Arc<Strategies>>,
    config: FileConfig,
    source: Option<Source>,
    metrics: FileMetrics,
    /// What was last read, so that nothing is done while it stays the same; nothing before the first success.
    last: tokio::sync::Mutex<Option<Vec<u8>>>,
}

impl FileStrategies {
    /// Reads the strategies. Where an address has nobody who answers, or who has none yet, the defaults hold until it does.
    ///
    /// # Errors
    /// [`FileError`] for a file that is not there or wrong, and an address that answers with anything but strategies.
    pub async fn open(config: &FileConfig, metrics: FileMetrics) -> Result<Self, FileError> {
        let source = config.strategies.as_deref().map(Source::new).transpose();
        let source = source.map_err(|problem| FileError::Source {
            place: source::shown(config.strategies.as_deref().unwrap_or_else(|| "".as_ref())),
            problem,
        })?;
        let strategies = Self {
            current: RwLock::new(Arc::new(resolve::defaults(config.probability()))),
            config: config.clone(),
            source,
            metrics,
            last: tokio::sync::Mutex::new(None),
        };
        match strategies.read_again().await {
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "the default sampling probability holds until the strategies can be read");
            }
            result => result?,
        }
        Ok(strategies)
    }

    /// Reads the strategies again, as often as the settings say, until `shutdown`.
    pub async fn keep_fresh(&self, shutdown: CancellationToken) {
        let mut failing = false;
        loop {
            let interval = self.config.reload_interval;
            let is_read = self.source.is_none() || self.last.lock().await.is_some();
            let pause = match (is_read, interval.is_zero()) {
                (true, true) => return shutdown.cancelled().await,
                (true, false) => interval,
                (false, true) => FIRST_TRIES,
                (false, false) => interval.min(FIRST_TRIES),
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            match self.read_again().await {
                Ok(()) if failing => {
                    tracing::info!("the sampling strategies can be read again");
                    failing = false;
                }
                Ok(()) => {}
                Err(error) if failing => tracing::debug!(%error, "the sampling strategies stay as they are"),
                Err(error) => {
                    tracing::warn!(%error, "the sampling strategies stay as they are; trying again");
                    failing = true;
                }
            }
        }
    }

    /// Takes over what the source has, if it is right and has changed.
    ///
    /// # Errors
    /// [`FileError`]; then the strategies are as before.
    pub async fn read_again(&self) -> Result<(), FileError> {
        let Some(source) = &self.source else { return Ok(()) };
        let result = self.read(source).await;
        self.metrics.read(result.is_ok());
        result
    }

    async fn read(&self, source: &Source) -> Result<(), FileError> {
        let place = || source.to_string();
        let bytes = source.read().await.map_err(|problem| FileError::Source { place: place(), problem })?;
        let mut last = self.last.lock().await;
        if last.as_ref() == Some(&bytes) {
            return Ok(());
        }
        let mut warnings = Vec::new();
        let document = Document::read(&bytes, self.config.probability(), &mut warnings)
            .map_err(|problem| FileError::Document { place: place(), problem })?;
        for warning in &warnings {
            tracing::warn!(source = %source, "sampling strategies: {warning}");
        }
        let strategies = resolve::resolve(&document, &self.config);
        tracing::info!(source = %source, services = strategies.services.len(), "sampling strategies were read");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(strategies);
        *last = Some(bytes);
        Ok(())
    }
}

#[async_trait]
impl StrategyProvider for FileStrategies {
    async fn strategy(&self, service: &str) -> Result<Arc<Strategy>, StrategyError> {
        let strategies = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(strategies.services.get(service).unwrap_or(&strategies.default)))
    }
}

#[cfg(test)]
mod tests;
