//! `spoor healthcheck`: asks a role's admin port whether it is ready; for containers without curl.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Ends with status 0 when the role is ready, 1 otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct HealthcheckArgs {
    /// Address of the role's admin port: 14269 collector and all-in-one, 14271 agent, 16687 query.
    #[arg(id = "address", long = "address", default_value = "127.0.0.1:14269", value_name = "HOST:PORT")]
    address: String,

    /// Ask only whether the process is alive, not whether it is ready.
    #[arg(id = "live", long = "live")]
    live: bool,

    /// How long to wait for an answer.
    #[arg(id = "timeout", long = "timeout", default_value = "3s", value_name = "DURATION", value_parser = spoor_model::parse_go_duration)]
    timeout: Duration,

    /// A file with the authorities, in PEM, that vouch for the port's certificate: the port speaks TLS (--admin.http.tls.enabled).
    #[arg(id = "tls.ca", long = "tls.ca", value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The name in the port's certificate, where it is another than the address's host.
    #[arg(id = "tls.server-name", long = "tls.server-name", value_name = "NAME", requires = "tls.ca")]
    server_name: Option<String>,

    /// Our certificate in PEM, where the port asks for one (--admin.http.tls.client-ca).
    #[arg(
        id = "tls.cert",
        long = "tls.cert",
        value_name = "FILE",
        requires = "tls.ca",
        requires = "tls.key"
    )]
    cert: Option<PathBuf>,

    /// The key of that certificate, in PEM.
    #[arg(id = "tls.key", long = "tls.key", value_name = "FILE", requires = "tls.cert")]
    key: Option<PathBuf>,
}

/// Asks once.
pub(crate) fn run(args: &HealthcheckArgs) -> Result<()> {
    let path = if args.live { "/live" } else { "/" };
    let scheme = if args.ca.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}{path}", args.address);
    let (status, body) = ask(args, path).with_context(|| format!("ask {url} whether the role is up"))?;
    if status != 200 {
        bail!("{url} answered {status}: {}", body.trim());
    }
    println!("{}", body.trim());
    Ok(())
}

/// One HTTP/1.0 request: the answer ends with the connection, so no client library is needed for it.
fn ask(args: &HealthcheckArgs, path: &str) -> Result<(u16, String)> {
    let address = args.address.to_socket_addrs()?.next().context("the address has no host")?;
    let stream = TcpStream::connect_timeout(&address, args.timeout)?;
    stream.set_read_timeout(Some(args.timeout))?;
    stream.set_write_timeout(Some(args.timeout))?;
    match &args.ca {
        None => exchange(stream, &args.address, path),
        Some(ca) => {
            let host = args.address.rsplit_once(':').map_or(args.address.as_str(), |(host, _)| host);
            let name =
                args.server_name.as_deref().unwrap_or_else(|| host.trim_matches(['[', ']'])).to_owned();
            let name = ServerName::try_from(name.clone())
                .with_context(|| format!("{name:?} is no name of a server; set --tls.server-name"))?;
            let connection =
                ClientConnection::new(Arc::new(tls(ca, args.cert.as_deref(), args.key.as_deref())?), name)?;
            exchange(StreamOwned::new(connection, stream), &args.address, path)
        }
    }
}

fn exchange(mut stream: impl Read + Write, host: &str, path: &str) -> Result<(u16, String)> {
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("the answer has no status")?;
    ensure!(head.starts_with("HTTP/1."), "the answer is not HTTP");
    Ok((status, body.to_owned()))
}

/// Trusts these authorities alone, and shows our certificate if there is one. What a file holds is never told: it may be a key.
fn tls(ca: &Path, cert: Option<&Path>, key: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("ca", ca)? {
        roots
            .add(authority)
            .map_err(|_| unusable("ca", ca, "it holds a certificate that nobody can trust"))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match (cert, key) {
        (Some(cert), Some(key)) => {
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|_| unusable("key", key, "it holds no private key in PEM that can be read"))?;
            builder
                .with_client_auth_cert(certificates("cert", cert)?, private)
                .map_err(|_| unusable("key", key, "it is not the key of the certificate in --tls.cert"))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(flag: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = read.map_err(|_| unusable(flag, file, "it cannot be read as certificates in PEM"))?;
    if all.is_empty() {
        return Err(unusable(flag, file, "it holds no certificate in PEM"));
    }
    Ok(all)
}

fn unusable(flag: &str, file: &Path, what: &str) -> anyhow::Error {
    anyhow::anyhow!("--tls.{flag}={}: {what}", file.display())
}
