//! Who may come in where tenants share a port: each request names its tenant in a header, which a proxy in front sets.
//! Facts: `jaegertracing/jaeger internal/tenancy` (flags, header, texts, codes).

mod guard;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::ArgAction;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use guard::{Guarded, TenancyLayer};

/// A longer name is taken for no tenant's: stores keep it with each trace.
const LONGEST_NAME: usize = 256;

/// Settings of tenancy, the same for every port of a process.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct TenancyConfig {
    /// Whether every request, of senders and of users, has to name its tenant. The memory store keeps tenants apart; Elasticsearch,
    /// OpenSearch and Kafka keep all together, as Jaeger's do, so that there this is a door and no wall. Rates from Prometheus are those
    /// of the tenant by --prometheus.query.tenant-label.
    #[arg(
        id = "multi-tenancy.enabled",
        long = "multi-tenancy.enabled",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set
    )]
    pub enabled: bool,

    /// The header (gRPC: the metadata key) in which a request names its tenant. Who may write it himself is any tenant he likes:
    /// have the proxy in front set it.
    #[arg(
        id = "multi-tenancy.header",
        long = "multi-tenancy.header",
        value_name = "HEADER",
        default_value = "x-tenant"
    )]
    pub header: HeaderName,

    /// The tenants there are, comma separated. None means that every name is one.
    #[arg(
        id = "multi-tenancy.tenants",
        long = "multi-tenancy.tenants",
        value_name = "TENANTS",
        value_delimiter = ','
    )]
    pub tenants: Vec<String>,
}

/// The name of a request's tenant; within a request's extensions once it was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantName(pub Arc<str>);

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenancyError {
    /// No tenant is named.
    #[error("missing tenant header")]
    Missing,
    /// Several are: whoever adds a second must not be able to choose.
    #[error("extra tenant header")]
    Extra,
    /// There is no such tenant.
    #[error("unknown tenant")]
    Unknown,
}

/// The rule by which requests are let in. Clones share it.
#[derive(Debug, Clone)]
pub struct Tenancy(Option<Arc<Rule>>);

#[derive(Debug)]
struct Rule {
    header: HeaderName,
    /// Any, when empty.
    tenants: BTreeSet<String>,
}

impl Tenancy {
    /// The rule of these settings.
    #[must_use]
    pub fn new(config: &TenancyConfig) -> Self {
        let names = config.tenants.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        let tenants = names.map(str::to_owned).collect();
        Self(config.enabled.then(|| Arc::new(Rule { header: config.header.clone(), tenants })))
    }

    /// No tenants: everybody comes in.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether a request with this name of a tenant would be let in.
    #[must_use]
    pub fn knows(&self, tenant: &HeaderValue) -> bool {
        self.0.as_ref().is_none_or(|rule| rule.known(tenant).is_some())
    }

    /// Lets a request in, with the name of its tenant; `None` where there are no tenants.
    ///
    /// # Errors
    /// [`TenancyError`] says why not.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Option<TenantName>, TenancyError> {
        self.0.as_ref().map(|rule| rule.admit(headers)).transpose()
    }
}

impl Rule {
    fn admit(&self, headers: &HeaderMap) -> Result<TenantName, TenancyError> {
        let mut values = headers.get_all(&self.header).iter();
        let value = values.next().filter(|value| !value.is_empty()).ok_or(TenancyError::Missing)?;
        if values.next().is_some() {
            return Err(TenancyError::Extra);
        }
        self.known(value).ok_or(TenancyError::Unknown)
    }

    fn known(&self, value: &HeaderValue) -> Option<TenantName> {
        let name = value.to_str().ok().filter(|name| name.len() <= LONGEST_NAME)?;
        let known = self.tenants.is_empty() || self.tenants.contains(name);
        known.then(|| TenantName(name.into()))
    }
}
