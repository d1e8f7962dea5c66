//! [`LateTopic`]: the way into a topic that is seldom needed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use spoor_topic::{Confirmed, OutgoingRecord, RecordError, TopicWriter, Unreachable};
use spoor_topic_kafka::KafkaWriter;
use spoor_topic_kafka::config::ProducerConfig;

/// How often a topic that was just opened is asked whether it can be reached.
const LOOK: Duration = Duration::from_millis(20);
/// For how long at most, before the first records.
const FIRST_REACH: Duration = Duration::from_secs(5);
/// When to try again to open it.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A topic that is opened with the first records for it. An open one costs 1 % of a core and several threads, and is made by the
/// brokers where it does not exist.
pub(crate) struct LateTopic {
    settings: ProducerConfig,
    opened: Mutex<Option<Arc<KafkaWriter>>>,
}

impl LateTopic {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub(crate) fn new(settings: ProducerConfig) -> Result<Self> {
        settings.validate()?;
        Ok(Self { settings, opened: Mutex::default() })
    }

    fn open(&self) -> Result<Arc<KafkaWriter>, RecordError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = &*opened {
            return Ok(Arc::clone(writer));
        }
        let writer = KafkaWriter::open(&self.settings).map_err(|error| RecordError::Unavailable {
            reason: error.to_string().into(),
            retry_after: RETRY_AFTER,
        })?;
        Ok(Arc::clone(opened.insert(Arc::new(writer))))
    }

    fn opened(&self) -> Option<Arc<KafkaWriter>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl TopicWriter for LateTopic {
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>> {
        let is_first = self.opened().is_none();
        let writer = match self.open() {
            Ok(writer) => writer,
            Err(error) => return records.iter().map(|_| Err(error.clone())).collect(),
        };
        if is_first {
            // The brokers are asked only now.
            let until = deadline.min(Instant::now() + FIRST_REACH);
            while writer.reachable().is_err() && Instant::now() < until {
                tokio::time::sleep(LOOK).await;
            }
        }
        writer.write(records, deadline).await
    }

    fn max_record_bytes(&self) -> usize {
        self.settings.max_message_bytes as usize
    }

    /// A topic that was not needed yet is none that cannot be reached.
    fn reachable(&self) -> Result<(), Unreachable> {
        self.opened().map_or(Ok(()), |writer| writer.reachable())
    }
}
