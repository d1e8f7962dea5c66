//! TLS of a port: rustls with ring. Files are PEM, and read again when they change; connections that are open go on as they are.

mod ciphers;
mod config;
mod files;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use config::{TlsArgs, TlsConfig, TlsPort};
use files::Files;
pub use spoor_tls::LoadedCertificates;

/// TLS settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A setting without another that it needs.
    #[error("{flag}: {problem}")]
    Alone {
        /// With its dashes.
        flag: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file that cannot be used.
    #[error("{flag}={path}: {problem}")]
    File {
        /// With its dashes.
        flag: String,
        /// Where it should lie.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Versions and suites that leave nothing over.
    #[error("{flag}: {source}; no client could connect with these versions and cipher suites")]
    Nothing {
        /// With its dashes.
        flag: String,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// TLS of a port, and what its files said last.
pub(crate) struct Tls {
    config: TlsConfig,
    files: Files,
    server: ServerConfig,
    certificates: LoadedCertificates,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files; `None` when the port is to speak plainly.
    pub(crate) fn open(config: &TlsConfig) -> Result<Option<Self>, TlsError> {
        config.check()?;
        if !config.enabled {
            return Ok(None);
        }
        let files = Files::read(config)?;
        let server = files.server(config)?;
        Ok(Some(Self { config: config.clone(), files, server, certificates: LoadedCertificates::default() }))
    }

    /// Tells when its certificates end, now and whenever they change.
    pub(crate) fn report(&mut self, certificates: &LoadedCertificates) {
        self.certificates = certificates.clone();
        self.files.report(&self.config, certificates);
    }

    /// Begins to take connections, for HTTP/2 alone or for HTTP/1 too.
    pub(crate) fn serve(self, http2_only: bool) -> (Arc<Handshakes>, Reloading) {
        let protocols: &'static [&'static [u8]] = if http2_only { &[b"h2"] } else { &[b"h2", b"http/1.1"] };
        let acceptor = acceptor(self.server, protocols);
        let handshakes = Arc::new(Handshakes { acceptor: RwLock::new(acceptor) });
        let reloading = Reloading {
            config: self.config,
            files: self.files,
            protocols,
            handshakes: Arc::clone(&handshakes),
            certificates: self.certificates,
        };
        (handshakes, reloading)
    }
}

fn acceptor(mut server: ServerConfig, protocols: &[&[u8]]) -> TlsAcceptor {
    server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(server).into()
}

/// Takes connections with the certificate that holds now.
pub(crate) struct Handshakes {
    acceptor: RwLock<TlsAcceptor>,
}

impl Handshakes {
    /// Does the handshake. A client that does not end it in `patience` is an error.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::time::timeout(patience, acceptor.accept(stream)).await?
    }
}

/// Follows the files of a port.
pub(crate) struct Reloading {
    config: TlsConfig,
    files: Files,
    protocols: &'static [&'static [u8]],
    handshakes: Arc<Handshakes>,
    certificates: LoadedCertificates,
}

impl Reloading {
    /// Looks at the files again and again, and takes what is new. What cannot be used (a certificate whose key is still to come) changes
    /// nothing, and is told once.
    pub(crate) async fn run(mut self) {
        let Some(interval) = self.config.reload_interval() else { return };
        let mut told = String::new();
        loop {
            tokio::time::sleep(interval).await;
            let prefix = self.config.prefix;
            let (back, outcome) = match tokio::task::spawn_blocking(move || self.look()).await {
                Ok(looked) => looked,
                // It broke, or the runtime is ending.
                Err(_) => return,
            };
            self = back;
            match outcome {
                Ok(false) => told.clear(),
                Ok(true) => {
                    told.clear();
                    tracing::info!(setting = prefix, "the TLS files have changed; new connections get them");
                }
                Err(error) if told == error.to_string() => {}
                Err(error) => {
                    told = error.to_string();
                    tracing::warn!(setting = prefix, %error, "the changed TLS files cannot be used; the port goes on with the old ones");
                }
            }
        }
    }

    /// True when there was something new.
    fn look(mut self) -> (Self, Result<bool, TlsError>) {
        let outcome = Files::read(&self.config).and_then(|files| {
            if files == self.files {
                return Ok(false);
            }
            let server = files.server(&self.config)?;
            self.files = files;
            let fresh = acceptor(server, self.protocols);
            *self.handshakes.acceptor.write().unwrap_or_else(PoisonError::into_inner) = fresh;
            self.files.report(&self.config, &self.certificates);
            Ok(true)
        });
        (self, outcome)
    }
}
