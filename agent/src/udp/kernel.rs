//! Datagrams that the kernel dropped before we could read them, from `/proc/net/udp` at each scrape.
//! (The kernel would also tell with each datagram, by SO_RXQ_OVFL; reading that needs unsafe code.)

use std::collections::HashSet;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// The sockets, by their inodes.
#[derive(Debug)]
pub(crate) struct KernelDrops {
    inodes: HashSet<u64>,
}

impl KernelDrops {
    pub(crate) fn of<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> Self {
        let inode = |socket: &UdpSocket| {
            std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok().map(|file| file.ino())
        };
        Self { inodes: sockets.filter_map(inode).collect() }
    }

    fn count(&self) -> Option<u64> {
        let mut dropped = None;
        for table in TABLES {
            // There is no table of IPv6 where it is switched off.
            if let Ok(text) = std::fs::read_to_string(table) {
                dropped = Some(dropped.unwrap_or_default() + drops(&text, &self.inodes));
            }
        }
        dropped
    }
}

/// The sum of the column `drops`, which is the last, over the lines with these inodes, which are the tenth.
fn drops(table: &str, inodes: &HashSet<u64>) -> u64 {
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let inode: u64 = fields.get(9)?.parse().ok()?;
        inodes.contains(&inode).then(|| fields.last()?.parse::<u64>().ok()).flatten()
    };
    table.lines().skip(1).filter_map(of_line).sum()
}

impl Collector for KernelDrops {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(count) = self.count() else { return Ok(()) };
        let metric = encoder.encode_descriptor(
            "spoor_agent_kernel_drops",
            "Datagrams that the kernel dropped because a socket's buffer was full",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(count).encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_those_of_our_sockets() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1: 0100007F:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 17\n\
             2: 0100007F:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 3\n\
             3: 0100007F:1AB0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9999 2 0000000000000000 500\n";
        assert_eq!(drops(table, &HashSet::from([4711, 4712])), 20);
        assert_eq!(drops("", &HashSet::from([4711])), 0);
    }

    #[test]
    fn a_socket_that_nobody_reads_has_drops_to_tell() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let drops = KernelDrops::of([&socket].into_iter());
        assert_eq!(drops.count(), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..1000 {
            sender.send_to(&[0; 10_000], socket.local_addr().unwrap()).unwrap();
        }
        assert!(drops.count() > Some(100), "{:?}", drops.count());
    }
}
