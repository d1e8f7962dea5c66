//! TLS of the connections: when it is wanted, and what would be of no effect.

use spoor_tls::ClientTls;

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
    let TlsConfig { enabled, ca, cert, key, server_name, skip_host_verify } = tls;
    ClientTls {
        flags: "--es.tls",
        enabled: *enabled,
        ca,
        cert,
        key,
        server_name,
        skip_host_verify: *skip_host_verify,
    }
}
