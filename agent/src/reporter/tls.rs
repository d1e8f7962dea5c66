//! TLS to the collectors. Files are read anew for each connection.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use spoor_tls::{ClientTls, LoadedCertificates, TlsError, TlsFlags};

use crate::config::TlsConfig;

/// Checks the settings, by reading the files. Settings of no effect are refused.
///
/// # Errors
/// [`TlsError`] names the setting and the remedy.
pub(crate) fn check(tls: &TlsConfig) -> Result<(), TlsError> {
    settings(tls).check()?;
    if tls.enabled { client(tls, &LoadedCertificates::default()).map(drop) } else { Ok(()) }
}

/// What a connection is to do, for HTTP/2. When its certificates end is told.
pub(super) fn client(tls: &TlsConfig, certificates: &LoadedCertificates) -> Result<ClientConfig, TlsError> {
    let settings = settings(tls);
    let mut client = settings.config()?;
    client.alpn_protocols = vec![b"h2".to_vec()];
    settings.report(certificates)?;
    Ok(client)
}

/// The name that a certificate has to bear; `None` for the collector's host.
pub(super) fn server_name(tls: &TlsConfig) -> Result<Option<ServerName<'static>>, TlsError> {
    settings(tls).server_name()
}

fn settings(tls: &TlsConfig) -> ClientTls<'_> {
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = tls;
    ClientTls {
        flags: TlsFlags::Below("--reporter.grpc.tls"),
        enabled: *enabled,
        ca,
        cert,
        key,
        server_name,
        skip_host_verify: *skip_host_verify,
    }
}
