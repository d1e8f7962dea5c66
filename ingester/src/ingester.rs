//! The role: takes records from the topic, sends them on in batches, and tells the reader what became of them.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::registry::Registry;
use spoor_pipeline::{Normalizer, Quiet};
use spoor_storage::SpanWriter;
use spoor_storage::write::{RetryMetrics, RetryPolicy};
use spoor_topic::{Event, Fate, Held, ReadError, TopicReader};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::delivery::Courier;
use crate::gathering::{Gathering, Limits};
use crate::health::{Health, StoreAway};
use crate::leaving::Notice;
use crate::metrics::Metrics;
use crate::quarantine::Quarantine;
use crate::setting_aside::Warden;
use crate::shipment::Misfit;
use crate::trouble::Trouble;

/// How many deliveries may hand on what is to be set aside before one of them waits for the loop.
const HANDED_ON: usize = 16;

/// What an ingester is put together from.
pub struct Parts {
    /// The name of the topic.
    pub topic: String,
    /// A member of the group.
    pub reader: Arc<dyn TopicReader>,
    /// The store's own writer: repeating is the ingester's work.
    pub writer: Arc<dyn SpanWriter>,
    /// Whether the store can be reached, while nothing is written.
    pub store_away: StoreAway,
    /// Counts what is written again.
    pub retries: RetryMetrics,
    /// Where records go that can never be stored.
    pub quarantine: Arc<dyn Quarantine>,
}

/// An ingester that is built and waits to run.
///
/// A record's offset is committed only when all its spans are durable in the store, or the record itself is in the quarantine. As long
/// as the store is away it reads no further than the reader's bounds, keeps its partitions and tries again.
pub struct Ingester {
    config: Config,
    courier: Arc<Courier>,
    warden: Arc<Warden>,
    store_away: StoreAway,
    metrics: Arc<Metrics>,
}

impl Ingester {
    /// Puts the pieces together. `config` is valid ([`Config::validate`]); metrics are registered once per registry.
    pub fn build(config: &Config, parts: Parts, registry: &mut Registry) -> Self {
        let Parts { topic, reader, writer, store_away, retries, quarantine } = parts;
        let metrics = Arc::new(Metrics::register(registry, &topic, Arc::clone(&reader)));
        let courier = Courier {
            reader: Arc::clone(&reader),
            writer,
            encoding: config.encoding.0,
            normalizer: Normalizer::default(),
            write_timeout: config.write_timeout,
            policy: RetryPolicy::default(),
            retries,
            metrics: Arc::clone(&metrics),
            trouble: Trouble::default(),
            congestion: Trouble::default(),
            lines: Quiet::default(),
        };
        let warden = Warden {
            reader,
            topic: topic.into(),
            quarantine,
            policy: RetryPolicy::default(),
            metrics: Arc::clone(&metrics),
            trouble: Trouble::default(),
            lines: Quiet::default(),
        };
        Self {
            config: config.clone(),
            courier: Arc::new(courier),
            warden: Arc::new(warden),
            store_away,
            metrics,
        }
    }

    /// For whoever wants to know whether it can do its work.
    #[must_use]
    pub fn health(&self) -> Health {
        let (courier, warden) = (Arc::clone(&self.courier), Arc::clone(&self.warden));
        Health::new(courier, warden, self.store_away.clone(), self.config.not_ready_after)
    }

    /// Works until `shutdown`; then takes nothing new, finishes the writes that are under way, commits and leaves the group.
    ///
    /// # Errors
    /// What trying again does not heal: the topic can never be read, or the last commit failed.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ReadError> {
        let limits = Limits {
            bytes: usize::try_from(self.config.batch_max_bytes.0).unwrap_or(usize::MAX),
            records: self.config.batch_max_records as usize,
            linger: self.config.linger,
        };
        let (hand_on, misfits) = mpsc::channel(HANDED_ON);
        let mut work = Work {
            gathering: Gathering::new(limits),
            notice: Notice::new(),
            deliveries: JoinSet::new(),
            hand_on,
            misfits,
            setting_aside: JoinSet::new(),
            slots: self.config.parallelism as usize,
            ingester: &self,
        };
        tokio::select! {
            failed = work.go_on() => return Err(failed),
            () = shutdown.cancelled() => {}
        }
        work.end().await
    }
}

/// What is under way.
struct Work<'a> {
    ingester: &'a Ingester,
    gathering: Gathering,
    notice: Notice,
    deliveries: JoinSet<()>,
    /// From the deliveries: what is to be set aside.
    hand_on: mpsc::Sender<Vec<Misfit>>,
    misfits: mpsc::Receiver<Vec<Misfit>>,
    setting_aside: JoinSet<()>,
    slots: usize,
}

