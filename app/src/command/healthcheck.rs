//! `spoor healthcheck`: asks a role's admin port whether it is ready; for containers without curl.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use spoor_tls::{ClientTls, TlsFlags};

/// Ends with status 0 when the role is ready, 1 otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct HealthcheckArgs {
    /// Address of the role's admin port: 14269 collector and all-in-one, 14270 ingester, 14271 agent, 16687 query, 14272 retention by a schedule.
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
    ca: Option<String>,

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
    cert: Option<String>,

    /// The key of that certificate, in PEM.
    #[arg(id = "tls.key", long = "tls.key", value_name = "FILE", requires = "tls.cert")]
    key: Option<String>,
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
            let tls = ClientTls {
                flags: TlsFlags::Below("--tls"),
                enabled: true,
                ca,
                cert: args.cert.as_deref().unwrap_or_default(),
                key: args.key.as_deref().unwrap_or_default(),
                server_name: args.server_name.as_deref().unwrap_or_default(),
                skip_host_verify: false,
            };
            let name = tls.server_name()?.map_or_else(|| host_name(&args.address), Ok)?;
            let connection = ClientConnection::new(Arc::new(tls.config()?), name)?;
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

/// The name that the certificate has to bear when none is given.
fn host_name(address: &str) -> Result<ServerName<'static>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    ServerName::try_from(host.to_owned())
        .with_context(|| format!("{host:?} is no name of a server; set --tls.server-name"))
}
