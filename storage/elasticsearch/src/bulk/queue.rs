//! What waits for a bulk, and what goes into the next one. Pure: no I/O, no clock of its own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pace::{Load, Pace};
use super::ticket::Ticket;

/// The bounds of one bulk and of the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes in one bulk; a larger item goes alone.
    pub(crate) bulk_bytes: usize,
    /// Items in one bulk.
    pub(crate) bulk_items: usize,
    /// Bytes that wait.
    pub(crate) queue_bytes: usize,
    /// Bulks on their way.
    pub(crate) workers: usize,
    /// How long a bulk that is not full waits while another is on its way.
    pub(crate) flush_interval: Duration,
}

/// A run of one write's items.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(super) ticket: Arc<Ticket>,
    /// Positions among the write's items.
    pub(super) items: Range<usize>,
    /// Where each of the write's items ends in the write's body.
    pub(super) ends: Arc<[usize]>,
    /// The write's body.
    pub(super) body: Bytes,
}

impl Part {
    fn start_of(&self, item: usize) -> usize {
        item.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    pub(super) fn len(&self) -> usize {
        self.start_of(self.items.end) - self.start_of(self.items.start)
    }

    /// The bytes of the run.
    pub(super) fn bytes(&self) -> Bytes {
        self.body.slice(self.start_of(self.items.start)..self.start_of(self.items.end))
    }

    /// Cuts off the first `count` items as a part of their own.
    pub(super) fn split_off_front(&mut self, count: usize) -> Self {
        let middle = self.items.start + count;
        let front = Self { items: self.items.start..middle, ..self.clone() };
        self.items.start = middle;
        front
    }

    /// How many items from the front stay within the bounds.
    fn fitting(&self, items: usize, bytes: usize) -> usize {
        let start = self.start_of(self.items.start);
        let ends = &self.ends[self.items.clone()];
        ends.partition_point(|end| end - start <= bytes).min(items)
    }
}

/// What the dispatcher does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send these.
    Send(Vec<Part>),
    /// Nothing before that moment, unless something changes.
    WaitUntil(Instant),
    /// Nothing until something changes.
    Wait,
}

/// The parts that wait, oldest first.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: Limits,
    pace: Pace,
    parts: VecDeque<(Part, Instant)>,
    bytes: usize,
    items: usize,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, pace: Pace::default(), parts: VecDeque::new(), bytes: 0, items: 0 }
    }

    /// True when nothing more is taken. While there is any room a write of any size is taken whole: were large writes to wait
    /// until they fit, a busy queue would only ever take small ones. So the queue holds at most one write beyond its bound.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limits.queue_bytes
    }

    /// Takes a part, or gives it back when there is no room.
    pub(super) fn push(&mut self, part: Part, now: Instant) -> Result<(), Part> {
        if self.is_full() {
            return Err(part);
        }
        self.bytes += part.len();
        self.items += part.items.len();
        self.parts.push_back((part, now));
        Ok(())
    }

    /// Forgets what is left of a write whose caller has gone.
    pub(super) fn remove(&mut self, ticket: &Arc<Ticket>) {
        self.parts.retain(|(part, _)| {
            let gone = Arc::ptr_eq(&part.ticket, ticket);
            if gone {
                self.bytes -= part.len();
                self.items -= part.items.len();
            }
            !gone
        });
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Learns from a bulk's answer how much the store bears.
    pub(super) fn learn(&mut self, load: Load, now: Instant, chance: f64) {
        self.pace.learn(load, now, chance);
    }

    fn bulk_bytes(&self) -> usize {
        self.pace.slowed(self.limits.bulk_bytes)
    }

    /// What to do with `in_flight` bulks on their way: a lone bulk goes at once; beside another one, only a full one goes,
    /// or one that has waited for the flush interval.
    pub(super) fn step(&mut self, in_flight: usize, now: Instant) -> Step {
        let Some((_, oldest)) = self.parts.front() else { return Step::Wait };
        if in_flight >= self.pace.slowed(self.limits.workers) {
            return Step::Wait;
        }
        if let Some(until) = self.pace.pause(now) {
            return Step::WaitUntil(until);
        }
        let full = self.items >= self.limits.bulk_items || self.bytes >= self.bulk_bytes();
        let due = *oldest + self.limits.flush_interval;
        if in_flight == 0 || full || due <= now { Step::Send(self.next_bulk()) } else { Step::WaitUntil(due) }
    }

    fn next_bulk(&mut self) -> Vec<Part> {
        let mut bulk = Vec::new();
        let (mut items, mut bytes) = (self.limits.bulk_items, self.bulk_bytes());
        while let Some((front, _)) = self.parts.front_mut() {
            let mut count = front.fitting(items, bytes);
            if count == 0 && bulk.is_empty() {
                count = 1;
            }
            if count == 0 {
                break;
            }
            let whole = count == front.items.len();
            let part = front.split_off_front(count);
            if whole {
                self.parts.pop_front();
            }
            items -= count;
            bytes = bytes.saturating_sub(part.len());
            self.items -= count;
            self.bytes -= part.len();
            bulk.push(part);
        }
        bulk
    }
}

