//! An authority of a story's own, and a client that speaks HTTPS by hand.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::{BoxError, service_fn};

const PATIENCE: Duration = Duration::from_secs(20);

/// Signs certificates, and keeps them in a folder: `ca`, `NAME.crt`, `NAME.key`.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, with an empty folder but for itself.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca"), issuer.pem())?;
        Ok(Self { folder, issuer })
    }

    /// Where a file of the folder lies.
    #[must_use]
    pub fn path(&self, file: &str) -> String {
        self.folder.path().join(file).to_string_lossy().into_owned()
    }

    /// A certificate for that name or address, in the place of an earlier one of this file.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn issue(&self, file: &str, name: &str) -> Result<()> {
        self.issue_until(file, name, 2100)
    }

    /// As [`Authority::issue`]: one that ends with the beginning of a year.
    ///
    /// # Errors
    /// As there.
    pub fn issue_until(&self, file: &str, name: &str, year: i32) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer)?;
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem())?;
        Ok(std::fs::write(self.path(&format!("{file}.crt")), certificate.pem())?)
    }

    /// Flags that have a port speak TLS with that file's certificate.
    #[must_use]
    pub fn flags(&self, port: &str, file: &str) -> [String; 3] {
        [
            format!("--{port}.tls.enabled"),
            format!("--{port}.tls.cert={}", self.path(&format!("{file}.crt"))),
            format!("--{port}.tls.key={}", self.path(&format!("{file}.key"))),
        ]
    }

    /// Trusts this authority, and shows the certificate of that file if there is one.
    fn client(&self, shows: Option<&str>, protocols: &[&[u8]]) -> Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let path = |end: &str| self.path(&format!("{file}.{end}"));
                let chain = vec![CertificateDer::from_pem_file(Path::new(&path("crt")))?];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(Path::new(&path("key")))?)?
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config).into())
    }

    /// A channel of gRPC to a server that has to prove this name.
    ///
    /// # Errors
    /// When there is no connection, or the server cannot prove it.
    pub async fn channel(&self, address: &str, name: &'static str, shows: Option<&str>) -> Result<Channel> {
        let client = self.client(shows, &[b"h2"])?;
        let address: SocketAddr = address.parse()?;
        let connect = service_fn(move |_: Uri| {
            let client = client.clone();
            async move {
                let stream =
                    client.connect(ServerName::try_from(name)?, TcpStream::connect(address).await?).await?;
                Ok::<_, BoxError>(TokioIo::new(stream))
            }
        });
        // The connector speaks TLS, so the channel is not told of it.
        let endpoint =
            Endpoint::from_shared(format!("http://{name}"))?.connect_timeout(PATIENCE).timeout(PATIENCE);
        Ok(endpoint.connect_with_connector(connect).await?)
    }

    /// The status and the whole answer to a GET, from a server that has to prove this name.
    ///
    /// # Errors
    /// When there is no answer in time, or the server cannot prove it.
    pub async fn get(
        &self,
        address: &str,
        path: &str,
        name: &'static str,
        shows: Option<&str>,
    ) -> Result<(u16, String)> {
        let client = self.client(shows, &[])?;
        let asking = async {
            let address: SocketAddr = address.parse()?;
            let stream = TcpStream::connect(address).await?;
            let mut stream = client.connect(ServerName::try_from(name)?, stream).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            ensure!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
            let status = answer.split(' ').nth(1).context("an answer has a status")?.parse()?;
            Ok((status, answer))
        };
        tokio::time::timeout(PATIENCE, asking).await.context("no answer in time")?
    }
}
