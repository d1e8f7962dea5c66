//! What the library calls back: delivery reports, its log, its errors.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use spoor_topic::RecordError;

use super::absence::is_forbidden;
use super::batch::Ticket;
use crate::health::{Health, library_log};
use crate::reason;

pub(super) struct WriterContext {
    pub(super) health: Arc<Health>,
}

impl ClientContext for WriterContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        library_log(level, facility, message);
    }

    /// Whether the topic can be reached is asked by `watch`.
    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, text: &str) {
        reason::tell(&self.health, &error, text);
    }
}

impl ProducerContext for WriterContext {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        match result {
            Ok(message) => ticket.confirmed(message.partition(), message.offset()),
            Err((error, _)) => {
                ticket.failed(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
            }
        }
    }
}

/// Whether a broker said it, and not the library by itself: those of the protocol are from -1 on (`UNKNOWN_SERVER_ERROR`).
pub(super) fn is_brokers_word(code: RDKafkaErrorCode) -> bool {
    code as i32 >= -1
}

/// Whether it says that a batch is larger than the topic takes.
pub(super) fn is_too_large(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::MessageBatchTooLarge
    )
}

/// What a record comes to that was refused for the company it was in.
pub(super) fn too_much(topic: &str) -> RecordError {
    RecordError::Unavailable {
        reason: format!(
            "topic {topic} takes no batch as large as this one, by its max.message.bytes; smaller ones are sent from now on"
        )
        .into(),
        retry_after: Duration::ZERO,
    }
}

/// What a code of the library or a broker means for a record.
pub(super) fn record_error(code: RDKafkaErrorCode, topic: &str, size: usize, limit: usize) -> RecordError {
    use RDKafkaErrorCode as Code;
    match code {
        code if is_too_large(code) => {
            // Refused though within our limit: the topic's own is lower, by how much is not told.
            RecordError::TooLarge { size, limit: limit.min(size.saturating_sub(1)) }
        }
        Code::InvalidRecord | Code::InvalidMessage | Code::PolicyViolation | Code::InvalidTimestamp => {
            RecordError::Refused { reason: format!("topic {topic}: {code}").into() }
        }
        code if is_forbidden(code) => RecordError::NoTopic {
            reason: format!("write topic {topic}: {}", reason::what_to_do(code)).into(),
            retry_after: Duration::from_secs(1),
        },
        Code::QueueFull => RecordError::Busy {
            reason: "the Kafka client's queue is full".into(),
            retry_after: Duration::from_secs(1),
        },
        _ => RecordError::Unavailable {
            reason: format!("write topic {topic}: {}", reason::what_to_do(code)).into(),
            retry_after: Duration::from_secs(1),
        },
    }
}
