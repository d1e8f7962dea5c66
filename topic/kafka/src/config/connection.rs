//! How brokers are reached, the same for both sides; declared once, without the side's name (see `twin`).

use clap::{Args, ValueEnum};
use spoor_model::Secret;

/// Brokers, topic, and who we are to them.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct ConnectionConfig {
    /// Addresses of brokers to begin with, HOST:PORT, separated by commas; the others are learned from them.
    #[arg(
        id = "kafka.brokers",
        long = "kafka.brokers",
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        default_value = "127.0.0.1:9092"
    )]
    pub brokers: Vec<String>,

    /// The topic of spans.
    #[arg(id = "kafka.topic", long = "kafka.topic", value_name = "NAME", default_value = "jaeger-spans")]
    pub topic: String,

    /// The version of Kafka's protocol for brokers that do not tell theirs, which only those before 0.10 do not; it is not needed
    /// for any other, as versions are agreed upon with each broker. As in 0.9.0 or 2.1.0; Jaeger needed it for newer features.
    #[arg(id = "kafka.protocol-version", long = "kafka.protocol-version", value_name = "VERSION", default_value = "", value_parser = version)]
    pub protocol_version: String,

    /// How the brokers know who we are.
    #[arg(
        id = "kafka.authentication",
        long = "kafka.authentication",
        value_name = "METHOD",
        default_value = "none"
    )]
    pub authentication: Authentication,

    /// The user for --kafka.authentication=plaintext.
    #[arg(
        id = "kafka.plaintext.username",
        long = "kafka.plaintext.username",
        value_name = "NAME",
        default_value = ""
    )]
    pub username: String,

    /// The password of --kafka.plaintext.username. Better given in the environment than in the command line, or by
    /// --kafka.plaintext.password-file.
    #[arg(
        id = "kafka.plaintext.password",
        long = "kafka.plaintext.password",
        value_name = "SECRET",
        default_value = ""
    )]
    pub password: Secret,

    /// A file that holds the password, instead of --kafka.plaintext.password. Line ends after it do not belong to it. It is read at
    /// start.
    #[arg(
        id = "kafka.plaintext.password-file",
        long = "kafka.plaintext.password-file",
        value_name = "FILE",
        default_value = ""
    )]
    pub password_file: String,

    /// How user and password are shown to the broker.
    #[arg(
        id = "kafka.plaintext.mechanism",
        long = "kafka.plaintext.mechanism",
        value_name = "MECHANISM",
        default_value = "PLAIN",
        ignore_case = true
    )]
    pub mechanism: SaslMechanism,

    /// Whether brokers are spoken to in TLS. --kafka.authentication=tls does so in any case.
    #[arg(
        id = "kafka.tls.enabled",
        long = "kafka.tls.enabled",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub tls: bool,

    /// A PEM file of the certificate authorities that the brokers' certificates are checked against, in place of the system's. It and
    /// the other files are read at start.
    #[arg(id = "kafka.tls.ca", long = "kafka.tls.ca", value_name = "FILE", default_value = "")]
    pub ca: String,

    /// A PEM file of the certificate that we show to the brokers, and those in between, if any. Goes with --kafka.tls.key.
    #[arg(id = "kafka.tls.cert", long = "kafka.tls.cert", value_name = "FILE", default_value = "")]
    pub cert: String,

    /// A PEM file of the private key of --kafka.tls.cert, not encrypted.
    #[arg(id = "kafka.tls.key", long = "kafka.tls.key", value_name = "FILE", default_value = "")]
    pub key: String,

    /// Refused: a broker's certificate has to bear the host name that the broker tells to its clients.
    #[arg(
        id = "kafka.tls.server-name",
        long = "kafka.tls.server-name",
        value_name = "NAME",
        default_value = ""
    )]
    pub server_name: String,

    /// Takes any certificate of a broker for good, whoever signed it and whatever name it bears: anyone in between can then read and
    /// change all, passwords included.
    #[arg(
        id = "kafka.tls.skip-host-verify",
        long = "kafka.tls.skip-host-verify",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub skip_host_verify: bool,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub kerberos: KerberosConfig,
}

/// Kerberos, where this program was built with it.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct KerberosConfig {
    /// The service that the brokers are in Kerberos.
    #[arg(
        id = "kafka.kerberos.service-name",
        long = "kafka.kerberos.service-name",
        value_name = "NAME",
        default_value = "kafka"
    )]
    pub service_name: String,

    /// The realm of --kafka.kerberos.username.
    #[arg(
        id = "kafka.kerberos.realm",
        long = "kafka.kerberos.realm",
        value_name = "REALM",
        default_value = ""
    )]
    pub realm: String,

    /// Whether tickets are got by a keytab file, the only way that there is: required with --kafka.authentication=kerberos.
    #[arg(
        id = "kafka.kerberos.use-keytab",
        long = "kafka.kerberos.use-keytab",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub use_keytab: bool,

    /// The user in Kerberos.
    #[arg(
        id = "kafka.kerberos.username",
        long = "kafka.kerberos.username",
        value_name = "NAME",
        default_value = ""
    )]
    pub username: String,

    /// Refused: tickets are got by a keytab file.
    #[arg(
        id = "kafka.kerberos.password",
        long = "kafka.kerberos.password",
        value_name = "SECRET",
        default_value = ""
    )]
    pub password: Secret,

    /// The configuration of Kerberos. Another one than the default has to be named in the environment variable KRB5_CONFIG instead.
    #[arg(
        id = "kafka.kerberos.config-file",
        long = "kafka.kerberos.config-file",
        value_name = "FILE",
        default_value = "/etc/krb5.conf"
    )]
    pub config_file: String,

    /// The keytab file for --kafka.kerberos.use-keytab.
    #[arg(
        id = "kafka.kerberos.keytab-file",
        long = "kafka.kerberos.keytab-file",
        value_name = "FILE",
        default_value = "/etc/security/kafka.keytab"
    )]
    pub keytab_file: String,

    /// Refused when set: pre-authentication by FAST is configured in Kerberos's own configuration.
    #[arg(
        id = "kafka.kerberos.disable-fast-negotiation",
        long = "kafka.kerberos.disable-fast-negotiation",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub disable_fast_negotiation: bool,
}

/// How brokers know who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Authentication {
    /// Not at all
    None,
    /// By Kerberos, where this program was built with it (cargo feature `kerberos`)
    Kerberos,
    /// By a TLS certificate of ours
    Tls,
    /// By user and password
    Plaintext,
}

/// How a password is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SaslMechanism {
    /// As it is, so better in TLS only
    #[value(name = "PLAIN")]
    Plain,
    /// By proof
    #[value(name = "SCRAM-SHA-256")]
    ScramSha256,
    /// By proof, with the longer hash
    #[value(name = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

fn version(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('.').collect();
    let is_version = (2..=4).contains(&parts.len()) && parts.iter().all(|part| part.parse::<u16>().is_ok());
    if text.is_empty() || is_version {
        Ok(text.to_owned())
    } else {
        Err("write a version of Kafka as in 2.1.0, or leave it away".to_owned())
    }
}

super::defaults_from_flags!(ConnectionConfig);
