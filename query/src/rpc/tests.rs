//! Claims about the gRPC port: what each method answers, codes and texts, messages; as a generated client sees them.

mod archive;
mod connection;
mod failures;
mod lists;
mod memory_store;
mod methods;
mod reflection;

use std::sync::Arc;

use clap::Parser;
use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_proto::jaeger::api_v2::query_service_client::QueryServiceClient as ClientV2;
use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient as ClientV3;
use tonic::Streaming;

use super::*;
use crate::fixture::{FakeReader, Script, plain_trace};
use crate::metrics::Metrics;
use crate::stores::Stores;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    query: Config,
}

fn config(args: &[&str]) -> Config {
    Program::parse_from(std::iter::once(&"spoor").chain(args)).query
}

/// The port's routes over these stores.
fn over(args: &[&str], stores: Stores) -> Router {
    let config = config(args);
    let service = Service::new(&config, stores, Metrics::register(&mut Registry::default()));
    super::Port::new(&config, Arc::new(service)).router
}

/// A port over a fake store.
struct Port {
    v2: ClientV2<Router>,
    v3: ClientV3<Router>,
    reader: Arc<FakeReader>,
}

impl Port {
    fn new(args: &[&str], reader: FakeReader) -> Self {
        let reader = Arc::new(reader);
        let router = over(args, Stores::new(reader.clone()));
        Self { v2: ClientV2::new(router.clone()), v3: ClientV3::new(router), reader }
    }

    fn with(script: Script) -> Self {
        Self::new(&[], FakeReader::new(script))
    }
}

/// Two traces, `a` of two spans and `b` of one.
fn traces() -> Script {
    Script::Parts(vec![plain_trace(0xa, 2), plain_trace(0xb, 1)])
}

/// All messages of an answer.
async fn all<M>(answer: tonic::Response<Streaming<M>>) -> Vec<M> {
    answer.into_inner().try_collect().await.expect("the answer ends well")
}

fn id(low: u8) -> bytes::Bytes {
    [vec![0; 15], vec![low]].concat().into()
}

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}
