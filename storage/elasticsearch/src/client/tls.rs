//! TLS of the connections: when it is wanted, and what would be of no effect.

use spoor_tls::{ClientTls, LoadedCertificates, TlsError, TlsFlags};

use super::ConnectionError;
use crate::{ConnectionConfig, NodeUrl, SniffingConfig, TlsConfig};

/// Refuses TLS settings that would be of no effect, and says which.
pub(super) fn check(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    client(&config.tls).check()?;
    if config.tls.enabled && !is_wanted(config) {
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

/// The settings as they are lent.
pub(super) fn client(tls: &TlsConfig) -> ClientTls<'_> {
    named(tls, "--es.tls")
}

impl ConnectionConfig {
    /// Tells when the certificates end with which nodes are spoken to, as the files say now: for whoever has just opened a store with
    /// them. Nothing is told where no node is spoken to by https. `flags` is what the settings begin with: `--es.tls`.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn report_certificates(
        &self,
        flags: &str,
        certificates: &LoadedCertificates,
    ) -> Result<(), TlsError> {
        if is_wanted(self) { named(&self.tls, flags).report(certificates) } else { Ok(()) }
    }
}

fn named<'a>(tls: &'a TlsConfig, flags: &'a str) -> ClientTls<'a> {
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = tls;
    ClientTls {
        flags: TlsFlags::Below(flags),
        enabled: *enabled,
        ca,
        cert,
        key,
        server_name,
        skip_host_verify: *skip_host_verify,
    }
}
