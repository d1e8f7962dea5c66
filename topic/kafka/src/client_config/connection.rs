//! How brokers are reached: addresses, who we are to them, TLS. The same for both sides.

use std::fs;

use rdkafka::ClientConfig;

use crate::SettingsError;
use crate::config::{Authentication, ConnectionConfig};

/// Longer than any password; a larger file was named by mistake.
const LONGEST_SECRET: usize = 64 << 10;

/// How often the library tells how it stands; lag and health follow from it.
const STATISTICS_MILLIS: &str = "1000";

/// Settings of one side's connection, with the prefix of its flags.
struct Connection<'a> {
    settings: &'a ConnectionConfig,
    prefix: &'static str,
    config: ClientConfig,
}

pub(super) fn connection(
    settings: &ConnectionConfig,
    prefix: &'static str,
) -> Result<ClientConfig, SettingsError> {
    let mut connection = Connection { settings, prefix, config: ClientConfig::new() };
    connection.addresses()?;
    connection.authentication()?;
    connection.tls()?;
    let uses_tls = settings.tls || settings.authentication == Authentication::Tls;
    let uses_sasl = matches!(settings.authentication, Authentication::Plaintext | Authentication::Kerberos);
    let protocol = match (uses_tls, uses_sasl) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    connection
        .config
        .set("security.protocol", protocol)
        .set("client.software.name", "spoor")
        .set("statistics.interval.ms", STATISTICS_MILLIS)
        .set("socket.keepalive.enable", "true")
        // A broker that halts is noticed before a sender's patience ends.
        .set("socket.timeout.ms", "10000")
        .set("reconnect.backoff.max.ms", "3000")
        .set("log.connection.close", "false");
    Ok(connection.config)
}

