//! One bounded HTTP GET over a plain socket: all that asking a server whether it is ready takes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// An answer is small or not the one we wait for.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Status and text after the headers of `GET http://127.0.0.1:PORT PATH`; `limit` bounds each wait on the socket.
///
/// # Errors
/// No connection, a socket error, or no HTTP status line.
pub(crate) fn get(port: u16, path: &str, limit: Duration) -> Result<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream =
        TcpStream::connect_timeout(&address, limit).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(limit)).context("bound reads")?;
    stream.set_write_timeout(Some(limit)).context("bound writes")?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .context("send the request")?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).context("read the answer")?;
    parse(&String::from_utf8_lossy(&answer)).with_context(|| format!("no HTTP answer from {address}{path}"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_status_and_body() {
        let answer = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(answer), Some((408, "{}".to_owned())));
    }

    #[test]
    fn what_is_no_http_is_no_answer() {
        for answer in ["", "HTTP/1.1", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 2\r\n\r\n", "SSH-2.0-x\r\n\r\n"] {
            assert_eq!(parse(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn a_closed_port_is_an_error() {
        let port = super::super::free_port().unwrap();
        assert!(get(port, "/", Duration::from_secs(5)).is_err());
    }
}
