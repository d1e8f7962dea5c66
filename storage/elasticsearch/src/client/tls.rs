//! TLS of the connections: whom we trust, and who we say we are. rustls with ring; files are PEM.

use std::sync::Arc;

use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier as PlatformVerifier;

use super::ConnectionError;
use crate::{ConnectionConfig, NodeUrl, SniffingConfig, TlsConfig};

const CA: &str = "--es.tls.ca";
const CERT: &str = "--es.tls.cert";
const KEY: &str = "--es.tls.key";

/// Refuses TLS settings that would be of no effect, and says which.
pub(super) fn check(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = &config.tls;
    let set = [
        (!ca.is_empty(), CA),
        (!cert.is_empty(), CERT),
        (!key.is_empty(), KEY),
        (!server_name.is_empty(), "--es.tls.server-name"),
        (*skip_host_verify, "--es.tls.skip-host-verify"),
    ];
    if !enabled && let Some((_, set)) = set.into_iter().find(|(set, _)| *set) {
        return Err(ConnectionError::Alone { set, missing: "--es.tls.enabled is not set" });
    }
    let pair = "certificate and private key go together";
    match (cert.is_empty(), key.is_empty()) {
        (false, true) => return Err(ConnectionError::Alone { set: CERT, missing: pair }),
        (true, false) => return Err(ConnectionError::Alone { set: KEY, missing: pair }),
        _ => {}
    }
    if *enabled && !is_wanted(config) {
        let missing = "no address in --es.server-urls begins with https://, so nothing would be encrypted";
        return Err(ConnectionError::Alone { set: "--es.tls.enabled", missing });
    }
    Ok(())
}

/// Whether any node is, or may turn out to be, spoken to by https.
pub(super) fn is_wanted(config: &ConnectionConfig) -> bool {
    let SniffingConfig { enabled, tls, .. } = config.sniffing;
    config.server_urls.iter().any(NodeUrl::is_https) || (enabled && tls)
}

/// Puts TLS around TCP, as the settings say; https:// addresses only.
pub(super) fn connector(
    tls: &TlsConfig,
    mut tcp: HttpConnector,
) -> Result<HttpsConnector<HttpConnector>, ConnectionError> {
    tcp.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(tls)?).https_or_http();
    if tls.server_name.is_empty() {
        return Ok(builder.enable_http1().wrap_connector(tcp));
    }
    let name = ServerName::try_from(tls.server_name.clone()).map_err(|_| ConnectionError::Value {
        flag: "--es.tls.server-name",
        problem: format!("{:?} is neither a host name nor an IP address", tls.server_name),
    })?;
    let resolver = FixedServerNameResolver::new(name);
    Ok(builder.with_server_name_resolver(resolver).enable_http1().wrap_connector(tcp))
}

fn client_config(tls: &TlsConfig) -> Result<ClientConfig, ConnectionError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(ConnectionError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(tls, provider)?);
    if tls.cert.is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    let (chain, key) = (certificates(CERT, &tls.cert)?, private_key(&tls.key)?);
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            file_error(KEY, &tls.key, format!("it is not the key of the certificate in {CERT}={}", tls.cert))
        }
        other => file_error(KEY, &tls.key, other.to_string()),
    })
}

fn verifier(
    tls: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectionError> {
    // Even if nothing is checked against it: a wrong file should not wait for the day on which it is needed.
    let roots = if tls.ca.is_empty() { None } else { Some(authorities(&tls.ca)?) };
    if tls.skip_host_verify {
        return Ok(Arc::new(AnyCertificate(provider)));
    }
    let Some(roots) = roots else {
        return Ok(Arc::new(PlatformVerifier::new(provider).map_err(ConnectionError::Tls)?));
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map(|verifier| verifier as _).map_err(|error| file_error(CA, &tls.ca, error.to_string()))
}

fn authorities(path: &str) -> Result<RootCertStore, ConnectionError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CA, path)? {
        roots
            .add(certificate)
            .map_err(|error| file_error(CA, path, format!("a certificate in it cannot be used: {error}")))?;
    }
    Ok(roots)
}

fn certificates(flag: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| file_error(flag, path, pem_problem(error)))?;
    if certificates.is_empty() {
        return Err(file_error(
            flag,
            path,
            "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        ));
    }
    Ok(certificates)
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, ConnectionError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        let problem = match error {
            PemError::NoItemsFound => {
                "it holds no private key in PEM, as PKCS#8, PKCS#1 or SEC1; an encrypted key cannot be used"
                    .to_owned()
            }
            other => pem_problem(other),
        };
        file_error(KEY, path, problem)
    })
}

/// Without the crate's words where they would quote what the file holds.
fn pem_problem(error: PemError) -> String {
    match error {
        PemError::Io(error) => error.to_string(),
        PemError::MissingSectionEnd { .. } => "a section has no -----END …----- line".to_owned(),
        PemError::IllegalSectionStart { .. } => "a -----BEGIN …----- line is broken".to_owned(),
        PemError::Base64Decode(_) => "a section is not base64".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

fn file_error(flag: &'static str, path: &str, problem: String) -> ConnectionError {
    ConnectionError::File { flag, path: path.to_owned(), problem }
}

/// Believes any certificate (`--es.tls.skip-host-verify`); whoever shows it must have its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