impl Connection<'_> {
    fn flag(&self, name: &str) -> String {
        format!("--{}{name}", self.prefix)
    }

    fn refused<T>(&self, name: &str, problem: impl Into<String>) -> Result<T, SettingsError> {
        Err(SettingsError::new(self.flag(name), problem))
    }

    fn addresses(&mut self) -> Result<(), SettingsError> {
        let brokers: Vec<&str> = self
            .settings
            .brokers
            .iter()
            .map(|broker| broker.trim())
            .filter(|broker| !broker.is_empty())
            .collect();
        if brokers.is_empty() {
            return self.refused("brokers", "it is empty; name at least one broker as HOST:PORT");
        }
        if let Some(url) = brokers.iter().find(|broker| broker.contains("://")) {
            return self.refused("brokers", format!("write {url} as HOST:PORT, without a scheme"));
        }
        if self.settings.topic.is_empty() {
            return self.refused("topic", "it is empty; name the topic");
        }
        self.config.set("bootstrap.servers", brokers.join(","));
        if !self.settings.protocol_version.is_empty() {
            self.config.set("broker.version.fallback", &self.settings.protocol_version);
        }
        Ok(())
    }

    fn authentication(&mut self) -> Result<(), SettingsError> {
        let settings = self.settings;
        match settings.authentication {
            Authentication::Tls if settings.cert.is_empty() => {
                self.refused("authentication=tls", format!("it needs {} and .key", self.flag("tls.cert")))
            }
            Authentication::None | Authentication::Tls => self.no_user().and_then(|()| self.no_kerberos()),
            Authentication::Plaintext => self.no_kerberos().and_then(|()| self.user()),
            Authentication::Kerberos => self.kerberos(),
        }
    }

    /// What only Kerberos uses was meant to be used.
    fn no_kerberos(&self) -> Result<(), SettingsError> {
        if self.settings.kerberos == ConnectionConfig::default().kerberos {
            return Ok(());
        }
        let problem = format!("what is set here is used with {}=kerberos only", self.flag("authentication"));
        self.refused("kerberos", problem)
    }

    /// A user that nobody asks for was meant to be asked for.
    fn no_user(&self) -> Result<(), SettingsError> {
        let settings = self.settings;
        if !settings.username.is_empty()
            || !settings.password.is_empty()
            || !settings.password_file.is_empty()
            || settings.mechanism != ConnectionConfig::default().mechanism
        {
            let problem = format!(
                "user, password and mechanism are used with {}=plaintext only",
                self.flag("authentication")
            );
            return self.refused("plaintext", problem);
        }
        Ok(())
    }

    fn user(&mut self) -> Result<(), SettingsError> {
        let settings = self.settings;
        if settings.username.is_empty() {
            return self
                .refused("plaintext.username", "it is empty; --…authentication=plaintext needs a user");
        }
        let password = match (settings.password.is_empty(), settings.password_file.is_empty()) {
            (false, false) => {
                return self
                    .refused("plaintext.password-file", "the password is given as well; give one of them");
            }
            (true, true) => {
                return self.refused("plaintext.password", "there is none; give it or a file of it");
            }
            (false, true) => settings.password.expose().to_owned(),
            (true, false) => self.read_secret("plaintext.password-file", &settings.password_file)?,
        };
        self.config
            .set("sasl.mechanism", settings.mechanism.name())
            .set("sasl.username", &settings.username)
            .set("sasl.password", password);
        Ok(())
    }

    fn read_secret(&self, name: &str, path: &str) -> Result<String, SettingsError> {
        let text = self.read(name, path)?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() || secret.len() > LONGEST_SECRET {
            return self.refused(&format!("{name}={path}"), "it is empty or too long for a password");
        }
        Ok(secret.to_owned())
    }

    fn read(&self, name: &str, path: &str) -> Result<String, SettingsError> {
        let flag = || self.flag(&format!("{name}={path}"));
        let is_file =
            fs::metadata(path).map_err(|error| SettingsError::new(flag(), error.to_string()))?.is_file();
        if !is_file {
            return Err(SettingsError::new(flag(), "it is not a file"));
        }
        fs::read_to_string(path).map_err(|error| SettingsError::new(flag(), error.to_string()))
    }

    fn kerberos(&mut self) -> Result<(), SettingsError> {
        self.no_user()?;
        let kerberos = &self.settings.kerberos;
        if !cfg!(feature = "kerberos") {
            let problem = "this program was built without Kerberos; build it with `--features kerberos` (needs libsasl2-dev), \
                           or use SCRAM or a TLS certificate";
            return self.refused("authentication=kerberos", problem);
        }
        if !kerberos.use_keytab || !kerberos.password.is_empty() {
            let problem =
                "tickets are got by a keytab file only: set it, and .keytab-file, in place of a password";
            return self.refused("kerberos.use-keytab", problem);
        }
        if kerberos.config_file != "/etc/krb5.conf" {
            let problem = "name the file in the environment variable KRB5_CONFIG instead";
            return self.refused("kerberos.config-file", problem);
        }
        if kerberos.disable_fast_negotiation {
            return self.refused("kerberos.disable-fast-negotiation", "configure it in Kerberos's own file");
        }
        if kerberos.username.is_empty() || kerberos.realm.is_empty() {
            return self.refused("kerberos.username", "Kerberos needs it, and .realm");
        }
        if fs::metadata(&kerberos.keytab_file).is_err() {
            return self
                .refused(&format!("kerberos.keytab-file={}", kerberos.keytab_file), "it cannot be read");
        }
        self.config
            .set("sasl.mechanism", "GSSAPI")
            .set("sasl.kerberos.service.name", &kerberos.service_name)
            .set("sasl.kerberos.principal", format!("{}@{}", kerberos.username, kerberos.realm))
            .set("sasl.kerberos.keytab", &kerberos.keytab_file);
        Ok(())
    }

    fn tls(&mut self) -> Result<(), SettingsError> {
        let settings = self.settings;
        let files = [
            ("tls.ca", &settings.ca, "ssl.ca.location"),
            ("tls.cert", &settings.cert, "ssl.certificate.location"),
            ("tls.key", &settings.key, "ssl.key.location"),
        ];
        if !settings.server_name.is_empty() {
            let problem = "a broker's certificate has to bear the name that the broker tells to its clients (advertised.listeners); \
                           remove it";
            return self.refused("tls.server-name", problem);
        }
        if !settings.tls && settings.authentication != Authentication::Tls {
            let named = files.iter().find(|(_, path, _)| !path.is_empty()).map(|(name, ..)| *name);
            let skips = settings.skip_host_verify.then_some("tls.skip-host-verify");
            if let Some(name) = named.or(skips) {
                return self.refused(name, format!("it is used with {} only", self.flag("tls.enabled")));
            }
            return Ok(());
        }
        if settings.cert.is_empty() != settings.key.is_empty() {
            return self.refused("tls.cert", "it goes with .tls.key: give both or none");
        }
        // Where the system keeps its authorities is looked for at the usual places.
        self.config.set("ssl.ca.location", "probe");
        for (name, path, key) in files {
            if path.is_empty() {
                continue;
            }
            if !self.read(name, path)?.contains("-----BEGIN ") {
                return self.refused(&format!("{name}={path}"), "it holds nothing in PEM");
            }
            self.config.set(key, path);
        }
        if settings.skip_host_verify {
            self.config
                .set("enable.ssl.certificate.verification", "false")
                .set("ssl.endpoint.identification.algorithm", "none");
        }
        Ok(())
    }
}
