//! [`StrategyProvider`]: who knows how a service is to sample.

use std::sync::Arc;

use async_trait::async_trait;

use crate::Strategy;

/// Knows strategies: from a file, by calculation, or by asking somebody else.
#[async_trait]
pub trait StrategyProvider: Send + Sync + 'static {
    /// How `service` is to sample. A service that nobody has heard of gets the default.
    ///
    /// # Errors
    /// [`StrategyError`] when nothing can be said of any service.
    async fn strategy(&self, service: &str) -> Result<Arc<Strategy>, StrategyError>;

    /// Notes that a client has asked for restrictions of baggage, which nobody has, and is told so.
    fn no_baggage(&self) {}
}

/// No strategy can be told. The text goes to the client, behind `collector error: ` by HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StrategyError(pub String);
