//! The settings of own traces, read: what the texts mean, and what is wrong with them.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;
use spoor_tls::{ClientTls, LoadedCertificates, TlsError, TlsFlags};

use crate::config::OtelConfig;
use crate::sampler::{Wrong, sampler};
use crate::{DISTRO, MARK};

/// What the settings of TLS are called by OpenTelemetry's variables.
const CA: &str = "--otel.exporter.otlp.certificate";
const CERT: &str = "--otel.exporter.otlp.client.certificate";
const KEY: &str = "--otel.exporter.otlp.client.key";

/// A setting of own traces that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("{flag}: {problem}")]
pub struct SettingsError {
    /// With its dashes.
    flag: String,
    /// What is wrong, and what to do. Nothing secret is in it.
    problem: String,
}

impl SettingsError {
    fn new(flag: &str, problem: impl Into<String>) -> Self {
        Self { flag: flag.to_owned(), problem: problem.into() }
    }
}

impl From<TlsError> for SettingsError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Setting { flag, problem } => Self { flag, problem },
            TlsError::File { flag, path, problem } => Self { flag: format!("{flag}={path}"), problem },
        }
    }
}

/// How own traces are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

/// What there is to know before the first span.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) protocol: Protocol,
    /// Whole: scheme, host, port and path.
    pub(crate) endpoint: Uri,
    /// Those that were set, and the mark.
    pub(crate) headers: HeaderMap,
    pub(crate) sampler: Sampler,
    pub(crate) resource: Resource,
    /// The longest that an answer may take.
    pub(crate) timeout: Duration,
    /// How long spans gather.
    pub(crate) delay: Duration,
    /// Most spans that wait.
    pub(crate) most_waiting: u16,
    /// CA, certificate, key.
    files: [String; 3],
}

impl Settings {
    /// Reads the texts. `service` is the service's name where none is set.
    pub(crate) fn read(config: &OtelConfig, service: &str) -> Result<Self, SettingsError> {
        let protocol = match config.protocol.as_str() {
            "grpc" => Protocol::Grpc,
            "http/protobuf" => Protocol::Http,
            other => {
                let problem = format!("{other:?} is not spoken here; take grpc or http/protobuf");
                return Err(SettingsError::new("--otel.exporter.otlp.protocol", problem));
            }
        };
        let sampler = sampler(&config.sampler, &config.sampler_arg).map_err(|wrong| match wrong {
            Wrong::Name(problem) => SettingsError::new("--otel.traces.sampler", problem),
            Wrong::Argument(problem) => SettingsError::new("--otel.traces.sampler.arg", problem),
        })?;
        let settings = Self {
            protocol,
            endpoint: endpoint(config, protocol)?,
            headers: headers(&config.headers)?,
            sampler,
            resource: resource(config, service)?,
            timeout: time("--otel.exporter.otlp.timeout", &config.timeout)?,
            delay: time("--otel.bsp.schedule.delay", &config.schedule_delay)?,
            most_waiting: count("--otel.bsp.max.queue.size", &config.max_queue_size)?,
            files: [&config.certificate, &config.client_certificate, &config.client_key].map(Clone::clone),
        };
        settings.check_files()?;
        Ok(settings)
    }

    fn check_files(&self) -> Result<(), SettingsError> {
        let tls = self.tls();
        let files = [(CA, tls.ca), (CERT, tls.cert), (KEY, tls.key)];
        match files.into_iter().find(|(_, path)| !tls.enabled && !path.is_empty()) {
            Some((flag, _)) => Err(SettingsError::new(
                flag,
                "it has no effect on an http:// endpoint; write https:// there, or remove it",
            )),
            None => Ok(tls.check()?),
        }
    }

    /// Tells when the certificates end with which the endpoint is spoken to.
    pub(crate) fn report(&self, certificates: &LoadedCertificates) -> Result<(), SettingsError> {
        Ok(self.tls().report(certificates)?)
    }

    /// TLS to the endpoint, lent.
    pub(crate) fn tls(&self) -> ClientTls<'_> {
        let [ca, cert, key] = &self.files;
        let enabled = self.endpoint.scheme_str() == Some("https");
        let flags = TlsFlags::Named { ca: CA, cert: CERT, key: KEY };
        ClientTls { flags, enabled, ca, cert, key, server_name: "", skip_host_verify: false }
    }
}

