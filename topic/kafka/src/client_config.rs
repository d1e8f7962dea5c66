//! From our settings to those of librdkafka, refusing what cannot work.

use std::fs;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::SettingsError;
use crate::config::{
    Acks, Authentication, Compression, ConnectionConfig, ConsumerConfig, ConsumerConnection, ProducerConfig,
    ProducerConnection,
};

/// Longer than any password; a larger file was named by mistake.
const LONGEST_SECRET: usize = 64 << 10;
/// How often the library tells how it stands; lag and health follow from it.
const STATISTICS_MILLIS: &str = "1000";
/// How long a record may be under way before it is given up, when its sender has been told long ago. Until then it holds memory.
const DELIVERY_MILLIS: &str = "60000";
/// The most records of a partition with which more are fetched ahead: each takes some 300 bytes beside its contents.
const QUEUED_RECORDS: &str = "2000";
/// How long fetching rests when enough of a partition waits to be taken. The library's second held one partition to its queue's size
/// a second; looking so often costs 1 % of a core.
const QUEUE_BACKOFF_MILLIS: &str = "2";
/// How long a broker holds a fetch that finds nothing. Meanwhile nothing else is fetched from it: a partition with a backlog waits for
/// those without.
const FETCH_WAIT_MILLIS: &str = "50";

/// Settings of one side's connection, with the prefix of its flags.
struct Connection<'a> {
    settings: &'a ConnectionConfig,
    prefix: &'static str,
    config: ClientConfig,
}

/// The settings of a producer.
pub(crate) fn producer(settings: &ProducerConfig) -> Result<ClientConfig, SettingsError> {
    let mut config = connection(&settings.connection, ProducerConnection::PREFIX)?;
    let (codec, highest) = settings.compression.name_and_levels();
    let level = settings.compression_level;
    if level > highest {
        let flag = format!("--kafka.producer.compression-level={level}");
        let problem = match settings.compression {
            Compression::None | Compression::Snappy => {
                format!("compression {codec} has no levels; remove it")
            }
            _ => format!("{codec} has levels up to {highest}"),
        };
        return Err(SettingsError::new(flag, problem));
    }
    if settings.batch_min_messages > 0 {
        let flag = format!("--kafka.producer.batch-min-messages={}", settings.batch_min_messages);
        let problem = "a batch goes when it is full or its time is over; set --kafka.producer.batch-linger or .batch-size instead";
        return Err(SettingsError::new(flag, problem));
    }
    let all = settings.acks == Acks::All;
    let acks = match settings.acks {
        Acks::Noack => "0",
        Acks::Local => "1",
        Acks::All => "all",
    };
    let batch_bytes = if settings.batch_size == 0 { settings.max_message_bytes } else { settings.batch_size };
    let batch_records = if settings.batch_max_messages == 0 { 100_000 } else { settings.batch_max_messages };
    config
        .set("acks", acks)
        .set("enable.idempotence", all.to_string())
        .set("compression.codec", codec)
        .set("linger.ms", settings.batch_linger.as_millis().to_string())
        .set("batch.size", batch_bytes.to_string())
        .set("batch.num.messages", batch_records.to_string())
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .set("message.timeout.ms", DELIVERY_MILLIS)
        // The bounds are ours: see `writer`.
        .set("queue.buffering.max.kbytes", "2097151")
        .set("queue.buffering.max.messages", "0");
    if level > 0 {
        config.set("compression.level", level.to_string());
    }
    Ok(config)
}

