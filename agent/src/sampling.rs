//! Clients' questions for their sampling strategies, asked of the collectors, with a memory of the answers.
//! Facts: `jaegertracing/jaeger cmd/agent/app/configmanager` (v1.60), which has no memory and fails while no collector is reachable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use prost::Message;
use spoor_proto::jaeger::api_v2::{SamplingStrategyParameters, SamplingStrategyResponse};
use spoor_sampling::{Strategy, StrategyError, StrategyProvider};
use tokio::time::Instant;

use crate::reporter::{CallError, Peers};

const GET_STRATEGY: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";
/// Services whose strategy is remembered. Beyond it the one that was asked for longest ago is forgotten.
const MOST_SERVICES: usize = 1_000;
/// Collectors that are asked before it is given up.
const MOST_ASKED: usize = 3;
/// How long each of them has: two seconds for all together, after which clients give up.
const PATIENCE: Duration = Duration::from_millis(650);

/// Labels of Jaeger's `collector_proxy`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Proxied {
    result: &'static str,
    endpoint: &'static str,
}

/// Asks collectors.
#[derive(Debug)]
pub(crate) struct Proxy {
    peers: Arc<Peers>,
    ttl: Duration,
    known: Mutex<HashMap<String, Known>>,
    proxied: Family<Proxied, Counter>,
    stale: Counter,
}

#[derive(Debug, Clone)]
struct Known {
    strategy: Arc<Strategy>,
    since: Instant,
}

impl Proxy {
    /// Answers are good for `ttl`, and for longer while no collector answers.
    pub(crate) fn register(registry: &mut Registry, peers: Arc<Peers>, ttl: Duration) -> Self {
        let (proxied, stale) = (Family::default(), Counter::default());
        for result in ["ok", "err"] {
            for endpoint in ["sampling", "baggage"] {
                drop(proxied.get_or_create(&Proxied { result, endpoint }));
            }
        }
        registry.register(
            "jaeger_agent_collector_proxy",
            "Questions of clients passed on to collectors",
            proxied.clone(),
        );
        registry.register(
            "spoor_agent_sampling_stale_answers",
            "Strategies told from memory beyond their time because no collector answered",
            stale.clone(),
        );
        Self { peers, ttl, known: Mutex::default(), proxied, stale }
    }

    async fn ask_collectors(&self, service: &str) -> Result<Arc<Strategy>, StrategyError> {
        let parameters = SamplingStrategyParameters { service_name: service.to_owned() };
        let request = spoor_net::grpc::frame(&parameters.encode_to_vec());
        let mut problem = "no collector is connected".to_owned();
        for _ in 0..MOST_ASKED {
            let Some(mut call) = self.peers.next_now() else { break };
            // One that does not answer leaves the others their time.
            match call.connection.call(GET_STRATEGY, request.clone(), PATIENCE).await {
                Ok(answer) => match SamplingStrategyResponse::decode(answer) {
                    Ok(response) => return Ok(Arc::new(response.into())),
                    Err(error) => problem = format!("the collector's answer cannot be read: {error}"),
                },
                Err(CallError::Status(status)) => {
                    problem = format!("{:?}: {}", status.code(), status.message());
                }
                Err(CallError::Lost(error)) => problem = error.to_string(),
            }
        }
        Err(StrategyError(problem))
    }

    fn remember(&self, service: &str, strategy: &Arc<Strategy>) {
        let mut known = self.known();
        if known.len() >= MOST_SERVICES && !known.contains_key(service) {
            let oldest = known.iter().min_by_key(|(_, known)| known.since).map(|(name, _)| name.clone());
            oldest.map(|oldest| known.remove(&oldest));
        }
        known.insert(service.to_owned(), Known { strategy: Arc::clone(strategy), since: Instant::now() });
    }

    fn count(&self, endpoint: &'static str, is_ok: bool) {
        let result = if is_ok { "ok" } else { "err" };
        self.proxied.get_or_create(&Proxied { result, endpoint }).inc();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl StrategyProvider for Proxy {
    async fn strategy(&self, service: &str) -> Result<Arc<Strategy>, StrategyError> {
        let known = self.known().get(service).cloned();
        if let Some(fresh) = known.as_ref().filter(|known| known.since.elapsed() < self.ttl) {
            return Ok(Arc::clone(&fresh.strategy));
        }
        let answer = self.ask_collectors(service).await;
        self.count("sampling", answer.is_ok());
        match (answer, known) {
            (Ok(strategy), _) => {
                self.remember(service, &strategy);
                Ok(strategy)
            }
            (Err(_), Some(old)) => {
                self.stale.inc();
                Ok(old.strategy)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// As Jaeger's agent counts it, which asks no collector either.
    fn no_baggage(&self) {
        self.count("baggage", false);
    }
}
