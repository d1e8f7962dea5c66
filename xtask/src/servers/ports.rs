//! Free ports on 127.0.0.1 for servers that must be told their port before they start.
//!
//! Taken below the range the system hands out to outgoing connections (32768 and up on Linux): a port from that
//! range can be lost to any client socket in the seconds until the server listens.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, ensure};

const FIRST: u16 = 18_000;
const COUNT: u16 = 12_000;

/// One port on 127.0.0.1 nobody listens on now.
///
/// # Errors
/// When no port of the range is free.
pub fn free_port() -> Result<u16> {
    Ok(free_ports(1)?[0])
}

/// `count` different ports on 127.0.0.1 nobody listens on now.
///
/// # Errors
/// When fewer ports of the range are free.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    // A random place to begin keeps two runs on one machine apart.
    let offset =
        u16::try_from(RandomState::new().hash_one(std::process::id()) % u64::from(COUNT)).unwrap_or(0);
    let mut held = Vec::with_capacity(count);
    for step in 0..COUNT {
        if held.len() == count {
            break;
        }
        let port = FIRST + (offset + step) % COUNT;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    ensure!(held.len() == count, "only {} of {count} ports are free from {FIRST} on", held.len());
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_different_ports_one_can_listen_on() {
        let ports = free_ports(3).unwrap();
        assert!(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
        for port in ports {
            assert!((FIRST..FIRST + COUNT).contains(&port));
        }
    }

    #[test]
    fn refuses_more_ports_than_there_are() {
        assert!(free_ports(usize::from(COUNT) + 1).is_err());
    }
}
