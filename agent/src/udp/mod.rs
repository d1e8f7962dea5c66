//! The UDP ports. A port has several sockets (SO_REUSEPORT) with a reader each, which moves datagrams out of the kernel's small buffer into a
//! bounded queue, and workers, which decode. Readers do nothing else, so that a burst is lost only when the queue is full, and counted.
//!
//! Several sockets, for each has a buffer of its own in the kernel, and two processors read two of them at once; the kernel gives all
//! datagrams of one sender to one socket, so their order stays. recvmmsg would spare calls, and needs unsafe code.

mod kernel;
mod queue;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use prometheus_client::registry::Registry;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::ProcessorConfig;
use crate::intake::{Intake, Scratch};
use crate::metrics::{PortMetrics, ProcessorMetrics};
pub(crate) use kernel::KernelDrops;
use queue::Queue;
pub(crate) use socket::BindError;

/// Datagrams read in a row before others have their turn.
const BURST: usize = 64;
/// Datagrams read after the stop, more than the kernel's buffer holds: senders that go on do not keep the process.
const MOST_LEFT: usize = 10_000;

/// A UDP port that is bound.
#[derive(Debug)]
pub(crate) struct Port {
    config: ProcessorConfig,
    sockets: Vec<std::net::UdpSocket>,
    address: SocketAddr,
}

impl Port {
    /// Binds the port; `None` when it is off.
    pub(crate) fn bind(config: &ProcessorConfig) -> Result<Option<Self>, BindError> {
        let Some(address) = &config.host_port else { return Ok(None) };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = config.workers.min(processors);
        let (sockets, address) = socket::bind(config, address, count)?;
        Ok(Some(Self { config: config.clone(), sockets, address }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name in the settings.
    pub(crate) fn name(&self) -> &'static str {
        self.config.name
    }

    /// What it speaks, as Jaeger's metrics label it.
    pub(crate) fn protocol(&self) -> &'static str {
        self.config.protocol.name()
    }

    /// The model that Jaeger's metrics name it by.
    pub(crate) fn model(&self) -> &'static str {
        self.config.model
    }

    /// Reads and decodes until `stop`, and then what has arrived by then.
    pub(crate) async fn run(
        self,
        intake: Intake,
        metrics: PortMetrics,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let queue = Arc::new(Queue::new(self.config.queue));
        let workers = (0..self.config.workers).map(|_| {
            let worker =
                Worker { intake: intake.clone(), queue: Arc::clone(&queue), metrics: metrics.clone() };
            tokio::spawn(worker.run(self.config.clone()))
        });
        let workers: Vec<_> = workers.collect();
        let mut readers = Vec::new();
        for socket in self.sockets {
            let reader = Reader {
                socket: UdpSocket::from_std(socket)?,
                queue: Arc::clone(&queue),
                metrics: metrics.clone(),
                buffer: vec![0; self.config.max_packet + 1],
            };
            readers.push(tokio::spawn(reader.run(stop.clone())));
        }
        join_all(readers).await;
        let closing = Instant::now();
        queue.close();
        join_all(workers).await;
        metrics.close_time.observe(closing.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Registers what ports count.
pub(crate) fn register(ports: &[Port], registry: &mut Registry) -> ProcessorMetrics {
    let sockets = ports.iter().flat_map(|port| &port.sockets);
    registry.register_collector(Box::new(KernelDrops::of(sockets)));
    ProcessorMetrics::register(registry)
}

struct Reader {
    socket: UdpSocket,
    queue: Arc<Queue>,
    metrics: PortMetrics,
    buffer: Vec<u8>,
}

impl Reader {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                readable = self.socket.readable() => if readable.is_err() { self.metrics.read_errors.inc(); },
            }
            self.read(BURST);
        }
        self.read_rest();
    }

    /// What the kernel has taken for us before. Asked directly, for the runtime may not have heard of it yet.
    fn read_rest(self) {
        let Self { socket, queue, metrics, mut buffer } = self;
        let Ok(socket) = socket.into_std() else { return };
        drain(|buffer| socket.recv(buffer), &mut buffer, |packet| queue_up(&queue, &metrics, packet));
    }

    /// Moves up to `most` datagrams into the queue; answers how many.
    fn read(&mut self, most: usize) -> usize {
        for count in 0..most {
            match self.socket.try_recv(&mut self.buffer) {
                Ok(length) => queue_up(&self.queue, &self.metrics, &self.buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return count,
                Err(_) => {
                    self.metrics.read_errors.inc();
                }
            }
        }
        most
    }
}

/// Hands on what a socket that does not block has, up to a bound.
fn drain(
    mut receive: impl FnMut(&mut [u8]) -> io::Result<usize>,
    buffer: &mut [u8],
    mut hand_on: impl FnMut(&[u8]),
) {
    for _ in 0..MOST_LEFT {
        let Ok(length) = receive(buffer) else { return };
        hand_on(&buffer[..length]);
    }
}

fn queue_up(queue: &Queue, metrics: &PortMetrics, packet: &[u8]) {
    metrics.packet_size.set(i64::try_from(packet.len()).unwrap_or(i64::MAX));
    if queue.push(Bytes::copy_from_slice(packet)) {
        metrics.processed.inc();
        metrics.queue_size.inc();
    } else {
        metrics.dropped.inc();
    }
}

struct Worker {
    intake: Intake,
    queue: Arc<Queue>,
    metrics: PortMetrics,
}

impl Worker {
    /// Until the queue is closed and empty.
    async fn run(self, config: ProcessorConfig) {
        let mut scratch = Scratch::default();
        while let Some(packet) = self.queue.pop().await {
            self.metrics.queue_size.dec();
            // The reader's buffer is one byte longer than the limit: what fills it was cut off.
            let fits = packet.len() <= config.max_packet;
            if !fits || !self.intake.take(config.protocol, &packet, &mut scratch) {
                self.metrics.handler_errors.inc();
            }
            tokio::task::consume_budget().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_that_never_end_do_not_keep_the_process_and_those_that_do_lose_nothing() {
        let count_of = |most: usize| {
            let (mut received, mut handed_on) = (0, 0);
            let receive = |buffer: &mut [u8]| {
                received += 1;
                assert!(received <= 2 * MOST_LEFT, "it goes on for ever");
                buffer[0] = 7;
                if received > most { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(1) }
            };
            drain(receive, &mut [0; 8], |packet| {
                assert_eq!(packet, [7]);
                handed_on += 1;
            });
            handed_on
        };
        assert_eq!((count_of(usize::MAX), count_of(300)), (MOST_LEFT, 300));
    }
}
