//! `spoor healthcheck`: asks a role's admin port whether it is ready; for containers without curl.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

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
}

/// Asks once.
pub(crate) fn run(args: &HealthcheckArgs) -> Result<()> {
    let path = if args.live { "/live" } else { "/" };
    let (status, body) = ask(&args.address, path, args.timeout)
        .with_context(|| format!("ask http://{}{path} whether the role is up", args.address))?;
    if status != 200 {
        bail!("http://{}{path} answered {status}: {}", args.address, body.trim());
    }
    println!("{}", body.trim());
    Ok(())
}

/// One HTTP/1.0 request: the answer ends with the connection, so no client library is needed for it.
fn ask(address: &str, path: &str, timeout: Duration) -> Result<(u16, String)> {
    let address = address.to_socket_addrs()?.next().context("the address has no host")?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("the answer has no status")?;
    ensure!(head.starts_with("HTTP/1."), "the answer is not HTTP");
    Ok((status, body.to_owned()))
}
