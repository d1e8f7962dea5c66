//! Whom a client trusts, and who it says it is.

use std::sync::Arc;

use hyper_rustls::builderstates::WantsProtocols1;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier as PlatformVerifier;

use crate::TlsError;
use crate::any_certificate::AnyCertificate;
use crate::loaded::{Ending, LoadedCertificates};
use crate::pem::{self, Unusable};

/// What the flags of a client's TLS are called.
#[derive(Debug, Clone, Copy)]
pub enum TlsFlags<'a> {
    /// What they begin with: `--es.tls` for `--es.tls.ca`.
    Below(&'a str),
    /// Each has a name of its own, with its dashes, and there are no others.
    Named {
        /// Of the authorities.
        ca: &'a str,
        /// Of the certificate.
        cert: &'a str,
        /// Of its private key.
        key: &'a str,
    },
}

impl TlsFlags<'_> {
    fn of(self, setting: &str) -> String {
        match (self, setting) {
            (Self::Below(flags), _) => format!("{flags}.{setting}"),
            (Self::Named { ca: flag, .. }, "ca")
            | (Self::Named { cert: flag, .. }, "cert")
            | (Self::Named { key: flag, .. }, "key") => flag.to_owned(),
            (Self::Named { .. }, _) => setting.to_owned(),
        }
    }
}

/// The settings of a client's TLS, lent by who declares them. Empty texts are not set.
#[derive(Debug, Clone, Copy)]
pub struct ClientTls<'a> {
    /// What its flags are called.
    pub flags: TlsFlags<'a>,
    /// Whether TLS was asked for.
    pub enabled: bool,
    /// A PEM file of the authorities to trust; without one those of the system.
    pub ca: &'a str,
    /// A PEM file of the certificate to show.
    pub cert: &'a str,
    /// A PEM file of its private key.
    pub key: &'a str,
    /// The name that the server's certificate has to bear, instead of the address's host.
    pub server_name: &'a str,
    /// Whether any certificate will do.
    pub skip_host_verify: bool,
}

impl ClientTls<'_> {
    /// Refuses what would have no effect, half a pair, and what is no name. Reads no file.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn check(&self) -> Result<(), TlsError> {
        let set = [
            (!self.ca.is_empty(), "ca"),
            (!self.cert.is_empty(), "cert"),
            (!self.key.is_empty(), "key"),
            (!self.server_name.is_empty(), "server-name"),
            (self.skip_host_verify, "skip-host-verify"),
        ];
        if !self.enabled {
            let idle = set.into_iter().find(|(set, _)| *set);
            return idle.map_or(Ok(()), |(_, setting)| {
                let problem = format!("it has no effect without {}", self.flag("enabled"));
                Err(self.setting(setting, problem))
            });
        }
        let pair = || "certificate and private key go together: give both or none".to_owned();
        match (self.cert.is_empty(), self.key.is_empty()) {
            (false, true) => Err(self.setting("cert", pair())),
            (true, false) => Err(self.setting("key", pair())),
            _ => self.server_name().map(drop),
        }
    }

    /// What a connection is to do; reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|problem| self.setting("enabled", problem.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider)?);
        if self.cert.is_empty() {
            return Ok(builder.with_no_client_auth());
        }
        let chain = self.file("cert", self.cert, pem::certificates)?;
        let key = self.file("key", self.key, pem::private_key)?;
        builder.with_client_auth_cert(chain, key).map_err(|problem| {
            let problem = match problem {
                rustls::Error::InconsistentKeys(_) => {
                    format!("it is not the key of the certificate in {}={}", self.flag("cert"), self.cert)
                }
                other => other.to_string(),
            };
            self.unusable("key", self.key, problem)
        })
    }

    /// Tells when the authorities and the certificate end, as the files say now: for whoever has just made a [`ClientTls::config`] of them.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn report(&self, certificates: &LoadedCertificates) -> Result<(), TlsError> {
        if !self.enabled {
            return Ok(());
        }
        certificates.read(&self.flag("ca"), self.ca, Ending::First)?;
        certificates.read(&self.flag("cert"), self.cert, Ending::OfLeaf)
    }

    /// The name that is set; `None` for the address's host.
    ///
    /// # Errors
    /// [`TlsError`]: no certificate can bear it.
    pub fn server_name(&self) -> Result<Option<ServerName<'static>>, TlsError> {
        if self.server_name.is_empty() {
            return Ok(None);
        }
        ServerName::try_from(self.server_name.to_owned()).map(Some).map_err(|_| {
            let problem = format!("{:?} is neither a host name nor an IP address", self.server_name);
            self.setting("server-name", problem)
        })
    }

    /// Puts TLS around TCP for HTTP/1; an address that begins with `http://` goes without.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn connector(&self, mut tcp: HttpConnector) -> Result<HttpsConnector<HttpConnector>, TlsError> {
        tcp.enforce_http(false);
        Ok(self.connecting()?.enable_http1().wrap_connector(tcp))
    }

    /// As [`ClientTls::connector`], for HTTP/2.
    ///
    /// # Errors
    /// [`TlsError`] names the setting and the remedy.
    pub fn connector_http2(&self, mut tcp: HttpConnector) -> Result<HttpsConnector<HttpConnector>, TlsError> {
        tcp.enforce_http(false);
        Ok(self.connecting()?.enable_http2().wrap_connector(tcp))
    }

    fn connecting(&self) -> Result<HttpsConnectorBuilder<WantsProtocols1>, TlsError> {
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.config()?).https_or_http();
        Ok(match self.server_name()? {
            None => builder,
            Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        })
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        // Even if nothing is checked against it: a wrong file should not wait for the day on which it is needed.
        let roots =
            if self.ca.is_empty() { None } else { Some(self.file("ca", self.ca, pem::authorities)?) };
        if self.skip_host_verify {
            return Ok(Arc::new(AnyCertificate(provider)));
        }
        let Some(roots) = roots else {
            let platform = PlatformVerifier::new(provider).map_err(|problem| {
                self.setting("ca", format!("the system's authorities cannot be used: {problem}; name a file"))
            })?;
            return Ok(Arc::new(platform));
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier
            .map(|verifier| verifier as _)
            .map_err(|problem| self.unusable("ca", self.ca, problem.to_string()))
    }

    fn file<T>(
        &self,
        setting: &str,
        path: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, Unusable>,
    ) -> Result<T, TlsError> {
        let parsed = pem::read(path).and_then(|pem| parse(&pem));
        parsed.map_err(|Unusable(problem)| self.unusable(setting, path, problem))
    }

    fn flag(&self, setting: &str) -> String {
        self.flags.of(setting)
    }

    fn setting(&self, setting: &str, problem: String) -> TlsError {
        TlsError::Setting { flag: self.flag(setting), problem }
    }

    fn unusable(&self, setting: &str, path: &str, problem: String) -> TlsError {
        TlsError::File { flag: self.flag(setting), path: path.to_owned(), problem }
    }
}
