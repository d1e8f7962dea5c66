//! The producer behind a writer, and how another takes its place.

use std::sync::{Arc, PoisonError};
use std::thread;

use rdkafka::ClientConfig;
use rdkafka::producer::{Producer as _, ThreadedProducer};

use super::Shared;
use super::context::WriterContext;
use crate::config::ProducerConnection;
use crate::health::Health;
use crate::{SettingsError, client_config};

pub(super) type Producer = ThreadedProducer<WriterContext>;

/// A producer, and the how many-th it is.
#[derive(Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) producer: Producer,
    /// Bytes with which a batch of it is full.
    pub(super) batch_bytes: usize,
}

/// A producer whose batches are full with so many bytes.
pub(super) fn create(
    config: &ClientConfig,
    health: &Arc<Health>,
    batch_bytes: usize,
) -> Result<Producer, SettingsError> {
    let mut config = config.clone();
    config.set("batch.size", batch_bytes.to_string());
    config
        .create_with_context(WriterContext { health: Arc::clone(health) })
        .map_err(|error| client_config::refused(&error, ProducerConnection::PREFIX))
}

impl Shared {
    pub(super) fn producer(&self) -> Numbered {
        self.producer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The how many-th producer sends now.
    pub(super) fn current(&self) -> u64 {
        self.producer.read().unwrap_or_else(PoisonError::into_inner).number
    }

    /// A write is done with this one. The last who lets go of a producer that was replaced ends it, which may take a moment and must not hold up
    /// the others of its thread.
    pub(super) fn let_go(&self, sender: Numbered) {
        if sender.number != self.current() {
            farewell(sender);
        }
    }

    /// The record that meets an error which the library does not get over has a code of its own, and only those behind it are told that
    /// it is fatal: the library is asked.
    pub(super) fn renew_if_fatal(&self, sender: &Numbered) {
        if sender.producer.client().fatal_error().is_some() {
            self.renew(sender.number, sender.batch_bytes, "its client library has given it up");
        }
    }

    /// The topic takes no batches as large as this producer's: from now on they are half as large.
    pub(super) fn narrow(&self, sender: &Numbered) {
        let half = (sender.batch_bytes / 2).max(1);
        let why = format!(
            "batches of up to {} bytes are over the topic's max.message.bytes, so that they end with {half} bytes until this \
             process starts again; raise the topic's setting, or lower --kafka.producer.batch-size",
            sender.batch_bytes
        );
        self.renew(sender.number, half, &why);
    }

    /// A new producer takes the place of the one of that number: once, however many have found out that it has to.
    pub(super) fn renew(&self, number: u64, batch_bytes: usize, why: &str) {
        let mut place = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if place.number != number {
            return;
        }
        match create(&self.config, &self.health, batch_bytes) {
            Ok(producer) => {
                tracing::warn!("write topic {}: the producer is opened anew: {why}", self.topic);
                let new = Numbered { number: number + 1, producer, batch_bytes };
                let old = std::mem::replace(&mut *place, new);
                drop(place);
                farewell(old);
            }
            Err(error) => tracing::error!("write topic {}: open the producer anew: {error}", self.topic),
        }
    }
}

/// It ends in its own time, once nobody has it any more. What is under way by then is given up, and its senders have been told to send it again.
fn farewell(old: Numbered) {
    let spawned = thread::Builder::new().name("kafka-farewell".to_owned()).spawn(move || drop(old));
    if let Err(error) = spawned {
        tracing::debug!("no thread for a producer's end, which was waited for: {error}");
    }
}