#[cfg(test)]
mod tests {
    use spoor_tracer::OwnSpan;

    use super::*;

    const LIMITS: Limits = Limits {
        bulk_bytes: 100,
        bulk_items: 10,
        queue_bytes: 300,
        workers: 2,
        flush_interval: Duration::from_millis(200),
    };

    fn part(items: usize, item_bytes: usize) -> Part {
        Part {
            ticket: Arc::new(Ticket::new(items, Instant::now(), OwnSpan::default())),
            items: 0..items,
            ends: (1..=items).map(|item| item * item_bytes).collect(),
            body: vec![b'x'; items * item_bytes].into(),
        }
    }

    fn sent(step: Step) -> Vec<(Range<usize>, usize)> {
        match step {
            Step::Send(parts) => parts.iter().map(|part| (part.items.clone(), part.bytes().len())).collect(),
            other => panic!("nothing is sent: {other:?}"),
        }
    }

    #[test]
    fn a_lone_write_goes_at_once() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        assert!(matches!(queue.step(0, now), Step::Wait));
        queue.push(part(3, 10), now).unwrap();
        assert_eq!(sent(queue.step(0, now)), [(0..3, 30)]);
        assert_eq!((queue.bytes(), queue.items), (0, 0));
    }

    #[test]
    fn beside_another_bulk_only_a_full_or_a_late_one_goes() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        queue.push(part(3, 10), now).unwrap();
        assert!(matches!(queue.step(1, now), Step::WaitUntil(due) if due == now + LIMITS.flush_interval));
        assert_eq!(sent(queue.step(1, now + LIMITS.flush_interval)), [(0..3, 30)]);
        queue.push(part(6, 1), now).unwrap();
        queue.push(part(6, 1), now).unwrap();
        assert!(matches!(queue.step(2, now), Step::Wait), "no more than the workers");
        assert_eq!(sent(queue.step(1, now)), [(0..6, 6), (0..4, 4)], "merged up to the count");
        assert_eq!(sent(queue.step(0, now)), [(4..6, 2)]);
    }

    #[test]
    fn a_bulk_is_bounded_in_bytes_but_a_giant_goes_alone() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        queue.push(part(3, 40), now).unwrap();
        queue.push(part(1, 150), now).unwrap();
        assert_eq!(sent(queue.step(0, now)), [(0..2, 80)]);
        assert_eq!(sent(queue.step(0, now)), [(2..3, 40)]);
        assert_eq!(sent(queue.step(0, now)), [(0..1, 150)]);
    }

    #[test]
    fn the_queue_is_bounded_but_never_refuses_the_first() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        queue.push(part(1, 400), now).unwrap();
        assert!(queue.is_full());
        assert!(queue.push(part(1, 1), now).is_err());
        assert_eq!(sent(queue.step(0, now)), [(0..1, 400)]);
        queue.push(part(1, 1), now).unwrap();
    }

    #[test]
    fn a_large_write_gets_its_turn_among_small_ones() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        queue.push(part(1, 50), now).unwrap();
        queue.push(part(1, 290), now).unwrap();
        assert!(queue.push(part(1, 1), now).is_err(), "at most one write beyond the bound");
    }

    #[test]
    fn a_store_with_too_much_to_do_gets_less_and_later() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        queue.push(part(10, 10), now).unwrap();
        queue.learn(Load::TooMuch(None), now, 1.0);
        let Step::WaitUntil(until) = queue.step(0, now) else { panic!("there is no pause") };
        assert!(until > now);
        assert!(matches!(queue.step(1, until), Step::Wait), "one at a time");
        assert_eq!(sent(queue.step(0, until)), [(0..5, 50)], "half a bulk");
        (0..100).for_each(|_| queue.learn(Load::Bearable, until, 1.0));
        queue.push(part(5, 10), until).unwrap();
        assert_eq!(sent(queue.step(1, until)), [(5..10, 50), (0..5, 50)], "as before");
    }

    #[test]
    fn a_write_whose_caller_is_gone_leaves_the_queue() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        let (first, second) = (part(15, 1), part(2, 1));
        let gone = first.ticket.clone();
        queue.push(first, now).unwrap();
        queue.push(second, now).unwrap();
        assert_eq!(sent(queue.step(0, now)), [(0..10, 10)]);
        queue.remove(&gone);
        assert_eq!((queue.bytes(), queue.items), (2, 2));
        assert_eq!(sent(queue.step(0, now)), [(0..2, 2)]);
    }
}
