//! Who set up the secured store: its authority, its certificates, and what a user who may do everything tells it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use xtask::servers::{Certificates, SecuredElasticsearch};

const PATIENCE: Duration = Duration::from_secs(30);

/// `spoor:spoor-secret` in base64, as HTTP has a user and a password.
const CREDENTIALS: &str = "c3Bvb3I6c3Bvb3Itc2VjcmV0";

/// The administrator, with a folder for certificates and secrets.
pub(crate) struct Administrator {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    address: String,
}

fn named(name: &str, addresses: &[&str]) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(addresses.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

impl Administrator {
    /// Starts the store with certificates of a new authority; there is a client's certificate, too, for `CN=spoor-client`.
    pub(crate) async fn with_store() -> Result<(Self, SecuredElasticsearch)> {
        let mut params = named("an authority", &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let folder = tempfile::tempdir()?;
        let mut administrator = Self { folder, authority, address: String::new() };
        administrator.file("ca.pem", &administrator.authority.pem())?;
        administrator.issue("client", "spoor-client", &[])?;
        let (certificate, key) = administrator.issue("node", "node", &["127.0.0.1"])?;
        let ca = administrator.authority.pem();
        let server = tokio::task::spawn_blocking(move || {
            SecuredElasticsearch::start(&Certificates {
                authority: &ca,
                certificate: &certificate,
                key: &key,
            })
        })
        .await??;
        administrator.address = server.url().trim_start_matches("https://").to_owned();
        Ok((administrator, server))
    }

    /// The path of a file of that name, with this in it.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<String> {
        std::fs::write(self.path(name), text)?;
        Ok(self.path(name))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// The PEM of a certificate and its key, which lie in `FILE.crt` and `FILE.key`, too.
    fn issue(&self, file: &str, name: &str, addresses: &[&str]) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let certificate = named(name, addresses)?.signed_by(&key, &self.authority)?.pem();
        self.file(&format!("{file}.crt"), &certificate)?;
        self.file(&format!("{file}.key"), &key.serialize_pem())?;
        Ok((certificate, key.serialize_pem()))
    }

    fn client(&self) -> Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into())
    }

    /// What the store answers to whom nothing is forbidden; anything but success is an error.
    pub(crate) async fn tell(&self, line: &str, body: &Value) -> Result<Value> {
        let asking = async {
            let stream = TcpStream::connect(&self.address).await?;
            let mut stream = self.client()?.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let request = format!(
                "{line} HTTP/1.1\r\nhost: store\r\nconnection: close\r\nauthorization: Basic {CREDENTIALS}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            let answer = String::from_utf8(answer)?;
            let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
            ensure!(head.starts_with("HTTP/1.1 2"), "{line}: {answer}");
            serde_json::from_str(body).with_context(|| format!("{line}: {answer}"))
        };
        tokio::time::timeout(PATIENCE, asking).await.with_context(|| format!("{line}: no answer in time"))?
    }
}
