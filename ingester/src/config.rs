//! The ingester's settings: Jaeger v1's flags with what they mean here, and our own bounds.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use spoor_model::{ByteSize, parse_go_duration};
use spoor_proto::record::{Encoding, UnknownEncoding};

/// Settings of the ingester.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// How spans are written in the records: protobuf or json (Jaeger 1.x's; jaeger_proto and jaeger_json are other names), otlp_proto,
    /// otlp_json, zipkin-thrift; auto recognizes it record by record.
    #[arg(
        id = "kafka.consumer.encoding",
        long = "kafka.consumer.encoding",
        value_name = "ENCODING",
        default_value = "protobuf",
        value_parser = EncodingChoice::parse
    )]
    pub encoding: EncodingChoice,

    /// The most writes to the store at a time. In Jaeger: records of one partition that are worked on at a time; here a write has
    /// many records, of any partitions.
    #[arg(id = "ingester.parallelism", long = "ingester.parallelism", value_name = "COUNT", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallelism: u32,

    /// After how long without a way to the topic, the store or the quarantine the ingester says on its admin port that it is not
    /// ready; 0: never. It goes on trying, keeps its partitions, and is ready again by itself. In Jaeger, where this ends the process
    /// when a topic is quiet, it is off by default.
    #[arg(id = "ingester.deadlockInterval", long = "ingester.deadlockInterval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "1m")]
    pub not_ready_after: Duration,

    /// The most bytes of records in one write; a larger record is written alone.
    #[arg(id = "ingester.batch-max-bytes", long = "ingester.batch-max-bytes", value_name = "SIZE", default_value_t = ByteSize(128 << 10), value_parser = ByteSize::from_str)]
    pub batch_max_bytes: ByteSize,

    /// The most records in one write.
    #[arg(id = "ingester.batch-max-records", long = "ingester.batch-max-records", value_name = "COUNT", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_max_records: u32,

    /// How long records wait for others to be written with.
    #[arg(id = "ingester.batch-linger", long = "ingester.batch-linger", value_name = "DURATION", value_parser = parse_go_duration, default_value = "20ms")]
    pub linger: Duration,

    /// After how long a write without an answer is given up and tried again; what was stored meanwhile is not stored twice.
    #[arg(id = "ingester.write-timeout", long = "ingester.write-timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "30s")]
    pub write_timeout: Duration,

    /// How long writes that are under way may take to end after a stop signal; the records of those that do not are read again by whoever
    /// gets their partitions. Less than --shutdown-timeout.
    #[arg(id = "ingester.drain-timeout", long = "ingester.drain-timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "15s")]
    pub drain_timeout: Duration,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub quarantine: QuarantineConfig,
}

/// Where records go that can never be stored.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct QuarantineConfig {
    /// The topic for records that cannot be read or that the store refuses for good. Empty: the topic's name with
    /// -dead-letter behind it. `spoor ingester dead-letters` lists them and puts them back.
    #[arg(
        id = "ingester.dead-letter-topic",
        long = "ingester.dead-letter-topic",
        value_name = "NAME",
        default_value = ""
    )]
    pub topic: String,

    /// A directory for such records where there may be no topic for them: for all of them with --ingester.dead-letter-topic=none, and
    /// while the topic is missing and nobody makes it or may not be written to; else for those that the topic refuses for good, as too
    /// large ones. Without it, a topic that is missing or forbidden is waited for.
    #[arg(id = "ingester.dead-letter-dir", long = "ingester.dead-letter-dir", value_name = "PATH")]
    pub directory: Option<PathBuf>,
}

/// The encoding of records, or that it is to be recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingChoice(pub Option<Encoding>);

/// The name of the choice to recognize encodings.
const AUTO: &str = "auto";

impl EncodingChoice {
    fn parse(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(AUTO) {
            return Ok(Self(None));
        }
        match name.parse() {
            Ok(encoding) => Ok(Self(Some(encoding))),
            Err(error) => {
                let error: UnknownEncoding = error;
                Err(format!("{error}; or {AUTO}, to recognize it record by record"))
            }
        }
    }
}

/// Where the letters of a topic go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To a topic.
    Topic(String),
    /// To files.
    Files(PathBuf),
    /// To a topic, and what it refuses for good to files.
    Both(String, PathBuf),
}

/// Settings that cannot work together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

/// The name that says: no topic for letters.
const NO_TOPIC: &str = "none";

impl QuarantineConfig {
    /// Where the letters of this topic go.
    ///
    /// # Errors
    /// Nowhere, or into the topic itself.
    pub fn destination(&self, origin: &str) -> Result<Destination, ConfigError> {
        let error = |problem: String| ConfigError { setting: "--ingester.dead-letter-topic", problem };
        let topic = match self.topic.as_str() {
            NO_TOPIC => None,
            "" => Some(format!("{origin}-dead-letter")),
            name => Some(name.to_owned()),
        };
        if topic.as_deref() == Some(origin) {
            return Err(error(format!("{origin} is the topic that is read; name another one")));
        }
        match (topic, self.directory.clone()) {
            (Some(topic), None) => Ok(Destination::Topic(topic)),
            (Some(topic), Some(directory)) => Ok(Destination::Both(topic, directory)),
            (None, Some(directory)) => Ok(Destination::Files(directory)),
            (None, None) => Err(error(format!(
                "{NO_TOPIC} leaves records that cannot be stored no place to go; name a directory with --ingester.dead-letter-dir"
            ))),
        }
    }
}

impl Config {
    /// Checks what no single flag can tell; `topic` is the one that is read.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub fn validate(&self, topic: &str) -> Result<(), ConfigError> {
        self.quarantine.destination(topic)?;
        let needed = [
            ("--ingester.batch-max-bytes", self.batch_max_bytes.0 == 0),
            ("--ingester.write-timeout", self.write_timeout.is_zero()),
        ];
        match needed.into_iter().find(|(_, is_nothing)| *is_nothing) {
            Some((setting, _)) => {
                Err(ConfigError { setting, problem: "nothing could be written; give more than 0".to_owned() })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarantine(topic: &str, directory: Option<&str>) -> Result<Destination, String> {
        let config = QuarantineConfig { topic: topic.to_owned(), directory: directory.map(PathBuf::from) };
        config.destination("spans").map_err(|error| error.to_string())
    }

    #[test]
    fn letters_have_a_place_to_go_or_it_is_said_that_they_have_none() {
        assert_eq!(quarantine("", None), Ok(Destination::Topic("spans-dead-letter".to_owned())));
        assert_eq!(quarantine("bad", Some("/d")), Ok(Destination::Both("bad".to_owned(), "/d".into())));
        assert_eq!(quarantine("none", Some("/d")), Ok(Destination::Files("/d".into())));
        let error = quarantine("none", None).unwrap_err();
        assert!(error.contains("--ingester.dead-letter-dir"), "{error}");
        let error = quarantine("spans", None).unwrap_err();
        assert!(error.contains("the topic that is read"), "{error}");
    }

    #[test]
    fn an_encoding_is_named_or_recognized() {
        assert_eq!(EncodingChoice::parse("AUTO"), Ok(EncodingChoice(None)));
        assert_eq!(EncodingChoice::parse("jaeger_proto"), Ok(EncodingChoice(Some(Encoding::Protobuf))));
        let error = EncodingChoice::parse("avro").unwrap_err();
        assert!(error.contains("avro") && error.contains("or auto"), "{error}");
    }
}
