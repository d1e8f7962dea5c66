//! `spoor ingester`: from Kafka to the store.

use anyhow::Result;
use spoor_topic_kafka::config::ConsumerConfig;

use crate::backend::{self, StorageConfig};
use crate::host::{Host, HostConfig};
use crate::{kafka, role};

/// Settings of the ingester.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("admin.http.host-port", |arg| arg.default_value(":14270")),
    after_help = "`spoor ingester dead-letters --help` tells how to look at records that were set aside, and how to put them back."
)]
pub(crate) struct IngesterArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    storage: StorageConfig,

    #[command(flatten)]
    kafka: ConsumerConfig,

    #[command(flatten)]
    ingester: spoor_ingester::Config,
}

impl IngesterArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.host.outlasts("--ingester.drain-timeout", self.ingester.drain_timeout)?;
        self.kafka.validate()?;
        self.ingester.validate(&self.kafka.connection.topic)?;
        self.storage.validate_shared()
    }
}

/// The store first, then the topic, then the role.
pub(crate) async fn run(args: &IngesterArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host, Some("jaeger_ingester"))?;
    let store = backend::open_shared(&args.storage, &mut host)?.plain;
    let ingester = kafka::open_ingester(&args.kafka, &args.ingester, store, &mut host).await?;
    let ingester = role::ingester(ingester, &host);
    host.serve(vec![ingester]).await
}
