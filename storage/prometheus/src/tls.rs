//! TLS to Prometheus: the settings, and what would be of no effect.

use spoor_tls::{ClientTls, LoadedCertificates, TlsError, TlsFlags};

use crate::client::OpenError;
use crate::{Config, TlsConfig};

/// Refuses settings that would be of no effect, and says which.
pub(crate) fn check(config: &Config) -> Result<(), OpenError> {
    client(&config.tls).check()?;
    match config.tls.enabled && !config.server_url.is_https() {
        true => Err(OpenError::NothingToEncrypt),
        false => Ok(()),
    }
}

impl Config {
    /// Tells when the certificates end with which Prometheus is spoken to, as the files say now: for whoever has just opened it.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn report_certificates(&self, certificates: &LoadedCertificates) -> Result<(), TlsError> {
        client(&self.tls).report(certificates)
    }
}

/// The settings as they are lent.
pub(crate) fn client(tls: &TlsConfig) -> ClientTls<'_> {
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = tls;
    ClientTls {
        flags: TlsFlags::Below("--prometheus.tls"),
        enabled: *enabled,
        ca,
        cert,
        key,
        server_name,
        skip_host_verify: *skip_host_verify,
    }
}
