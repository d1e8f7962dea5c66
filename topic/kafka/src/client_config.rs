//! From our settings to those of librdkafka, refusing what cannot work.

mod connection;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::SettingsError;
use crate::config::{
    Acks, Compression, ConsumerConfig, ConsumerConnection, Levels, ProducerConfig, ProducerConnection,
};
use connection::connection;

/// How long a record may be under way before it is given up, when its sender has been told long ago. Until then it holds memory.
const DELIVERY_MILLIS: &str = "60000";
/// A batch that would wait as long as that is never sent.
const MOST_LINGER: Duration = Duration::from_secs(60);
/// The library takes no longer interval.
const MOST_REFRESH: Duration = Duration::from_secs(3_600);
/// The most records of a partition with which more are fetched ahead: each takes some 300 bytes beside its contents.
const QUEUED_RECORDS: &str = "2000";
/// The reader's thread asks the library for news within that, whatever it waits for, in ms.
const POLL_MARGIN: u128 = 30_000;
/// How long fetching rests when enough of a partition waits to be taken. The library's second held one partition to its queue's size
/// a second. Each look wakes the thread of that broker: 500 times a second were a good part of what an ingester took while its store decided the pace;
/// at 100 times one partition still gives 200,000 records a second.
const QUEUE_BACKOFF_MILLIS: &str = "10";
/// How long a broker holds a fetch that finds nothing. Meanwhile nothing else is fetched from it: a partition with a backlog waits for
/// those without.
const FETCH_WAIT_MILLIS: &str = "50";

/// The settings of a producer.
pub(crate) fn producer(settings: &ProducerConfig) -> Result<ClientConfig, SettingsError> {
    let mut config = connection(&settings.connection, ProducerConnection::PREFIX)?;
    let codec = settings.compression.name();
    let level = compression_level(settings)?;
    if settings.batch_linger >= MOST_LINGER {
        let flag = format!("--kafka.producer.batch-linger={:?}", settings.batch_linger);
        let problem = format!("records are given up after {DELIVERY_MILLIS} ms; set it to less");
        return Err(SettingsError::new(flag, problem));
    }
    if settings.batch_min_messages > 0 {
        let flag = format!("--kafka.producer.batch-min-messages={}", settings.batch_min_messages);
        let problem = "a batch goes when it is full or its time is over; set --kafka.producer.batch-linger or .batch-size instead";
        return Err(SettingsError::new(flag, problem));
    }
    let all = settings.acks == Acks::All;
    let acks = match settings.acks {
        Acks::Noack => "0",
        Acks::Local => "1",
        Acks::All => "all",
    };
    let batch_records = if settings.batch_max_messages == 0 { 100_000 } else { settings.batch_max_messages };
    config
        .set("acks", acks)
        .set("enable.idempotence", all.to_string())
        .set("compression.codec", codec)
        .set("linger.ms", settings.batch_linger.as_millis().to_string())
        .set("batch.size", batch_bytes(settings).to_string())
        .set("batch.num.messages", batch_records.to_string())
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .set("message.timeout.ms", DELIVERY_MILLIS)
        // The bounds are ours: see `writer`.
        .set("queue.buffering.max.kbytes", "2097151")
        .set("queue.buffering.max.messages", "0");
    if level > 0 {
        config.set("compression.level", level.to_string());
    }
    Ok(config)
}

/// Bytes with which a batch is full, as the settings have it.
pub(crate) fn batch_bytes(settings: &ProducerConfig) -> usize {
    let bytes = if settings.batch_size == 0 { settings.max_message_bytes } else { settings.batch_size };
    bytes.min(i32::MAX.unsigned_abs()) as usize
}

/// The level in the library's words; 0 for the codec's own default.
fn compression_level(settings: &ProducerConfig) -> Result<i32, SettingsError> {
    let level = settings.compression_level;
    let Levels { jaegers, ours } = settings.compression.levels();
    if level <= jaegers {
        return Ok(level.min(ours));
    }
    let flag = format!("--kafka.producer.compression-level={level}");
    let codec = settings.compression.name();
    let problem = match settings.compression {
        Compression::None | Compression::Snappy => format!("compression {codec} has no levels; remove it"),
        _ => format!("{codec} has levels up to {jaegers}"),
    };
    Err(SettingsError::new(flag, problem))
}

