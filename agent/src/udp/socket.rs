//! Binding several UDP sockets to one port.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use spoor_net::ListenAddress;

use crate::config::ProcessorConfig;

/// A port that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listen on UDP {address} (--{setting}): {remedy}")]
pub struct BindError {
    setting: String,
    address: String,
    remedy: &'static str,
    source: io::Error,
}

pub(super) fn bind(
    config: &ProcessorConfig,
    address: &ListenAddress,
    count: usize,
) -> Result<(Vec<UdpSocket>, SocketAddr), BindError> {
    let buffer = config.socket_buffer;
    bind_group(address, count, buffer).map_err(|source| BindError {
        setting: config.setting("server-host-port"),
        address: address.to_string(),
        remedy: match source.kind() {
            io::ErrorKind::AddrInUse => "another program has the port; stop it or choose another port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a higher port",
            io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address",
            _ => "the address cannot be used",
        },
        source,
    })
}

fn bind_group(
    address: &ListenAddress,
    count: usize,
    buffer: usize,
) -> io::Result<(Vec<UdpSocket>, SocketAddr)> {
    let (first, local) = bind_any(address, buffer)?;
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(open(local, true, buffer)?);
    }
    Ok((sockets, local))
}

fn bind_any(address: &ListenAddress, buffer: usize) -> io::Result<(UdpSocket, SocketAddr)> {
    if address.host().is_empty() {
        // One socket for both families; where IPv6 is switched off, IPv4 alone.
        let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
        return match bind_first(both, buffer) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                bind_first(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())), buffer)
            }
            result => result,
        };
    }
    let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the host name has no address"));
    for candidate in (address.host(), address.port()).to_socket_addrs()? {
        result = bind_first(candidate, buffer);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn bind_first(address: SocketAddr, buffer: usize) -> io::Result<(UdpSocket, SocketAddr)> {
    // A second agent could join the group of sockets and would get a part of the datagrams in silence; alone on the port it is an error.
    drop(open(address, false, buffer)?);
    let socket = open(address, true, buffer)?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

fn open(address: SocketAddr, shared: bool, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_port(shared)?;
    if buffer > 0 {
        socket.set_recv_buffer_size(buffer)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[test]
    fn each_socket_of_a_port_has_the_buffer_that_is_set_and_the_systems_without() {
        let address = "127.0.0.1:0".parse().unwrap();
        let sizes = |buffer| {
            let (sockets, _) = bind_group(&address, 2, buffer).unwrap();
            let size = |socket: &UdpSocket| SockRef::from(socket).recv_buffer_size().unwrap();
            sockets.iter().map(size).collect::<Vec<_>>()
        };
        // Linux adds as much for its own accounts.
        assert_eq!(sizes(8192), [16_384; 2]);
        assert!(sizes(0).iter().all(|size| *size > 16_384));
    }
}
