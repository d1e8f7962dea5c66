//! Datagrams between readers and workers, bounded by number and bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// The most bytes of one port's datagrams.
const MOST_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    more: Notify,
    max_packets: usize,
}

#[derive(Debug, Default)]
struct State {
    packets: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(max_packets: usize) -> Self {
        Self { state: Mutex::default(), more: Notify::new(), max_packets }
    }

    /// False when there is no room.
    pub(super) fn push(&self, packet: Bytes) -> bool {
        let mut state = self.state();
        if state.packets.len() >= self.max_packets || state.bytes + packet.len() > MOST_BYTES {
            return false;
        }
        state.bytes += packet.len();
        state.packets.push_back(packet);
        drop(state);
        self.more.notify_one();
        true
    }

    /// The oldest, as soon as there is one; `None` when the queue is closed and empty.
    pub(super) async fn pop(&self) -> Option<Bytes> {
        loop {
            let more = self.more.notified();
            {
                let mut state = self.state();
                if let Some(packet) = state.packets.pop_front() {
                    state.bytes -= packet.len();
                    return Some(packet);
                }
                if state.closed {
                    return None;
                }
            }
            more.await;
        }
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.more.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_takes_so_many_packets_and_so_many_bytes() {
        let queue = Queue::new(3);
        assert!(queue.push(Bytes::from_static(b"a")) && queue.push(Bytes::from_static(b"b")));
        assert!(queue.push(Bytes::from_static(b"c")) && !queue.push(Bytes::from_static(b"d")));
        assert_eq!(queue.pop().await.unwrap(), "a");
        assert!(!queue.push(vec![0; MOST_BYTES].into()), "with b and c it is too much");
        assert!(queue.push(vec![0; MOST_BYTES - 2].into()));
    }

    #[tokio::test]
    async fn closed_it_is_emptied_first_and_ends_every_worker_then() {
        let queue = Arc::new(Queue::new(10));
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move {
                    let mut count = 0;
                    while queue.pop().await.is_some() {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!((0..5).all(|_| queue.push(Bytes::from_static(b"x"))));
        queue.close();
        let mut total = 0;
        for worker in workers {
            total += worker.await.unwrap();
        }
        assert_eq!(total, 5);
    }
}
