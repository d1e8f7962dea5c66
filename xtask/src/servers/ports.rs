//! Free ports on 127.0.0.1 for servers that must be told their port before they start.
//!
//! Taken below the range the system hands out to outgoing connections (32768 and up on Linux): a port from that
//! range can be lost to any client socket in the seconds until the server listens.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result};

use super::artifacts;

const ANY: RangeInclusive<u16> = 18_000..=29_999;

/// One port on 127.0.0.1 nobody listens on now; otherwise as [`free_ports`].
///
/// # Errors
/// As [`free_ports`].
pub fn free_port() -> Result<u16> {
    Ok(free_ports(1)?[0])
}

/// The address of a [`free_port`]: `127.0.0.1:PORT`.
///
/// # Errors
/// As [`free_ports`].
pub fn free_address() -> Result<String> {
    Ok(format!("{}:{}", Ipv4Addr::LOCALHOST, free_port()?))
}

/// `count` different ports on 127.0.0.1 nobody listens on now. Until this process ends no other process is given one of them here, nor does
/// the system give one to whoever asks for any port or connects to somebody: what listens there may end and come back.
///
/// # Errors
/// When fewer ports of the range are free; when the folder of reservations cannot be written.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let folder = artifacts::cache_folder()?.join("ports");
    let mut reserved = Vec::new();
    while reserved.len() < count {
        let next = reserve(&folder, &ANY);
        reserved.push(next.with_context(|| format!("{} of {count} ports", reserved.len()))?);
    }
    // The locks stay until the process ends.
    Ok(reserved.into_iter().map(|reservation| std::mem::ManuallyDrop::new(reservation).port).collect())
}

/// A port no other server of ours takes while this value lives, even before anything listens on it.
pub(super) struct Reservation {
    pub(super) port: u16,
    /// Locked; the system lets go of it with the process at the latest.
    _file: File,
}

/// Reserves a port of `range` nobody listens on now, by a locked file in `folder`.
pub(super) fn reserve(folder: &Path, range: &RangeInclusive<u16>) -> Result<Reservation> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    for port in shuffled(range) {
        let path = folder.join(format!("{port}.lock"));
        let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        if file.try_lock().is_ok() && listen(port).is_some() {
            return Ok(Reservation { port, _file: file });
        }
    }
    anyhow::bail!("no port is free in {range:?}")
}

fn listen(port: u16) -> Option<(u16, TcpListener)> {
    Some((port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?))
}

/// All ports of `range` from a random place on: two runs on one machine rarely look at the same one.
fn shuffled(range: &RangeInclusive<u16>) -> impl Iterator<Item = u16> + use<> {
    let count = range.end() - range.start() + 1;
    let offset = u16::try_from(RandomState::new().hash_one(0) % u64::from(count)).unwrap_or(0);
    let all = range.clone();
    all.clone().skip(usize::from(offset)).chain(all.take(usize::from(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_different_ports_one_can_listen_on() {
        let mut ports = free_ports(3).unwrap();
        assert!(ports.iter().all(|port| ANY.contains(port)));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3);
    }

    #[test]
    fn a_free_port_is_not_given_to_another_process() {
        let port = free_port().unwrap();
        let folder = artifacts::cache_folder().unwrap().join("ports");
        assert!(reserve(&folder, &(port..=port)).is_err());
    }

    #[test]
    fn a_reserved_port_is_not_given_twice_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let range = port..=port;
        let first = reserve(folder.path(), &range).unwrap();
        assert_eq!(first.port, port);
        assert!(reserve(folder.path(), &range).is_err());
        drop(first);
        assert!(reserve(folder.path(), &range).is_ok());
    }

    #[test]
    fn a_port_someone_listens_on_is_not_reserved() {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let _stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(reserve(folder.path(), &(port..=port)).is_err());
    }
}
