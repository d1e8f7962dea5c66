//! [`ElasticsearchReader`]: the door out.
use crate::{Config, client::Client, index::IndexNames, setup::Setup};
use std::sync::Arc;

/// Reads spans from Elasticsearch or OpenSearch.
#[derive(Debug)]
pub struct ElasticsearchReader {
    client: Arc<Client>,
    setup: Arc<Setup>,
    names: IndexNames,
}
impl ElasticsearchReader {
    pub(crate) fn new(client: Arc<Client>, setup: Arc<Setup>, names: IndexNames, _config: &Config) -> Self {
        Self { client, setup, names }
    }
}
