//! Who computes the metrics of spans that the query role shows: nobody, Prometheus, or the store.

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::ValueEnum;
use spoor_net::tenancy::TenancyConfig;
use spoor_net::tls::LoadedCertificates;
use spoor_storage::MetricsReader;
use spoor_storage_prometheus::PrometheusMetrics;

use crate::backend::StorageKind;

/// Settings of the metrics of spans.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct MetricsConfig {
    /// Where rates and latencies of services come from, which the Monitor tab of Jaeger's UI shows: from nowhere; from Prometheus,
    /// into which an OpenTelemetry Collector counts spans; or from the spans in the store, which has to be the one that
    /// --span-storage.type names. Jaeger's variable METRICS_STORAGE_TYPE sets it too.
    #[arg(
        id = "metrics-storage.type",
        long = "metrics-storage.type",
        value_name = "SOURCE",
        default_value = "none",
        ignore_case = true
    )]
    kind: MetricsKind,

    #[command(flatten)]
    prometheus: spoor_storage_prometheus::Config,
}

/// Where metrics of spans come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MetricsKind {
    /// Nowhere: the API answers 501
    None,
    /// Prometheus, or what speaks its API
    Prometheus,
    /// Computed from the documents of Elasticsearch
    Elasticsearch,
    /// Computed from the documents of OpenSearch
    Opensearch,
    /// Computed from the spans in memory
    Memory,
}

impl MetricsConfig {
    /// Checks what a single flag cannot tell: that the store is the one whose spans are to be counted, and that no tenant is shown what
    /// was counted of others.
    pub(crate) fn validate(&self, store: StorageKind, tenancy: &TenancyConfig) -> Result<()> {
        let has_tenants = !self.prometheus.query.tenant_label.as_str().is_empty();
        if tenancy.enabled && self.kind == MetricsKind::Prometheus && !has_tenants {
            bail!(
                "--multi-tenancy.enabled with --metrics-storage.type=prometheus: every tenant would see the rates of all; name the label of the series that tells tenants apart with --prometheus.query.tenant-label"
            );
        }
        self.open(store, || None).map(drop)
    }

    /// Tells when the certificates end with which the source was just opened.
    pub(crate) fn report_certificates(&self, certificates: &LoadedCertificates) -> Result<()> {
        match self.kind {
            MetricsKind::Prometheus => Ok(self.prometheus.report_certificates(certificates)?),
            _ => Ok(()),
        }
    }

    /// Opens the source; `of_store` is the store's own.
    pub(crate) fn open(
        &self,
        store: StorageKind,
        of_store: impl FnOnce() -> Option<Arc<dyn MetricsReader>>,
    ) -> Result<Option<Arc<dyn MetricsReader>>> {
        let is_document_store = matches!(store, StorageKind::Elasticsearch | StorageKind::Opensearch);
        match self.kind {
            MetricsKind::None => Ok(None),
            MetricsKind::Prometheus => Ok(Some(Arc::new(PrometheusMetrics::open(&self.prometheus)?))),
            MetricsKind::Elasticsearch | MetricsKind::Opensearch if is_document_store => Ok(of_store()),
            MetricsKind::Memory if store == StorageKind::Memory => Ok(of_store()),
            other => bail!(
                "--metrics-storage.type={}: the spans are not there but where --span-storage.type says; give both the same, or take prometheus",
                other.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        metrics: MetricsConfig,

        #[command(flatten)]
        tenancy: TenancyConfig,
    }

    fn validated(args: &[&str], store: StorageKind) -> Result<()> {
        let args = std::iter::once(&"spoor").chain(args);
        let Program { metrics, tenancy } = Program::try_parse_from(args)?;
        metrics.validate(store, &tenancy)
    }

    #[test]
    fn the_stores_own_metrics_are_those_of_the_store_that_is_used() {
        let kind = |kind: &'static str| format!("--metrics-storage.type={kind}");
        for (source, store) in [
            ("none", StorageKind::Memory),
            ("Elasticsearch", StorageKind::Opensearch),
            ("opensearch", StorageKind::Elasticsearch),
            ("memory", StorageKind::Memory),
        ] {
            validated(&[&kind(source)], store).unwrap();
        }
        for (source, store) in
            [("elasticsearch", StorageKind::Memory), ("memory", StorageKind::Elasticsearch)]
        {
            let error = validated(&[&kind(source)], store).unwrap_err().to_string();
            assert!(error.starts_with(&kind(source)) && error.contains("--span-storage.type"), "{error}");
        }
        assert!(validated(&["--metrics-storage.type=cassandra"], StorageKind::Memory).is_err());
    }

    #[tokio::test]
    async fn no_tenant_is_shown_the_rates_of_all() {
        let args = [
            "--multi-tenancy.enabled",
            "--metrics-storage.type=prometheus",
            "--prometheus.query.tenant-label=org",
        ];
        let error = validated(&args[..2], StorageKind::Memory).unwrap_err().to_string();
        for flag in ["--multi-tenancy.enabled", "--metrics-storage.type", "--prometheus.query.tenant-label"] {
            assert!(error.contains(flag), "{flag}: {error}");
        }
        validated(&args, StorageKind::Memory).unwrap();
        validated(&args[1..2], StorageKind::Memory).unwrap();
        validated(&[args[0], "--metrics-storage.type=memory"], StorageKind::Memory).unwrap();
    }

    #[tokio::test]
    async fn settings_of_prometheus_that_cannot_work_are_told_where_it_is_used() {
        let args = ["--metrics-storage.type=prometheus", "--prometheus.tls.enabled"];
        let error = validated(&args, StorageKind::Memory).unwrap_err().to_string();
        assert!(error.contains("--prometheus.tls.enabled"), "{error}");
        validated(&args[..1], StorageKind::Memory).unwrap();
    }
}
