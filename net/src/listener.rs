//! Binding a port before any work is done. An error names the setting and what to do.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};
use spoor_tls::LoadedCertificates;

use crate::ListenAddress;
use crate::tls::{Tls, TlsConfig, TlsError};

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: i32 = 1024;

/// A bound port. Connections queue in the kernel until [`crate::serve`] takes them.
#[derive(Debug)]
pub struct Listener {
    setting: &'static str,
    socket: TcpListener,
    local: SocketAddr,
    tls: Option<Tls>,
}

/// A port that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BindError(#[from] Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("listen on {address} (--{setting}): {remedy}")]
    Bind { setting: &'static str, address: String, remedy: &'static str, source: io::Error },
    #[error(transparent)]
    Tls(TlsError),
}

impl Listener {
    /// Binds `address`. `setting` is the flag that holds the address, without dashes, for messages.
    ///
    /// # Errors
    /// [`BindError`] names the setting, the address and the remedy.
    pub fn bind(setting: &'static str, address: &ListenAddress) -> Result<Self, BindError> {
        let bound = bind_any(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|source| Cause::Bind {
            setting,
            address: address.to_string(),
            remedy: remedy(source.kind()),
            source,
        })?;
        Ok(Self { setting, socket, local, tls: None })
    }

    /// The same port with TLS, if the settings ask for it.
    ///
    /// # Errors
    /// [`BindError`] names the setting of TLS that cannot work, and the remedy.
    pub fn with_tls(self, config: &TlsConfig) -> Result<Self, BindError> {
        let tls = Tls::open(config).map_err(Cause::Tls)?;
        Ok(Self { tls, ..self })
    }

    /// Tells when the certificates end that it shows and trusts, now and whenever it takes new ones from its files.
    pub fn report_certificates(&mut self, certificates: &LoadedCertificates) {
        if let Some(tls) = &mut self.tls {
            tls.report(certificates);
        }
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The address as bound: with the real port where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The setting that chose the address.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    pub(crate) fn into_tokio(self) -> io::Result<(tokio::net::TcpListener, Option<Tls>)> {
        Ok((tokio::net::TcpListener::from_std(self.socket)?, self.tls))
    }
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "another program has the port; stop it or choose another port",
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a higher port",
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address",
        _ => "the address cannot be used",
    }
}

fn bind_any(address: &ListenAddress) -> io::Result<TcpListener> {
    if address.host().is_empty() {
        // One socket for both families; where IPv6 is switched off, IPv4 alone.
        let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
        return match bind_one(both) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                bind_one(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
            }
            result => result,
        };
    }
    let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the host name has no address"));
    for candidate in (address.host(), address.port()).to_socket_addrs()? {
        result = bind_one(candidate);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::net::TcpStream;

    use super::*;

    fn bind(text: &str) -> Result<Listener, BindError> {
        Listener::bind("test.host-port", &text.parse().unwrap())
    }

    #[test]
    fn port_zero_gets_a_real_port_that_takes_connections() {
        let listener = bind("127.0.0.1:0").unwrap();
        assert_ne!(listener.local_addr().port(), 0);
        TcpStream::connect(listener.local_addr()).unwrap();
    }

    #[test]
    fn no_host_means_every_interface() {
        let listener = bind(":0").unwrap();
        assert!(listener.local_addr().ip().is_unspecified());
        TcpStream::connect((Ipv4Addr::LOCALHOST, listener.local_addr().port())).unwrap();
    }

    #[test]
    fn a_name_is_resolved() {
        assert!(bind("localhost:0").unwrap().local_addr().ip().is_loopback());
    }

    #[test]
    fn a_taken_port_is_an_error_with_the_setting_and_the_remedy() {
        let first = bind("127.0.0.1:0").unwrap();
        let error = bind(&first.local_addr().to_string()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("--test.host-port") && text.contains("another program"), "{text}");
        assert!(error.source().is_some());
    }
}
