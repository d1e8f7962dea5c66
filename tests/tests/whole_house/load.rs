//! Generated spans that come all the time.

use std::time::Duration;

use anyhow::{Context, Result};
use spoor_load::{GenerateConfig, Protocol, Report, Requests, SendConfig};
use spoor_tests::traffic::now;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// More than are sent in any run.
const ENOUGH: u64 = 100_000_000;
/// How long senders with answers go on sending what was not taken.
const RETRY_FOR: Duration = Duration::from_secs(120);

/// To this endpoint, so many spans a second.
pub(super) fn config(endpoint: String, protocol: Protocol, streams: u32, rate: u64) -> SendConfig {
    let defaults = SendConfig::default();
    SendConfig {
        endpoint: Some(endpoint),
        protocol,
        streams: streams.try_into().unwrap_or(defaults.streams),
        deadline: Duration::from_secs(20),
        rate: rate.try_into().ok(),
        // Nothing comes back by UDP that could tell what to send again.
        retry_for: if protocol.has_answers() { RETRY_FOR } else { Duration::ZERO },
        record: true,
        ..defaults
    }
}

/// Sends until it is told to stop.
pub(super) fn load(config: SendConfig, seed: u64, stop: &CancellationToken) -> JoinHandle<Result<Report>> {
    let stop = stop.clone();
    let few = 50.try_into();
    tokio::spawn(async move {
        let defaults = GenerateConfig::default();
        let spans_per_request = few.unwrap_or(defaults.spans_per_request);
        let what = GenerateConfig { seed, spans_per_request, ..defaults }.with_spans(ENOUGH);
        let requests = Requests::new(&what, now(), config.protocol);
        spoor_load::run(&config, requests, stop).await.context("send spans")
    })
}
