//! One UDP socket, by which nothing comes back: a datagram that the system has taken is sent, and nobody knows whether it arrived.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use http::uri::Authority;
use tokio::net::{UdpSocket, lookup_host};

use super::answer::{Answer, Retry};
use super::endpoint::Endpoint;

/// A socket that is made when it is first needed.
#[derive(Debug)]
pub(crate) struct UdpConnection {
    to: Authority,
    socket: Option<UdpSocket>,
}

impl UdpConnection {
    /// Prepares the socket; `None` when the endpoint names no host.
    pub(crate) fn open(endpoint: &Endpoint) -> Option<Self> {
        Some(Self { to: endpoint.0.authority()?.clone(), socket: None })
    }

    /// Sends one datagram. It is not known to have arrived, unless the system knows that it did not.
    pub(crate) async fn send(&mut self, datagram: &[u8]) -> Answer {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => match connect(&self.to).await {
                Ok(socket) => socket,
                Err(error) => return Answer::unreachable(&error),
            },
        };
        let sent = socket.send(datagram).await;
        self.socket = Some(socket);
        match sent {
            Ok(_) => Answer::unanswered(),
            // A datagram before this one found nobody; this one was not sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Answer::unreachable(&error),
            Err(error) => {
                let message = error.to_string();
                Answer::Refused { reason: "not sent".to_owned(), message, retry: Retry::Never }
            }
        }
    }
}

async fn connect(to: &Authority) -> io::Result<UdpSocket> {
    let host = to.host().trim_start_matches('[').trim_end_matches(']');
    let port =
        to.port_u16().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no port is given"))?;
    let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let address = lookup_host((host, port)).await?.next().ok_or_else(none)?;
    let local: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(address).await?;
    Ok(socket)
}