/// The settings of a consumer.
pub(crate) fn consumer(settings: &ConsumerConfig) -> Result<ClientConfig, SettingsError> {
    if settings.group_id.is_empty() {
        return Err(SettingsError::new("--kafka.consumer.group-id", "it is empty; name the group"));
    }
    let session = settings.session_timeout.as_millis();
    if !(6_000..=1_800_000).contains(&session) {
        return Err(SettingsError::new("--kafka.consumer.session-timeout", "set it from 6s to 30m"));
    }
    if settings.commit_interval.is_zero() {
        return Err(SettingsError::new("--kafka.consumer.commit-interval", "it has to be more than 0s"));
    }
    if settings.release_timeout.as_secs() >= 300 {
        return Err(SettingsError::new("--kafka.consumer.release-timeout", "it has to be less than 5m"));
    }
    let mut config = connection(&settings.connection, ConsumerConnection::PREFIX)?;
    config
        .set("group.id", &settings.group_id)
        .set("client.id", &settings.client_id)
        .set("partition.assignment.strategy", settings.assignor.name())
        .set("session.timeout.ms", session.to_string())
        .set("heartbeat.interval.ms", (session / 10).min(3_000).to_string())
        .set("fetch.message.max.bytes", settings.fetch_max_message_bytes.to_string())
        // What is fetched ahead of time, of each partition: with less than that waiting, as much again is fetched.
        .set("queued.max.messages.kbytes", (settings.fetch_max_message_bytes / 1_024).max(1).to_string())
        .set("queued.min.messages", QUEUED_RECORDS)
        .set("fetch.queue.backoff.ms", QUEUE_BACKOFF_MILLIS)
        .set("fetch.wait.max.ms", FETCH_WAIT_MILLIS)
        .set("topic.metadata.refresh.interval.ms", settings.refresh.as_millis().max(100).to_string())
        // What the reader has noted as settled, and nothing else.
        .set("enable.auto.commit", "true")
        .set(
            "auto.commit.interval.ms",
            settings.commit_interval.as_millis().clamp(100, 86_400_000).to_string(),
        )
        .set("enable.auto.offset.store", "false")
        // Places are given with each assignment; a place that is gone is told, not silently left.
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true");
    for (key, value) in [("group.instance.id", &settings.instance_id), ("client.rack", &settings.rack_id)] {
        if !value.is_empty() {
            config.set(key, value);
        }
    }
    Ok(config)
}

/// The settings of one who looks at a topic, a page at a time: little is fetched ahead, and the end is told at once.
pub(crate) fn browser(settings: &ConsumerConfig) -> Result<ClientConfig, SettingsError> {
    let mut config = consumer(settings)?;
    // A name of a member that is none would only be in its namesake's way.
    config.remove("group.instance.id");
    config
        .set("enable.auto.commit", "false")
        .set("statistics.interval.ms", "0")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "10");
    Ok(config)
}

fn connection(settings: &ConnectionConfig, prefix: &'static str) -> Result<ClientConfig, SettingsError> {
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
            Authentication::None => self.no_user(),
            Authentication::Tls if settings.cert.is_empty() => {
                self.refused("authentication=tls", format!("it needs {} and .key", self.flag("tls.cert")))
            }
            Authentication::Tls => self.no_user(),
            Authentication::Plaintext => self.user(),
            Authentication::Kerberos => self.kerberos(),
        }
    }

    /// A user that nobody asks for was meant to be asked for.
    fn no_user(&self) -> Result<(), SettingsError> {
        let settings = self.settings;
        if !settings.username.is_empty()
            || !settings.password.is_empty()
            || !settings.password_file.is_empty()
        {
            let problem =
                format!("user and password are used with {}=plaintext only", self.flag("authentication"));
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
            if let Some((name, ..)) = files.iter().find(|(_, path, _)| !path.is_empty()) {
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

/// What librdkafka says against the settings as a whole, in the words of our flags. It names its own settings; values are left out, as
/// some are secret.
pub(crate) fn refused(error: &KafkaError, prefix: &str) -> SettingsError {
    let text = match error {
        KafkaError::ClientConfig(_, description, key, _) => format!("{key}: {description}"),
        other => other.to_string(),
    };
    let known = [
        ("ssl.ca.location", "tls.ca"),
        ("ssl.certificate.location", "tls.cert"),
        ("ssl.key.location", "tls.key"),
        ("sasl.", "authentication"),
        ("broker.version.fallback", "protocol-version"),
        ("bootstrap.servers", "brokers"),
    ];
    let name = known.iter().find(|(theirs, _)| text.contains(theirs)).map_or("brokers", |(_, ours)| ours);
    SettingsError::new(format!("--{prefix}{name}"), text)
}
