//! Opens the way to Kafka. The only place, besides tests, that knows which topics there are.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use spoor_ingester::quarantine::{FileQuarantine, Quarantine, TopicQuarantine, WithFallback};
use spoor_ingester::{Destination, Ingester, Parts};
use spoor_proto::record::{Encoding, ReadOnlyEncoding, UnknownEncoding};
use spoor_storage::SpanWriter;
use spoor_storage::write::{RetryMetrics, RetryPolicy, RetryingWriter};
use spoor_tls::Ending;
use spoor_topic::TopicWriter;
use spoor_topic_kafka::config::{ConnectionConfig, ConsumerConfig, ProducerConfig, ProducerConnection};
use spoor_topic_kafka::{KafkaReader, KafkaWriter};
use spoor_topic_spans::{SpanTopicWriter, TopicMetrics};

use crate::backend::PlainWriter;
use crate::health::Health;
use crate::host::Host;
use crate::late_topic::LateTopic;

/// How often the topic is asked whether it can be reached, at start.
const LOOK: Duration = Duration::from_millis(250);

/// The most bytes of a record that is set aside or put back; what the topic itself takes decides.
const LETTER_BYTES: u32 = 100 << 20;

/// Settings of whoever writes spans to Kafka.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct KafkaSpans {
    #[command(flatten)]
    producer: ProducerConfig,

    /// How spans are written into records: protobuf or json, one span a record, as Jaeger 1.x and 2.x read them (jaeger_proto and jaeger_json
    /// are other names); otlp_proto or otlp_json, the spans of a request that belong to one trace a record, as Jaeger 2.x reads them, with less work for
    /// all.
    #[arg(
        id = "kafka.producer.encoding",
        long = "kafka.producer.encoding",
        value_name = "ENCODING",
        default_value = "protobuf",
        value_parser = writable
    )]
    encoding: Encoding,
}

fn writable(text: &str) -> Result<Encoding, String> {
    let encoding: Encoding = text.parse().map_err(|error: UnknownEncoding| error.to_string())?;
    if encoding.can_be_written() { Ok(encoding) } else { Err(ReadOnlyEncoding(encoding).to_string()) }
}

impl KafkaSpans {
    /// The topic, and how spans are written into it.
    pub(crate) fn target(&self) -> (&str, Encoding) {
        (&self.producer.connection.topic, self.encoding)
    }

    /// Checks what no single flag can tell.
    pub(crate) fn validate(&self) -> Result<()> {
        Ok(self.producer.validate()?)
    }
}

/// Opens the topic as the collector's store: what a sender was told is stored lies in the topic. Until the brokers were reached
/// once, the role is not ready.
pub(crate) fn open_writer(
    config: &KafkaSpans,
    retries: RetryMetrics,
    host: &mut Host,
) -> Result<Arc<dyn SpanWriter>> {
    let topic = Arc::new(KafkaWriter::open(&config.producer).context("open the topic of spans")?);
    report_certificates("--kafka.producer.tls", &config.producer.connection, host);
    let metrics = TopicMetrics::register(&mut host.registry);
    host.registry.register_collector(Box::new(Renewals(Arc::clone(&topic))));
    let spans = SpanTopicWriter::new(Arc::clone(&topic), config.encoding, metrics)?;
    let spans = spans.named(config.target().0);
    report_first_reach(topic, host.health.clone());
    Ok(Arc::new(RetryingWriter::new(spans, RetryPolicy::default(), retries)))
}

/// Opens an ingester between the topic and the store. It joins its group now, and reads when it runs.
pub(crate) async fn open_ingester(
    kafka: &ConsumerConfig,
    config: &spoor_ingester::Config,
    store: PlainWriter,
    host: &mut Host,
) -> Result<Ingester> {
    let topic = kafka.connection.topic.clone();
    let quarantine = open_quarantine(kafka, config.quarantine.destination(&topic)?).await?;
    let reader = Arc::new(KafkaReader::open(kafka).context("open the topic of spans")?);
    report_certificates("--kafka.consumer.tls", &kafka.connection, host);
    let PlainWriter { writer, retries, away } = store;
    let parts = Parts { topic, reader, writer, store_away: away, retries, quarantine };
    Ok(Ingester::build(config, parts, &mut host.registry))
}

/// Tells when the certificates end that librdkafka has just read. It takes more than PEM files of certificates; what is something else
/// has no end that could be told.
fn report_certificates(flags: &str, connection: &ConnectionConfig, host: &Host) {
    for (setting, path, ending) in
        [("ca", &connection.ca, Ending::First), ("cert", &connection.cert, Ending::OfLeaf)]
    {
        if let Err(error) = host.certificates.read(&format!("{flags}.{setting}"), path, ending) {
            tracing::warn!(%error, "no metric tells when these certificates end");
        }
    }
}

async fn open_quarantine(kafka: &ConsumerConfig, destination: Destination) -> Result<Arc<dyn Quarantine>> {
    let topic = |name: &str| -> Result<TopicQuarantine> {
        let writer = LateTopic::new(beside(kafka, name)).with_context(|| format!("open the topic {name}"))?;
        Ok(TopicQuarantine::new(Arc::new(writer), name))
    };
    Ok(match destination {
        Destination::Topic(name) => Arc::new(topic(&name)?),
        Destination::Files(directory) => Arc::new(open_files(directory).await?),
        Destination::Both(name, directory) => {
            Arc::new(WithFallback::new(topic(&name)?, open_files(directory).await?))
        }
    })
}

async fn open_files(directory: PathBuf) -> Result<FileQuarantine> {
    FileQuarantine::open(directory).await.context("open --ingester.dead-letter-dir")
}

/// The door into a topic for whoever reads another one from the same brokers.
pub(crate) fn open_topic(kafka: &ConsumerConfig, name: &str) -> Result<Arc<dyn TopicWriter>> {
    let writer = KafkaWriter::open(&beside(kafka, name)).with_context(|| format!("open the topic {name}"))?;
    Ok(Arc::new(writer))
}

/// Settings of whoever writes to another topic of the same brokers.
fn beside(kafka: &ConsumerConfig, name: &str) -> ProducerConfig {
    let mut connection = ProducerConnection(kafka.connection.0.clone());
    name.clone_into(&mut connection.0.topic);
    ProducerConfig {
        connection,
        // A record that one topic took must fit into the other, with the headers that it gets.
        max_message_bytes: LETTER_BYTES,
        // Together they must not be more than brokers take as they are shipped.
        batch_size: ProducerConfig::default().max_message_bytes,
        ..ProducerConfig::default()
    }
}

/// How often the producer was replaced, read from it when somebody looks.
struct Renewals(Arc<KafkaWriter>);

impl fmt::Debug for Renewals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Renewals({})", self.0.renewals())
    }
}

impl Collector for Renewals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counter = ConstCounter::new(self.0.renewals());
        let help = "Times Kafka's client library no longer delivered records though the brokers could take them, or its batches were too \
                    large for the topic, and its producer was replaced by a new one";
        let name = "spoor_topic_producer_renewals";
        counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
    }
}

/// A later outage leaves the role ready: telling senders when to come back is its work then.
fn report_first_reach(topic: Arc<KafkaWriter>, health: Health) {
    let problem = |topic: &KafkaWriter| topic.reachable().err().map(|unreachable| unreachable.to_string());
    // Said before the role runs, so that it never looks ready before the brokers were reached.
    health.report("topic", problem(&topic));
    tokio::spawn(async move {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let problem = problem(&topic);
            let is_reached = problem.is_none();
            health.report("topic", problem);
            if is_reached {
                break;
            }
        }
    });
}
