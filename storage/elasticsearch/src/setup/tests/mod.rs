//! The store is looked at again and again, at a faster pace than usual.

use super::*;
use crate::Config;
use crate::index::IndexNames;
use crate::template::Kind;

#[path = "../../../tests/support/fake.rs"]
#[expect(dead_code, unreachable_pub, reason = "each test program uses a part")]
mod fake;
mod reached;
mod scripted;

const LONG: Duration = Duration::from_secs(30);
/// Every write waits for a look of its own.
const ALWAYS: Pace = Pace {
    aging: Duration::ZERO,
    stale: Duration::ZERO,
    quick: Duration::from_secs(10),
    routine: Duration::from_secs(3_600),
    in_trouble: Duration::from_millis(20),
    whole: Duration::from_secs(3_600),
};

fn setup(config: &Config, writes: bool) -> (Setup, SetupMetrics) {
    setup_at(config, writes, ALWAYS)
}

fn setup_at(config: &Config, writes: bool, pace: Pace) -> (Setup, SetupMetrics) {
    let names = IndexNames::new(&config.indices).unwrap();
    let families = [(Kind::Span, &names.spans), (Kind::Service, &names.services)]
        .map(|(kind, family)| Watched::new(kind, family, false, config.indices.max_span_age))
        .to_vec();
    let templates = writes.then(|| config.templates.clone());
    let plan = Plan {
        known: None,
        families,
        templates,
        other_layout: Some(Watched::new(Kind::CompactSpan, &names.compact, false, LONG)),
        use_ilm: config.templates.use_ilm,
        remotes: config.indices.remotes().map(str::to_owned).collect(),
        pace,
    };
    let (client, metrics) = (Arc::new(Client::new(config).unwrap()), SetupMetrics::default());
    (Setup::start(client, plan, metrics.clone()), metrics)
}

async fn write(setup: &Setup) -> Result<Server, NotReady> {
    setup.ready_to_write(Instant::now() + LONG).await
}