fn endpoint(config: &OtelConfig, protocol: Protocol) -> Result<Uri, SettingsError> {
    let (flag, text, whole) = match (config.traces_endpoint.as_str(), config.endpoint.as_str(), protocol) {
        ("", "", Protocol::Grpc) => ("", "http://localhost:4317", false),
        ("", "", Protocol::Http) => ("", "http://localhost:4318", false),
        ("", text, _) => ("--otel.exporter.otlp.endpoint", text, false),
        (text, ..) => ("--otel.exporter.otlp.traces.endpoint", text, true),
    };
    // The text may hold a password, so that it is not repeated.
    let wrong = |problem: &str| SettingsError::new(flag, problem);
    let uri: Uri =
        text.parse().map_err(|_| wrong("it is no address; write it like http://collector:4317"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong("it has to begin with http:// or https:// and a host, like http://collector:4317"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("a user has no place in it; give --otel.exporter.otlp.headers"));
    }
    if uri.query().is_some() && (protocol == Protocol::Grpc || !whole) {
        return Err(wrong("nothing would be sent of what stands behind the question mark; remove it"));
    }
    if uri.path() != "/" && protocol == Protocol::Grpc {
        return Err(wrong(
            "gRPC has no use for a path; remove it, or set --otel.exporter.otlp.protocol=http/protobuf",
        ));
    }
    let path = match (protocol, whole) {
        (Protocol::Grpc, _) => "/opentelemetry.proto.collector.trace.v1.TraceService/Export".to_owned(),
        (Protocol::Http, true) => uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        (Protocol::Http, false) => format!("{}/v1/traces", uri.path().trim_end_matches('/')),
    };
    let mut parts = uri.into_parts();
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).map_err(|error| wrong(&error.to_string()))
}

fn headers(list: &str) -> Result<HeaderMap, SettingsError> {
    let flag = "--otel.exporter.otlp.headers";
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(flag, list)? {
        let name = HeaderName::try_from(&name)
            .map_err(|_| SettingsError::new(flag, format!("{name:?} cannot be a header's name")))?;
        let problem = || SettingsError::new(flag, format!("the value of {name} cannot stand in a header"));
        let mut value = HeaderValue::try_from(value).map_err(|_| problem())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    headers.insert(MARK, HeaderValue::from_static("true"));
    Ok(headers)
}

fn resource(config: &OtelConfig, service: &str) -> Result<Resource, SettingsError> {
    let given = pairs("--otel.resource.attributes", &config.resource_attributes)?;
    let given = given.into_iter().map(|(name, value)| KeyValue::new(name, value));
    let ours = [
        KeyValue::new("service.name", service.to_owned()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    let named =
        (!config.service_name.is_empty()).then(|| KeyValue::new("service.name", config.service_name.clone()));
    // What tells whose spans these are is nobody's to set.
    let facts = [
        KeyValue::new("telemetry.sdk.name", "opentelemetry"),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new(DISTRO.0, DISTRO.1),
        KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")),
    ];
    Ok(Resource::builder_empty()
        .with_attributes(ours.into_iter().chain(given).chain(named).chain(facts))
        .build())
}

/// `name=value,other=value`, percent-decoded. Values are not repeated in errors.
fn pairs(flag: &str, list: &str) -> Result<Vec<(String, String)>, SettingsError> {
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                SettingsError::new(flag, "a part has no equals sign; write name=value,other=value")
            })?;
            let value = percent_decode_str(value.trim()).decode_utf8();
            let value =
                value.map_err(|_| SettingsError::new(flag, format!("the value of {name} is no UTF-8")))?;
            Ok((name.trim().to_owned(), value.into_owned()))
        })
        .collect()
}

/// In milliseconds where no unit is given, as OpenTelemetry's variables have it.
fn time(flag: &str, text: &str) -> Result<Duration, SettingsError> {
    let time = match text.parse() {
        Ok(millis) => Ok(Duration::from_millis(millis)),
        Err(_) => spoor_model::parse_go_duration(text),
    };
    match time {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(SettingsError::new(
            flag,
            format!(
                "{text:?} is no time in which anything is done; give milliseconds, or a duration as in 5s"
            ),
        )),
    }
}

fn count(flag: &str, text: &str) -> Result<u16, SettingsError> {
    let problem = || format!("{text:?} is no such number; give one from 1 to {}", u16::MAX);
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| SettingsError::new(flag, problem()))
}

#[cfg(test)]
mod tests;
