//! The way to the store: addresses, who we are, how long we wait.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

use crate::{NodeUrl, Secret};

/// How the store is reached.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct ConnectionConfig {
    /// The store's nodes, as a comma-separated list of http:// or https:// URLs. Requests take turns; a node that fails is
    /// set aside for a while. A URL may carry user:password@.
    #[arg(
        id = "es.server-urls",
        long = "es.server-urls",
        value_name = "URL,…",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9200"
    )]
    pub server_urls: Vec<NodeUrl>,

    /// The user for basic authentication; none when empty.
    #[arg(id = "es.username", long = "es.username", value_name = "NAME", default_value = "")]
    pub username: String,

    /// The password of --es.username. Better given in the environment (ES_PASSWORD) than in the command line.
    #[arg(id = "es.password", long = "es.password", value_name = "SECRET", default_value = "")]
    pub password: Secret,

    /// The longest that one request to the store may take; 0s leaves it to the caller's deadline.
    #[arg(id = "es.timeout", long = "es.timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "0s")]
    pub timeout: Duration,

    /// The store's version: 7, 8 or 9 for Elasticsearch, 101, 102 or 103 for OpenSearch 1, 2 or 3; 0 asks the store.
    #[arg(id = "es.version", long = "es.version", value_name = "NUMBER", default_value_t = 0)]
    pub version: u32,
}

super::defaults_from_flags!(ConnectionConfig);
