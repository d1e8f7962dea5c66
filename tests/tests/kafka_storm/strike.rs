//! How a fault comes and goes.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_tests::topic::Topic;
use tokio::task::JoinHandle;

use crate::fault::Fault;
use crate::poison;
use crate::scene::Storm;

/// How long a fault lasts, and how long the second of two waits for its turn, in ms.
const MOMENT: std::ops::Range<u64> = 1_000..8_000;

/// How long the store is away: longer than a write may take, so that it is tried again.
const STORE_AWAY: Duration = Duration::from_secs(30);

/// What is to be done about a fault that has come.
#[must_use]
pub(super) enum Struck {
    Collector,
    Ingester,
    BrokerHalted,
    BrokerEnded,
    /// More partitions, which the broker gives when it is there.
    Partitions(JoinHandle<Result<Topic>>),
    StoreHalted,
    StoreRefuses {
        refused_before: u64,
    },
    /// Poisoned records and a good one, as soon as the broker is there.
    Poison(JoinHandle<Written>),
}

/// Partition and offset of each record.
type Written = Result<Vec<(i32, i64)>>;

impl Struck {
    /// One that is away does it when it is back.
    fn is_asked_of_the_broker(&self) -> bool {
        matches!(self, Self::Partitions(_) | Self::Poison(_))
    }
}

impl Storm {
    /// All of these faults, each at a moment of its own while those before it last; they go in an order of its own.
    pub(super) async fn strike(&mut self, blow: &[Fault]) -> Result<()> {
        let (mut lasting, mut asked) = (Vec::new(), Vec::new());
        for fault in blow {
            let struck = self.begin(*fault).await?;
            let list = if struck.is_asked_of_the_broker() { &mut asked } else { &mut lasting };
            list.push(struck);
            self.faults += 1;
            // How long things are away is what these faults are about.
            if *fault == Fault::StoreHalted {
                tokio::time::sleep(STORE_AWAY).await;
            } else {
                self.moment().await;
            }
        }
        let asks_the_store = !blow.iter().any(|fault| fault.takes_the_broker_away());
        while !lasting.is_empty() {
            let next = self.random.usize(..lasting.len());
            self.end_of(lasting.swap_remove(next), asks_the_store).await?;
            if !lasting.is_empty() {
                self.moment().await;
            }
        }
        for struck in asked {
            self.end_of(struck, asks_the_store).await?;
        }
        Ok(())
    }

    async fn moment(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.u64(MOMENT))).await;
    }

    async fn begin(&mut self, fault: Fault) -> Result<Struck> {
        Ok(match fault {
            Fault::CollectorKilled => {
                let lane = self.lanes.swap_remove(self.random.usize(..self.lanes.len()));
                self.reports.extend(lane.kill().await?);
                Struck::Collector
            }
            Fault::IngesterKilled => {
                let ingester = self.ingesters.swap_remove(self.random.usize(..self.ingesters.len()));
                self.brake.watch(&self.ingesters);
                ingester.kill().await?;
                Struck::Ingester
            }
            Fault::BrokerHalted => {
                self.kafka.pause()?;
                Struck::BrokerHalted
            }
            Fault::BrokerStopped => {
                tokio::task::block_in_place(|| self.kafka.stop())?;
                Struck::BrokerEnded
            }
            Fault::BrokerKilled => {
                tokio::task::block_in_place(|| self.kafka.kill())?;
                Struck::BrokerEnded
            }
            Fault::PartitionsRaised => {
                let mut topic = self.topic.clone();
                let count = topic.partitions() + self.random.i32(1..=2);
                Struck::Partitions(tokio::spawn(async move {
                    topic.raise_partitions(count).await.map(|()| topic)
                }))
            }
            Fault::StoreHalted => {
                self.store.pause()?;
                Struck::StoreHalted
            }
            Fault::StoreRefuses => {
                self.proxy.refuse(true);
                Struck::StoreRefuses { refused_before: self.proxy.refused() }
            }
            Fault::Poisoned => Struck::Poison(self.poison()?),
        })
    }

    async fn end_of(&mut self, struck: Struck, asks_the_store: bool) -> Result<()> {
        match struck {
            Struck::Collector => self.add_lane().await?,
            Struck::Ingester => self.add_ingester().await?,
            Struck::BrokerHalted => self.kafka.resume()?,
            Struck::BrokerEnded => tokio::task::block_in_place(|| self.kafka.start_again())?,
            Struck::Partitions(raised) => self.topic = raised.await??,
            Struck::Poison(put) => {
                let mut places = put.await??;
                // The last one is no poison.
                places.pop();
                self.poisoned.extend(places);
            }
            Struck::StoreHalted => self.store.resume()?,
            Struck::StoreRefuses { refused_before } => {
                self.proxy.refuse(false);
                ensure!(!asks_the_store || self.proxy.refused() > refused_before, "the store was asked");
            }
        }
        Ok(())
    }

    fn poison(&mut self) -> Result<JoinHandle<Written>> {
        let mut records = poison::records(self.encoding, &mut self.random)?;
        let (key, large) = poison::large(self.encoding, &mut self.random)?;
        self.beside.insert(key);
        records.push(Some(large));
        let topic = self.topic.clone();
        Ok(tokio::spawn(async move { topic.put(&records).await }))
    }
}
