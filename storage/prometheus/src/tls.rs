//! TLS to Prometheus: whom we trust, and who we say we are. rustls with ring; files are PEM.

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

use crate::client::OpenError;
use crate::{Config, TlsConfig};

/// Refuses settings that would be of no effect, and says which.
pub(crate) fn check(config: &Config) -> Result<(), OpenError> {
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = &config.tls;
    let set = [
        (!ca.is_empty(), "ca"),
        (!cert.is_empty(), "cert"),
        (!key.is_empty(), "key"),
        (!server_name.is_empty(), "server-name"),
        (*skip_host_verify, "skip-host-verify"),
    ];
    if !enabled && let Some((_, set)) = set.into_iter().find(|(set, _)| *set) {
        return Err(OpenError::Alone { set, missing: "--prometheus.tls.enabled is not set" });
    }
    if *enabled && !config.server_url.is_https() {
        let missing = "--prometheus.server-url does not begin with https://, so nothing would be encrypted";
        return Err(OpenError::Alone { set: "enabled", missing });
    }
    let pair = "certificate and private key go together";
    match (cert.is_empty(), key.is_empty()) {
        (false, true) => Err(OpenError::Alone { set: "cert", missing: pair }),
        (true, false) => Err(OpenError::Alone { set: "key", missing: pair }),
        _ => Ok(()),
    }
}

/// Puts TLS around TCP for an https:// address.
pub(crate) fn connector(
    tls: &TlsConfig,
    mut tcp: HttpConnector,
) -> Result<HttpsConnector<HttpConnector>, OpenError> {
    tcp.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(tls)?).https_or_http();
    if tls.server_name.is_empty() {
        return Ok(builder.enable_http1().wrap_connector(tcp));
    }
    let name = ServerName::try_from(tls.server_name.clone())
        .map_err(|_| OpenError::ServerName(tls.server_name.clone()))?;
    let resolver = FixedServerNameResolver::new(name);
    Ok(builder.with_server_name_resolver(resolver).enable_http1().wrap_connector(tcp))
}

fn client_config(tls: &TlsConfig) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(OpenError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(tls, provider)?);
    if tls.cert.is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    let chain = certificates("cert", &tls.cert)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|_| {
        unusable("key", &tls.key, "it holds no private key in PEM that can be read, or an encrypted one")
    })?;
    builder.with_client_auth_cert(chain, key).map_err(|_| {
        unusable("key", &tls.key, "it is not the key of the certificate in --prometheus.tls.cert")
    })
}

fn verifier(
    tls: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, OpenError> {
    // Even if nothing is checked against it: a wrong file should not wait for the day on which it is needed.
    let roots = if tls.ca.is_empty() { None } else { Some(authorities(&tls.ca)?) };
    if tls.skip_host_verify {
        return Ok(Arc::new(AnyCertificate(provider)));
    }
    let Some(roots) = roots else {
        return Ok(Arc::new(PlatformVerifier::new(provider).map_err(OpenError::Tls)?));
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map(|verifier| verifier as _).map_err(|error| unusable("ca", &tls.ca, &error.to_string()))
}

fn authorities(path: &str) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", path)? {
        roots.add(certificate).map_err(|error| unusable("ca", path, &error.to_string()))?;
    }
    Ok(roots)
}

fn certificates(setting: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(unusable(setting, path, "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"))
        }
        Ok(certificates) => Ok(certificates),
        Err(PemError::Io(error)) => Err(unusable(setting, path, &error.to_string())),
        // The crate's words quote what the file holds, which may be a key.
        Err(_) => Err(unusable(setting, path, "it is not PEM, or a section of it is broken")),
    }
}

fn unusable(setting: &'static str, path: &str, problem: &str) -> OpenError {
    OpenError::TlsFile { setting, path: path.to_owned(), problem: problem.to_owned() }
}

/// Believes any certificate (`--prometheus.tls.skip-host-verify`); whoever shows it must have its key.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broken_file_holds_is_not_told() {
        let file = std::env::temp_dir().join(format!("spoor-broken-{}.pem", std::process::id()));
        std::fs::write(&file, "-----BEGIN SECRET-WORD\nSECRET-LINE\n").unwrap();
        let error = certificates("cert", &file.to_string_lossy()).unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        // Neither as text nor as a list of its bytes.
        assert!(
            error.contains("cert") && !error.contains("SECRET") && !error.contains("83, 69, 67"),
            "{error}"
        );
    }
}
