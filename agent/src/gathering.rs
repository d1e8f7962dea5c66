//! Hot path: merges the spans of many datagrams into batches of one process each, for a bounded time and size.
//! By process, so that a batch carries it once, as Jaeger's clients send it. Budget: a datagram of a known process costs one copy of its
//! encoded spans.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::buffer::Buffer;
use crate::datagram::Format;
use crate::package::Package;

/// Bytes in all open batches together; beyond it all are sealed.
const MOST_OPEN: usize = 4 << 20;

/// Batches that are open.
#[derive(Debug)]
pub(crate) struct Gathering {
    state: Mutex<State>,
    /// A batch was opened where there was none.
    opened: Notify,
    buffer: Arc<Buffer>,
    max_bytes: usize,
    linger: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// By format and encoded process.
    open: HashMap<Box<[u8]>, Open, foldhash::fast::RandomState>,
    bytes: usize,
}

#[derive(Debug)]
struct Open {
    format: Format,
    spans: u32,
    encoded: Vec<u8>,
    since: Instant,
}

impl Gathering {
    /// Sealed batches go to the buffer.
    pub(crate) fn new(buffer: Arc<Buffer>, max_bytes: usize, linger: Duration) -> Self {
        Self { state: Mutex::default(), opened: Notify::new(), buffer, max_bytes, linger }
    }

    /// Adds encoded spans of one process. `process` is the format's number and the encoded process behind it.
    pub(crate) fn add(&self, format: Format, process: &[u8], spans: u32, encoded: &[u8]) {
        let mut sealed = Vec::new();
        let mut state = self.state();
        if let Some(open) = state.open.get_mut(process) {
            if open.encoded.len() + encoded.len() > self.max_bytes {
                sealed.extend(state.seal(process));
            } else {
                open.encoded.extend_from_slice(encoded);
                open.spans += spans;
                state.bytes += encoded.len();
            }
        }
        if !state.open.contains_key(process) {
            if state.open.is_empty() {
                self.opened.notify_one();
            }
            let open = Open { format, spans, encoded: encoded.to_vec(), since: Instant::now() };
            state.open.insert(process.into(), open);
            state.bytes += encoded.len() + process.len();
        }
        if state.bytes > MOST_OPEN {
            sealed.extend(state.seal_all());
        } else if state.open.get(process).is_some_and(|open| open.encoded.len() >= self.max_bytes) {
            sealed.extend(state.seal(process));
        }
        drop(state);
        sealed.into_iter().for_each(|package| self.hand_over(package));
    }

    /// Seals everything now.
    pub(crate) fn flush(&self) {
        let sealed = self.state().seal_all();
        sealed.into_iter().for_each(|package| self.hand_over(package));
    }

    /// Seals each batch when its time is over, until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_sealing() => {}
        }
        self.flush();
    }

    async fn keep_sealing(&self) {
        loop {
            let Some(oldest) = self.oldest() else {
                self.opened.notified().await;
                continue;
            };
            tokio::time::sleep_until(oldest + self.linger).await;
            let sealed = self.state().seal_since(Instant::now() - self.linger);
            sealed.into_iter().for_each(|package| self.hand_over(package));
        }
    }

    fn oldest(&self) -> Option<Instant> {
        self.state().open.values().map(|open| open.since).min()
    }

    fn hand_over(&self, package: Package) {
        // They wait already.
        self.buffer.accounts().waiting(-i64::from(package.spans));
        self.buffer.push(package);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn seal(&mut self, process: &[u8]) -> Option<Package> {
        let (process, open) = self.open.remove_entry(process)?;
        self.bytes -= open.encoded.len() + process.len();
        Some(seal(&process, &open))
    }

    fn seal_all(&mut self) -> Vec<Package> {
        self.bytes = 0;
        self.open.drain().map(|(process, open)| seal(&process, &open)).collect()
    }

    /// Those that were opened by then.
    fn seal_since(&mut self, then: Instant) -> Vec<Package> {
        let due = self.open.extract_if(|_, open| open.since <= then);
        let sealed: Vec<_> =
            due.map(|(process, open)| (process.len() + open.encoded.len(), seal(&process, &open))).collect();
        self.bytes -= sealed.iter().map(|(bytes, _)| bytes).sum::<usize>();
        sealed.into_iter().map(|(_, package)| package).collect()
    }
}

fn seal(process: &[u8], open: &Open) -> Package {
    // The first byte is the format's number.
    Package::seal(open.format, open.spans, &open.encoded, &process[1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Accounts;

    fn gathering(max_bytes: usize, linger: Duration) -> (Arc<Gathering>, Arc<Buffer>) {
        let buffer = Arc::new(Buffer::in_memory(1 << 20, Arc::new(Accounts::default())));
        (Arc::new(Gathering::new(Arc::clone(&buffer), max_bytes, linger)), buffer)
    }

    async fn next(buffer: &Arc<Buffer>) -> u32 {
        let taken = buffer.take().await;
        let spans = taken.package().spans;
        taken.delivered();
        spans
    }

    #[tokio::test(start_paused = true)]
    async fn spans_of_one_process_become_one_batch_when_their_time_is_over() {
        let (gathering, buffer) = gathering(1000, Duration::from_millis(100));
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (gathering, stop) = (Arc::clone(&gathering), stop.clone());
            async move { gathering.run(stop).await }
        });
        gathering.add(Format::Jaeger, b"\0shop", 2, b"abc");
        tokio::time::sleep(Duration::from_millis(60)).await;
        gathering.add(Format::Jaeger, b"\0shop", 3, b"abc");
        gathering.add(Format::Jaeger, b"\0cart", 7, b"abc");
        assert_eq!(next(&buffer).await, 5);
        assert_eq!(next(&buffer).await, 7, "later, for it was opened later");
        gathering.add(Format::Jaeger, b"\0shop", 1, b"abc");
        stop.cancel();
        running.await.unwrap();
        assert_eq!(next(&buffer).await, 1, "nothing is left behind");
    }

    #[tokio::test]
    async fn a_batch_is_sealed_before_it_grows_too_large_and_a_large_one_at_once() {
        let (gathering, buffer) = gathering(10, Duration::from_secs(100));
        gathering.add(Format::Jaeger, b"\0shop", 1, b"123456");
        gathering.add(Format::Jaeger, b"\0shop", 2, b"123456");
        assert_eq!(next(&buffer).await, 1);
        gathering.add(Format::Jaeger, b"\0shop", 4, b"1234");
        assert_eq!(next(&buffer).await, 6);
        gathering.add(Format::Jaeger, b"\0shop", 8, &[0; 1000]);
        assert_eq!(next(&buffer).await, 8);
        assert_eq!(gathering.state().bytes, 0);
    }
}
