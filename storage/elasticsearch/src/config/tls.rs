//! TLS to the store.

use clap::Args;

/// How https:// addresses are spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(skip)]
pub struct TlsConfig {
    /// Whether the other --es.tls settings hold for the https:// addresses of --es.server-urls. Without it they are spoken to as
    /// well, with the system's trusted authorities and no client certificate.
    #[arg(
        id = "es.tls.enabled",
        long = "es.tls.enabled",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub enabled: bool,

    /// A PEM file of the certificate authorities that the store's certificate is checked against, in place of the system's. It and
    /// the other files are read at start.
    #[arg(id = "es.tls.ca", long = "es.tls.ca", value_name = "FILE", default_value = "")]
    pub ca: String,

    /// A PEM file of the certificate that we show to the store, and those in between, if any. Goes with --es.tls.key.
    #[arg(id = "es.tls.cert", long = "es.tls.cert", value_name = "FILE", default_value = "")]
    pub cert: String,

    /// A PEM file of the private key of --es.tls.cert: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[arg(id = "es.tls.key", long = "es.tls.key", value_name = "FILE", default_value = "")]
    pub key: String,

    /// The name that the store's certificate has to bear, instead of the host in its address.
    #[arg(id = "es.tls.server-name", long = "es.tls.server-name", value_name = "NAME", default_value = "")]
    pub server_name: String,

    /// Takes any certificate of the store for good, whoever signed it and whatever name it bears: anyone in between can then read
    /// and change all, credentials included.
    #[arg(
        id = "es.tls.skip-host-verify",
        long = "es.tls.skip-host-verify",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub skip_host_verify: bool,
}

super::defaults_from_flags!(TlsConfig);