impl Work<'_> {
    /// Ends only with a reader that cannot go on.
    async fn go_on(&mut self) -> ReadError {
        let reader = Arc::clone(&self.ingester.courier.reader);
        loop {
            self.send_what_is_due();
            let has_room = self.deliveries.len() < self.slots;
            let due = self.gathering.due().filter(|_| has_room);
            let due = async move {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = reader.next() => match event {
                    Ok(Some(event)) => self.take(event),
                    Ok(None) => return ended_by_itself(),
                    Err(failed) => return failed,
                },
                () = due => {}
                Some(misfits) = self.misfits.recv() => self.set_aside(misfits),
                Some(ended) = self.deliveries.join_next() => if let Err(broken) = ended { return gone_wrong(&broken) },
                Some(ended) = self.setting_aside.join_next() => if let Err(broken) = ended { return gone_wrong(&broken) },
            }
        }
    }

    fn send_what_is_due(&mut self) {
        let now = Instant::now();
        while self.deliveries.len() < self.slots {
            let Some(batch) = self.gathering.cut(now) else { break };
            let (courier, leaving) = (Arc::clone(&self.ingester.courier), self.notice.subscribe());
            let hand_on = self.hand_on.clone();
            self.deliveries.spawn(async move { courier.deliver(batch, leaving, hand_on).await });
        }
        self.ingester.metrics.writes(self.deliveries.len());
    }

    fn take(&mut self, event: Event) {
        let metrics = &self.ingester.metrics;
        match event {
            Event::Records(records) => {
                metrics.read(&records);
                self.gathering.add(records, Instant::now());
            }
            Event::Assigned(partitions) => {
                partitions.iter().for_each(|held| metrics.partition_starts(held.partition));
                tracing::info!(partitions = ?numbers(&partitions), "reads partitions");
            }
            Event::Revoking { partitions, .. } => {
                self.notice.partitions_go(&partitions);
                self.give_back_what_waits(&partitions);
            }
            Event::Released { partitions, lost } => {
                partitions.iter().for_each(|held| metrics.partition_ends(held.partition));
                tracing::info!(partitions = ?numbers(&partitions), lost, "reads partitions no longer");
                self.notice.partitions_are_gone(&partitions);
                self.give_back_what_waits(&partitions);
            }
        }
    }

    fn give_back_what_waits(&mut self, partitions: &[Held]) {
        let gone = self.gathering.remove(|claim| {
            partitions.contains(&Held { partition: claim.place.partition, generation: claim.generation })
        });
        self.ingester.courier.settle(&gone, Fate::GivenBack);
    }

    fn set_aside(&mut self, misfits: Vec<Misfit>) {
        let (warden, leaving) = (Arc::clone(&self.ingester.warden), self.notice.subscribe());
        self.setting_aside.spawn(async move { warden.set_aside(misfits, leaving).await });
    }

    /// Finishes what is under way, within the time that the settings give it.
    async fn end(&mut self) -> Result<(), ReadError> {
        let deadline = Instant::now() + self.ingester.config.drain_timeout;
        let reader = Arc::clone(&self.ingester.courier.reader);
        self.notice.all_go();
        let waiting = self.gathering.remove(|_| true);
        self.ingester.courier.settle(&waiting, Fate::GivenBack);
        let closing = reader.close(deadline);
        tokio::pin!(closing);
        loop {
            tokio::select! {
                closed = &mut closing => return closed,
                event = reader.next() => match event {
                    // Read just before; it is no longer worked on.
                    Ok(Some(Event::Records(records))) => {
                        self.ingester.metrics.read(&records);
                        let claims: Vec<_> = records.iter().map(|record| record.claim).collect();
                        self.ingester.courier.settle(&claims, Fate::GivenBack);
                    }
                    Ok(Some(event)) => self.take(event),
                    Ok(None) | Err(_) => return closing.await,
                },
                Some(misfits) = self.misfits.recv() => self.set_aside(misfits),
                Some(ended) = self.deliveries.join_next() => report_broken(ended),
                Some(ended) = self.setting_aside.join_next() => report_broken(ended),
            }
        }
    }
}

fn numbers(partitions: &[Held]) -> Vec<i32> {
    partitions.iter().map(|held| held.partition).collect()
}

fn ended_by_itself() -> ReadError {
    ReadError {
        attempted: "read the topic".to_owned(),
        problem: "the reader was closed although nobody asked it to".to_owned(),
    }
}

/// A delivery looks after what breaks over a record; that it broke itself leaves records that nobody settles. Another process reads them
/// again, and so does this one when it is started again.
fn gone_wrong(broken: &tokio::task::JoinError) -> ReadError {
    let problem = format!(
        "the delivery of a batch broke ({broken}); its records are not committed, and are read again after a restart"
    );
    ReadError { attempted: "deliver records".to_owned(), problem }
}

/// A task that broke has settled nothing: its records stay in flight, and their offsets are not committed.
fn report_broken(ended: Result<(), tokio::task::JoinError>) {
    if let Err(broken) = ended {
        tracing::error!(error = %broken, "the delivery of a batch broke; its records are not committed and are read again after a restart");
    }
}