/// The settings of a consumer.
pub(crate) fn consumer(settings: &ConsumerConfig) -> Result<ClientConfig, SettingsError> {
    if settings.group_id.is_empty() {
        return Err(SettingsError::new("--kafka.consumer.group-id", "it is empty; name the group"));
    }
    let session = settings.session_timeout.as_millis();
    if !(6_000..=1_800_000).contains(&session) {
        return Err(SettingsError::new("--kafka.consumer.session-timeout", "set it from 6s to 30m"));
    }
    if settings.commit_interval.is_zero() {
        return Err(SettingsError::new("--kafka.consumer.commit-interval", "it has to be more than 0s"));
    }
    if settings.release_timeout.as_secs() >= 300 {
        return Err(SettingsError::new("--kafka.consumer.release-timeout", "it has to be less than 5m"));
    }
    if settings.refresh > MOST_REFRESH {
        return Err(SettingsError::new("--kafka.consumer.metadata-refresh-interval", "set it to 1h at most"));
    }
    let mut config = connection(&settings.connection, ConsumerConnection::PREFIX)?;
    config
        .set("group.id", &settings.group_id)
        .set("client.id", &settings.client_id)
        .set("partition.assignment.strategy", settings.assignor.name())
        .set("session.timeout.ms", session.to_string())
        // For so long the group waits for a member that does not answer; giving partitions up takes up to the release timeout.
        .set(
            "max.poll.interval.ms",
            (session.max(settings.release_timeout.as_millis()) + POLL_MARGIN).to_string(),
        )
        .set("heartbeat.interval.ms", (session / 10).min(3_000).to_string())
        .set("fetch.message.max.bytes", settings.fetch_max_message_bytes.to_string())
        // What is fetched ahead of time, of each partition: with less than that waiting, as much again is fetched.
        .set("queued.max.messages.kbytes", (settings.fetch_max_message_bytes / 1_024).max(1).to_string())
        .set("queued.min.messages", QUEUED_RECORDS)
        .set("fetch.queue.backoff.ms", QUEUE_BACKOFF_MILLIS)
        .set("fetch.wait.max.ms", FETCH_WAIT_MILLIS)
        .set("topic.metadata.refresh.interval.ms", settings.refresh.as_millis().max(100).to_string())
        // What the reader has noted as settled, and nothing else.
        .set("enable.auto.commit", "true")
        .set(
            "auto.commit.interval.ms",
            settings.commit_interval.as_millis().clamp(100, 86_400_000).to_string(),
        )
        .set("enable.auto.offset.store", "false")
        // Places are given with each assignment; a place that is gone is told, not silently left.
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true");
    for (key, value) in [("group.instance.id", &settings.instance_id), ("client.rack", &settings.rack_id)] {
        if !value.is_empty() {
            config.set(key, value);
        }
    }
    Ok(config)
}

/// The settings of one who looks at a topic, a page at a time: little is fetched ahead, and the end is told at once.
pub(crate) fn browser(settings: &ConsumerConfig) -> Result<ClientConfig, SettingsError> {
    let mut config = consumer(settings)?;
    // A name of a member that is none would only be in its namesake's way.
    config.remove("group.instance.id");
    config
        .set("enable.auto.commit", "false")
        .set("statistics.interval.ms", "0")
        .set("fetch.wait.max.ms", "20");
    Ok(config)
}

/// What librdkafka says against the settings as a whole, in the words of our flags. It names its own settings; values are left out, as
/// some are secret.
pub(crate) fn refused(error: &KafkaError, prefix: &str) -> SettingsError {
    let text = match error {
        KafkaError::ClientConfig(_, description, key, _) => format!("{key}: {description}"),
        other => other.to_string(),
    };
    let known = [
        ("ssl.ca.location", "tls.ca"),
        ("ssl.certificate.location", "tls.cert"),
        ("ssl.key.location", "tls.key"),
        ("sasl.", "authentication"),
        ("broker.version.fallback", "protocol-version"),
        ("bootstrap.servers", "brokers"),
        ("linger.ms", "batch-linger"),
        ("batch.size", "batch-size"),
        ("batch.num.messages", "batch-max-messages"),
        ("compression.level", "compression-level"),
        ("fetch.message.max.bytes", "fetch-max-message-bytes"),
        ("message.max.bytes", "max-message-bytes"),
        ("session.timeout.ms", "session-timeout"),
        ("max.poll.interval.ms", "release-timeout"),
        ("auto.commit.interval.ms", "commit-interval"),
        ("metadata.refresh.interval.ms", "metadata-refresh-interval"),
        ("group.instance.id", "instance-id"),
    ];
    let name = known.iter().find(|(theirs, _)| text.contains(theirs)).map_or("brokers", |(_, ours)| ours);
    SettingsError::new(format!("--{prefix}{name}"), text)
}
