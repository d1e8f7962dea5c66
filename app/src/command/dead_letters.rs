//! `spoor ingester dead-letters`: what could not be stored, to look at and to put back.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;
use spoor_ingester::dead_letters::{
    self, DeadLettersCommand, DeadLettersError, FileLetters, Letters, OpenWriterError, TopicLetters,
};
use spoor_ingester::{Destination, QuarantineConfig};
use spoor_topic::TopicWriter;
use spoor_topic_kafka::KafkaBrowser;
use spoor_topic_kafka::config::{ConsumerConfig, ConsumerConnection};

use crate::kafka;

/// Settings of the command: those of the ingester whose letters they are.
#[derive(Debug, clap::Args)]
pub(crate) struct DeadLettersArgs {
    /// A file with settings: YAML, JSON or TOML, the flags' names dotted or nested. Flags and environment win over it.
    #[arg(id = "config-file", long = "config-file", value_name = "PATH")]
    config_file: Option<PathBuf>,

    #[command(flatten)]
    connection: ConsumerConnection,

    #[command(flatten)]
    quarantine: QuarantineConfig,

    /// Where to look when letters go to both places.
    #[arg(long = "from", value_name = "PLACE", default_value = "topic")]
    from: Source,

    #[command(subcommand)]
    command: DeadLettersCommand,
}

/// A place of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The topic of --ingester.dead-letter-topic
    Topic,
    /// The files in --ingester.dead-letter-dir
    Files,
}

/// Opens the place, and does what is asked for.
pub(crate) async fn run(args: &DeadLettersArgs) -> Result<()> {
    args.command.validate()?;
    let settings = ConsumerConfig { connection: args.connection.clone(), ..ConsumerConfig::default() };
    let mut letters = open(args, &settings).await?;
    let open_writer = |topic: &str| -> Result<Arc<dyn TopicWriter>, OpenWriterError> {
        kafka::open_topic(&settings, topic).map_err(|error| OpenWriterError::from(format!("{error:#}")))
    };
    let mut out = std::io::stdout().lock();
    match dead_letters::run(&args.command, letters.as_mut(), &open_writer, &mut out).await {
        // Whoever reads only the first lines has read enough.
        Err(DeadLettersError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result.and_then(|()| out.flush().map_err(DeadLettersError::Output))?),
    }
}

async fn open(args: &DeadLettersArgs, settings: &ConsumerConfig) -> Result<Box<dyn Letters>> {
    let destination = args.quarantine.destination(&settings.connection.topic)?;
    match (destination, args.from) {
        (Destination::Files(directory), _) | (Destination::Both(_, directory), Source::Files) => {
            Ok(Box::new(FileLetters::open(directory).await?))
        }
        (Destination::Topic(_), Source::Files) => {
            anyhow::bail!("--from=files: name the directory with --ingester.dead-letter-dir")
        }
        (Destination::Topic(topic) | Destination::Both(topic, _), Source::Topic) => {
            let mut settings = settings.clone();
            settings.connection.0.topic.clone_from(&topic);
            let browser = KafkaBrowser::open(&settings).context("open the topic of letters")?;
            Ok(Box::new(TopicLetters::open(Arc::new(browser), &topic).await?))
        }
    }
}
