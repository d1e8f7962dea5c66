//! A Kafka broker of a test's own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::kafka;
use super::server::Server;

/// Certificates and a user for a broker that is not open to everyone.
pub struct KafkaSecurity<'a> {
    /// PEM of the authority that signed the broker's certificate, and clients' certificates.
    pub authority: &'a str,
    /// PEM of the broker's certificate (for 127.0.0.1 and localhost) and its key in PKCS#8.
    pub certificate_and_key: &'a str,
    /// The user of PLAIN and both SCRAM mechanisms; with TLS there is no SCRAM-SHA-512.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
    /// Another user of PLAIN with the same password, who may do nothing.
    pub stranger: &'a str,
}

/// A Kafka broker with its own data, on free ports of 127.0.0.1.
///
/// It ends, and its folder goes, when the value is dropped or this process is gone, whatever ended it.
pub struct Kafka {
    server: Server,
}

/// Above the clients' port, in this order.
/// Whom the broker takes a client's certificate for.
const CLIENT: &str = "CN=signed by it";
const TLS_OFFSET: u16 = 2_000;
const SASL_OFFSET: u16 = 3_000;
const SASL_TLS_OFFSET: u16 = 4_000;

impl Kafka {
    /// Starts one and waits until it is ready: about 7 s, the first time on a machine also the download (45 MB).
    ///
    /// # Errors
    /// No fitting JDK, no Maven, no release that resolves, or a server that does not get ready (with its log's end).
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same with further lines of `server.properties`, as `auto.create.topics.enable=false`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(properties: &str) -> Result<Self> {
        let server = Server::prepare(&kafka::KAFKA)?;
        kafka::configure(server.place(), properties, &[])?;
        Self::run(server)
    }

    /// One that has, beside its open port, [`tls`](Self::tls) for clients with a certificate, and [`sasl`](Self::sasl) and
    /// [`sasl_tls`](Self::sasl_tls) for the user.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_secured(security: &KafkaSecurity<'_>) -> Result<Self> {
        let server = Server::prepare(&kafka::KAFKA)?;
        let folder = &server.place().folder;
        fs::write(folder.join("ca.pem"), security.authority).context("write the broker's authority")?;
        fs::write(folder.join("node.pem"), security.certificate_and_key)
            .context("write the broker's certificate")?;
        let properties = secured(server.place().port, &folder.display().to_string(), security);
        let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .map(|mechanism| format!("{mechanism}=[name={},password={}]", security.user, security.password));
        let arguments = users.into_iter().flat_map(|user| ["--add-scram".to_owned(), user]);
        kafka::configure(server.place(), &properties, &arguments.collect::<Vec<_>>())?;
        Self::run(server)
    }

    fn run(mut server: Server) -> Result<Self> {
        server.start_again()?;
        Ok(Self { server })
    }

    /// `127.0.0.1:PORT`, the same for its whole life: open to everyone.
    #[must_use]
    pub fn brokers(&self) -> &str {
        self.server.url()
    }

    /// Where it speaks TLS and wants a client's certificate; of a secured one only.
    #[must_use]
    pub fn tls(&self) -> String {
        self.at(TLS_OFFSET)
    }

    /// Where it wants a user, without TLS; of a secured one only.
    #[must_use]
    pub fn sasl(&self) -> String {
        self.at(SASL_OFFSET)
    }

    /// Where it wants a user, with TLS, and does not know SCRAM-SHA-512; of a secured one only.
    #[must_use]
    pub fn sasl_tls(&self) -> String {
        self.at(SASL_TLS_OFFSET)
    }

    /// Bytes of the records of a topic as they lie on its disk, with what their batches take.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn log_bytes(&self, topic: &str) -> Result<u64> {
        let mut bytes = 0;
        for file in self.log_files(topic)? {
            bytes += fs::metadata(file).context("ask for a segment's size")?.len();
        }
        Ok(bytes)
    }

    /// The records of a topic as they lie on its disk: batch behind batch, file by file.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn log(&self, topic: &str) -> Result<Vec<Vec<u8>>> {
        let files = self.log_files(topic)?;
        files.into_iter().map(|file| fs::read(file).context("read a segment")).collect()
    }

    fn log_files(&self, topic: &str) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in
            fs::read_dir(self.server.place().folder.join("data")).context("list the broker's data")?
        {
            let folder = folder.context("list the broker's data")?;
            let name = folder.file_name().to_string_lossy().into_owned();
            // A partition's folder is called TOPIC-NUMBER.
            if name.rsplit_once('-').is_none_or(|(of, _)| of != topic) {
                continue;
            }
            for file in fs::read_dir(folder.path()).context("list a partition's files")? {
                let path = file.context("list a partition's files")?.path();
                if path.extension().is_some_and(|extension| extension == "log") {
                    files.push(path);
                }
            }
        }
        Ok(files)
    }

    fn at(&self, offset: u16) -> String {
        format!("127.0.0.1:{}", self.server.place().port + offset)
    }

    /// Ends it in order (SIGTERM) and keeps its data; nothing happens when it is not running.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }

    /// Ends it at once (SIGKILL) and keeps what it had on disk; nothing happens when it is not running.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// Halts it (SIGSTOP) until [`resume`](Self::resume): it takes connections, and answers none.
    ///
    /// # Errors
    /// When it does not run, or the system refuses to signal it.
    pub fn pause(&self) -> Result<()> {
        self.server.pause()
    }

    /// Lets a paused one go on where it was.
    ///
    /// # Errors
    /// When it does not run, or the system refuses to signal it.
    pub fn resume(&self) -> Result<()> {
        self.server.resume()
    }

    /// After [`stop`](Self::stop) or [`kill`](Self::kill): starts it on the same ports and data, and waits until it is ready.
    ///
    /// # Errors
    /// When it still runs, or does not get ready (with its log's end).
    pub fn start_again(&mut self) -> Result<()> {
        self.server.start_again()
    }
}

/// The broker exits unless every SASL listener has a line for each of its mechanisms.
fn secured(port: u16, folder: &str, security: &KafkaSecurity<'_>) -> String {
    let KafkaSecurity { user, password, stranger, .. } = security;
    let (tls, sasl, sasl_tls) = (port + TLS_OFFSET, port + SASL_OFFSET, port + SASL_TLS_OFFSET);
    let controller = kafka::controller_port(port);
    let modules = "org.apache.kafka.common.security";
    let logins: String = ["sasl_plaintext", "sasl_ssl"]
        .into_iter()
        .map(|listener| {
            let line = format!("listener.name.{listener}");
            format!(
                "{line}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{user}=\"{password}\" \
                 user_{stranger}=\"{password}\";\n\
                 {line}.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;\n\
                 {line}.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;\n"
            )
        })
        .collect();
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SSL://127.0.0.1:{tls},\
         SASL_PLAINTEXT://127.0.0.1:{sasl},SASL_SSL://127.0.0.1:{sasl_tls}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},SSL://127.0.0.1:{tls},SASL_PLAINTEXT://127.0.0.1:{sasl},\
         SASL_SSL://127.0.0.1:{sasl_tls}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
         ssl.keystore.type=PEM\nssl.keystore.location={folder}/node.pem\nssl.truststore.type=PEM\nssl.truststore.location={folder}/ca.pem\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS;User:{user};User:{CLIENT}\n\
         listener.name.ssl.ssl.client.auth=required\nsasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\n{logins}"
    )
}
