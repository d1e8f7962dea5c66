//! The files of a port's TLS, and what rustls makes of them.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use spoor_tls::pem::{self, Unusable};
use spoor_tls::{Ending, LoadedCertificates};

use super::{TlsConfig, TlsError, ciphers};

/// The contents as they were read.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    pub(super) fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let client_ca = &config.client_ca;
        Ok(Self {
            cert: read(config, "cert", &config.cert)?,
            key: read(config, "key", &config.key)?,
            client_ca: match client_ca.is_empty() {
                true => None,
                false => Some(read(config, "client-ca", client_ca)?),
            },
        })
    }

    /// What a server is to do with them.
    pub(super) fn server(&self, config: &TlsConfig) -> Result<ServerConfig, TlsError> {
        let key_error = |problem: String| error(config, "key", &config.key, problem);
        let provider = Arc::new(ciphers::provider(&config.cipher_suites));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(config))
            .map_err(|source| TlsError::Nothing { flag: config.flag("cipher-suites"), source })?;
        let builder = match &self.client_ca {
            Some(pem) => {
                let roots =
                    pem::authorities(pem).map_err(unusable(config, "client-ca", &config.client_ca))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let verifier: Arc<dyn ClientCertVerifier> = verifier
                    .map_err(|problem| error(config, "client-ca", &config.client_ca, problem.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let chain = pem::certificates(&self.cert).map_err(unusable(config, "cert", &config.cert))?;
        let key = pem::private_key(&self.key).map_err(unusable(config, "key", &config.key))?;
        builder.with_single_cert(chain, key).map_err(|problem| match problem {
            rustls::Error::InconsistentKeys(_) => {
                let cert = config.flag("cert");
                key_error(format!("it is not the key of the certificate in {cert}={}", config.cert))
            }
            other => key_error(other.to_string()),
        })
    }

    /// Tells when the certificates end. [`Files::server`] has read them all.
    pub(super) fn report(&self, config: &TlsConfig, certificates: &LoadedCertificates) {
        let told = [
            ("cert", Some(&self.cert), Ending::OfLeaf),
            ("client-ca", self.client_ca.as_ref(), Ending::First),
        ];
        for (setting, pem, ending) in told {
            if let Some(Ok(chain)) = pem.map(|pem| pem::certificates(pem)) {
                certificates.replace(&config.flag(setting), &chain, ending);
            }
        }
    }
}

fn versions(config: &TlsConfig) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = vec![&TLS12, &TLS13];
    if config.min_version == Some(ProtocolVersion::TLSv1_3) {
        versions.retain(|version| version.version == ProtocolVersion::TLSv1_3);
    }
    if config.max_version == Some(ProtocolVersion::TLSv1_2) {
        versions.retain(|version| version.version == ProtocolVersion::TLSv1_2);
    }
    versions
}

fn read(config: &TlsConfig, setting: &str, path: &str) -> Result<Vec<u8>, TlsError> {
    pem::read(path).map_err(unusable(config, setting, path))
}

/// Of which setting a file's problem is.
fn unusable<'a>(
    config: &'a TlsConfig,
    setting: &'a str,
    path: &'a str,
) -> impl Fn(Unusable) -> TlsError + 'a {
    move |Unusable(problem)| error(config, setting, path, problem)
}

fn error(config: &TlsConfig, setting: &str, path: &str, problem: String) -> TlsError {
    TlsError::File { flag: config.flag(setting), path: path.to_owned(), problem }
}
