//! Settings of own traces. Their names follow from OpenTelemetry's environment variables, by the rule by which every setting has its variable:
//! `--otel.exporter.otlp.endpoint` is `OTEL_EXPORTER_OTLP_ENDPOINT`. All are texts, which are read when a role traces itself; before, they are nobody's business:
//! containers often share one environment.

use std::fmt;

use crate::settings::{Settings, SettingsError};

/// Where own traces go, and which there are. Heeded by roles that trace themselves (`--collector.enable-tracing`, `--query.enable-tracing`).
#[derive(Clone, clap::Args)]
#[group(skip)]
pub struct OtelConfig {
    /// Where own traces go (`--collector.enable-tracing`, `--query.enable-tracing`), as in http://collector:4317; behind an https:// address TLS is spoken. By HTTP the path /v1/traces is put
    /// behind it. When not set: port 4317 of this machine, or 4318 by HTTP.
    #[arg(
        id = "otel.exporter.otlp.endpoint",
        long = "otel.exporter.otlp.endpoint",
        value_name = "URL",
        default_value = ""
    )]
    pub endpoint: String,

    /// Where own traces go, instead of --otel.exporter.otlp.endpoint; by HTTP nothing is put behind it.
    #[arg(
        id = "otel.exporter.otlp.traces.endpoint",
        long = "otel.exporter.otlp.traces.endpoint",
        value_name = "URL",
        default_value = ""
    )]
    pub traces_endpoint: String,

    /// How own traces are sent: grpc or http/protobuf.
    #[arg(
        id = "otel.exporter.otlp.protocol",
        long = "otel.exporter.otlp.protocol",
        value_name = "PROTOCOL",
        default_value = "grpc"
    )]
    pub protocol: String,

    /// Headers that go with own traces, as in name=value,other=value, with percent signs for what cannot stand there: tenants, tokens.
    #[arg(
        id = "otel.exporter.otlp.headers",
        long = "otel.exporter.otlp.headers",
        value_name = "NAME=VALUE,…",
        default_value = ""
    )]
    pub headers: String,

    /// How long the endpoint of own traces has for an answer: milliseconds, or a duration as in 10s.
    #[arg(
        id = "otel.exporter.otlp.timeout",
        long = "otel.exporter.otlp.timeout",
        value_name = "TIME",
        default_value = "10000"
    )]
    pub timeout: String,

    /// A PEM file of the authorities by which the endpoint of own traces is known; without it those of the system.
    #[arg(
        id = "otel.exporter.otlp.certificate",
        long = "otel.exporter.otlp.certificate",
        value_name = "FILE",
        default_value = ""
    )]
    pub certificate: String,

    /// A PEM file of the certificate that is shown to the endpoint of own traces. Goes with --otel.exporter.otlp.client.key.
    #[arg(
        id = "otel.exporter.otlp.client.certificate",
        long = "otel.exporter.otlp.client.certificate",
        value_name = "FILE",
        default_value = ""
    )]
    pub client_certificate: String,

    /// A PEM file of the private key of --otel.exporter.otlp.client.certificate: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[arg(
        id = "otel.exporter.otlp.client.key",
        long = "otel.exporter.otlp.client.key",
        value_name = "FILE",
        default_value = ""
    )]
    pub client_key: String,

    /// Which requests are traced: always_on, always_off, traceidratio, or one of these behind parentbased_, which go by what the caller decided. When not set: parentbased_traceidratio with
    /// 0.01, one of a hundred requests whose callers have decided nothing.
    #[arg(
        id = "otel.traces.sampler",
        long = "otel.traces.sampler",
        value_name = "SAMPLER",
        default_value = ""
    )]
    pub sampler: String,

    /// The part of the requests that the samplers by ratio take, from 0 to 1; 1 where a sampler is named and no part.
    #[arg(
        id = "otel.traces.sampler.arg",
        long = "otel.traces.sampler.arg",
        value_name = "PART",
        default_value = ""
    )]
    pub sampler_arg: String,

    /// The name of the service in own traces. When not set: spoor-collector, spoor-query, spoor-all-in-one.
    #[arg(id = "otel.service.name", long = "otel.service.name", value_name = "NAME", default_value = "")]
    pub service_name: String,

    /// Attributes of this process in own traces, as in name=value,other=value, with percent signs for what cannot stand there.
    #[arg(
        id = "otel.resource.attributes",
        long = "otel.resource.attributes",
        value_name = "NAME=VALUE,…",
        default_value = ""
    )]
    pub resource_attributes: String,

    /// Most own spans that wait to be sent, from 1 to 65535; more are lost, and counted (`spoor_own_traces_spans_dropped_total`).
    #[arg(
        id = "otel.bsp.max.queue.size",
        long = "otel.bsp.max.queue.size",
        value_name = "COUNT",
        default_value = "2048"
    )]
    pub max_queue_size: String,

    /// How long own spans gather before they are sent together: milliseconds, or a duration as in 5s.
    #[arg(
        id = "otel.bsp.schedule.delay",
        long = "otel.bsp.schedule.delay",
        value_name = "TIME",
        default_value = "5000"
    )]
    pub schedule_delay: String,
}

/// Without the headers: they may be secret.
impl fmt::Debug for OtelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, traces_endpoint, protocol, sampler, sampler_arg, service_name, .. } = self;
        f.debug_struct("OtelConfig")
            .field("endpoint", endpoint)
            .field("traces_endpoint", traces_endpoint)
            .field("protocol", protocol)
            .field("sampler", sampler)
            .field("sampler_arg", sampler_arg)
            .field("service_name", service_name)
            .finish_non_exhaustive()
    }
}

impl OtelConfig {
    /// Checks what only matters to who traces itself: all texts, and the files of TLS.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting and the remedy.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let settings = Settings::read(self, "")?;
        crate::export::check(&settings)
    }
}
