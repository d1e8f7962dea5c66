//! TLS to the collectors: whom we trust, and who we say we are. rustls with ring; files are PEM, and read anew for each connection.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier as PlatformVerifier;

use crate::config::TlsConfig;

const CA: &str = "ca";
const CERT: &str = "cert";
const KEY: &str = "key";

/// TLS settings that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("--reporter.grpc.tls.{setting}: {problem}")]
pub struct TlsError {
    setting: &'static str,
    problem: String,
}

/// Checks the settings, by reading the files. Settings of no effect are refused.
///
/// # Errors
/// [`TlsError`] names the setting and the remedy.
pub(crate) fn check(tls: &TlsConfig) -> Result<(), TlsError> {
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = tls;
    let set = [
        (!ca.is_empty(), CA),
        (!cert.is_empty(), CERT),
        (!key.is_empty(), KEY),
        (!server_name.is_empty(), "server-name"),
        (*skip_host_verify, "skip-host-verify"),
    ];
    if !enabled {
        return match set.into_iter().find(|(set, _)| *set) {
            Some((_, setting)) => {
                Err(error(setting, "it has no effect without --reporter.grpc.tls.enabled".to_owned()))
            }
            None => Ok(()),
        };
    }
    let pair = || "certificate and private key go together: give both or none".to_owned();
    match (cert.is_empty(), key.is_empty()) {
        (false, true) => return Err(error(CERT, pair())),
        (true, false) => return Err(error(KEY, pair())),
        _ => {}
    }
    if !server_name.is_empty() {
        self::server_name(server_name)?;
    }
    client(tls).map(drop)
}

/// What a certificate has to bear.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| error("server-name", format!("{name:?} is neither a host name nor an IP address")))
}

/// What a connection is to do, for HTTP/2.
pub(super) fn client(tls: &TlsConfig) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|problem| error("enabled", problem.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(tls, provider)?);
    let mut client = if tls.cert.is_empty() {
        builder.with_no_client_auth()
    } else {
        let (chain, key) = (certificates(CERT, &tls.cert)?, private_key(&tls.key)?);
        builder.with_client_auth_cert(chain, key).map_err(|problem| match problem {
            rustls::Error::InconsistentKeys(_) => {
                file(KEY, &tls.key, &format!("it is not the key of the certificate in {}", tls.cert))
            }
            other => file(KEY, &tls.key, &other.to_string()),
        })?
    };
    client.alpn_protocols = vec![b"h2".to_vec()];
    Ok(client)
}

fn verifier(tls: &TlsConfig, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    // Even if nothing is checked against it: a wrong file should not wait for the day on which it is needed.
    let roots = if tls.ca.is_empty() { None } else { Some(authorities(&tls.ca)?) };
    if tls.skip_host_verify {
        return Ok(Arc::new(AnyCertificate(provider)));
    }
    let Some(roots) = roots else {
        let platform = PlatformVerifier::new(provider);
        return Ok(Arc::new(platform.map_err(|problem| error(CA, problem.to_string()))?));
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map(|verifier| verifier as _).map_err(|problem| file(CA, &tls.ca, &problem.to_string()))
}

fn authorities(path: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CA, path)? {
        roots
            .add(certificate)
            .map_err(|problem| file(CA, path, &format!("a certificate in it cannot be used: {problem}")))?;
    }
    Ok(roots)
}

fn certificates(setting: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|problem| file(setting, path, &pem_problem(problem)))?;
    if certificates.is_empty() {
        return Err(file(setting, path, "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(certificates)
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|problem| match problem {
        PemError::NoItemsFound => file(KEY, path, "it holds no unencrypted private key in PEM"),
        other => file(KEY, path, &pem_problem(other)),
    })
}

/// Without the crate's words where they would quote what the file holds.
fn pem_problem(problem: PemError) -> String {
    match problem {
        PemError::Io(problem) => problem.to_string(),
        PemError::MissingSectionEnd { .. } => "a section has no -----END …----- line".to_owned(),
        PemError::IllegalSectionStart { .. } => "a -----BEGIN …----- line is broken".to_owned(),
        PemError::Base64Decode(_) => "a section is not base64".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

fn file(setting: &'static str, path: &str, problem: &str) -> TlsError {
    error(setting, format!("{path}: {problem}"))
}

fn error(setting: &'static str, problem: String) -> TlsError {
    TlsError { setting, problem }
}

/// Believes any certificate (`--reporter.grpc.tls.skip-host-verify`); whoever shows it must have its key.
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
