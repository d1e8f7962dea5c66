//! The files of a port's TLS, and what rustls makes of them.

use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::{TlsConfig, TlsError, ciphers};

/// A PEM file is small; more is another file.
const MOST_BYTES: u64 = 1 << 20;

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
                let roots = authorities(config, pem)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let verifier: Arc<dyn ClientCertVerifier> = verifier
                    .map_err(|problem| error(config, "client-ca", &config.client_ca, problem.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let chain = certificates(config, "cert", &config.cert, &self.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|problem| match problem {
            PemError::NoItemsFound => key_error("there is no unencrypted private key in it".to_owned()),
            other => key_error(other.to_string()),
        })?;
        builder.with_single_cert(chain, key).map_err(|problem| match problem {
            rustls::Error::InconsistentKeys(_) => {
                let cert = config.flag("cert");
                key_error(format!("it is not the key of the certificate in {cert}={}", config.cert))
            }
            other => key_error(other.to_string()),
        })
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

fn authorities(config: &TlsConfig, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(config, "client-ca", &config.client_ca, pem)? {
        roots.add(certificate).map_err(|problem| {
            let problem = format!("a certificate in it cannot be used: {problem}");
            error(config, "client-ca", &config.client_ca, problem)
        })?;
    }
    Ok(roots)
}

fn certificates(
    config: &TlsConfig,
    setting: &str,
    path: &str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|problem| error(config, setting, path, problem.to_string()))?;
    if certificates.is_empty() {
        return Err(error(config, setting, path, "there is no PEM certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn read(config: &TlsConfig, setting: &str, path: &str) -> Result<Vec<u8>, TlsError> {
    let problem = |problem: String| error(config, setting, path, problem);
    let length = std::fs::metadata(path).map_err(|error| problem(error.to_string()))?.len();
    if length > MOST_BYTES {
        return Err(problem(format!("{length} bytes are too many for a PEM file")));
    }
    std::fs::read(path).map_err(|error| problem(error.to_string()))
}

fn error(config: &TlsConfig, setting: &str, path: &str, problem: String) -> TlsError {
    TlsError::File { flag: config.flag(setting), path: path.to_owned(), problem }
}
