//! Several collectors over one store in memory, and a simulated service that asks and reports.

use std::collections::BTreeSet;

use clap::{Args, FromArgMatches};
use spoor_model::Throughput;
use spoor_storage::memory::{self, MemoryStore};

use super::calculate::text_of;
use super::*;

fn config(args: &[&str]) -> AdaptiveConfig {
    let command = AdaptiveConfig::augment_args(clap::Command::new("test").no_binary_name(true));
    AdaptiveConfig::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
}

fn store() -> AdaptiveStores {
    let command = memory::Config::augment_args(clap::Command::new("test").no_binary_name(true));
    let config = memory::Config::from_arg_matches(&command.get_matches_from([""; 0])).unwrap();
    let store = Arc::new(MemoryStore::new(&config, &mut Registry::default()));
    AdaptiveStores { sampling: store.clone(), locks: store }
}

fn collector(config: &AdaptiveConfig, stores: &AdaptiveStores, host: &str) -> Arc<Adaptive> {
    Arc::new(Adaptive::new(config, stores.clone(), host, &mut Registry::default()))
}

async fn probability(collector: &Adaptive) -> f64 {
    let strategy = collector.strategy("shop").await.unwrap();
    let rules = strategy.per_operation.as_ref().unwrap();
    rules.operations.first().map_or(rules.default_probability, |rule| rule.probability)
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    config(&[]).validate().unwrap();
    for argument in [
        "--sampling.target-samples-per-second=0",
        "--sampling.min-sampling-probability=0",
        "--sampling.calculation-interval=0s",
        "--sampling.buckets-for-calculation=11",
        "--sampling.leader-lease-refresh-interval=0s",
        "--sampling.leader-lease-refresh-interval=31s",
    ] {
        let error = config(&[argument]).validate().unwrap_err().to_string();
        assert!(error.starts_with(argument.split('=').next().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_service_gets_the_initial_probability_and_the_lower_bound() {
    let collector = collector(&config(&[]), &store(), "a");
    let mut json = Vec::new();
    crate::write_json(&mut json, &collector.strategy("new").await.unwrap());
    assert_eq!(
        String::from_utf8(json).unwrap(),
        r#"{"strategyType":"PROBABILISTIC","operationSampling":{"defaultSamplingProbability":0.001,"defaultLowerBoundTracesPerSecond":0.016666666666666666,"perOperationStrategies":[],"defaultUpperBoundTracesPerSecond":0}}"#
    );
}

/// A service of several processes, which ask once a minute each, and report to collectors in turn.
struct Service {
    /// Requests a second, over all.
    traffic: f64,
    /// In force in each process.
    probabilities: Vec<f64>,
    /// What is left of a trace from the step before.
    remainder: f64,
}

impl Service {
    /// Ten seconds pass. Answers how many traces were sampled.
    async fn step(&mut self, number: usize, collectors: &[Arc<Adaptive>]) -> f64 {
        let processes = self.probabilities.len();
        // Each process asks every sixth step, another one at a time.
        for asking in (0..processes).filter(|process| process % 6 == number % 6) {
            self.probabilities[asking] = probability(&collectors[asking % collectors.len()]).await;
        }
        let mut sampled = 0.0;
        for (process, probability) in self.probabilities.iter().enumerate() {
            let exact = self.traffic / f64::from(u32::try_from(processes).unwrap()) * probability * 10.0
                + self.remainder;
            self.remainder = exact.fract();
            sampled += exact.trunc();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
            let count = exact as u64;
            // The lower bound shows the operation even when nothing else does.
            collectors[process % collectors.len()].counter.add(&Throughput {
                service: "shop".to_owned(),
                operation: "buy".to_owned(),
                count,
                probabilities: BTreeSet::from([text_of(*probability)]),
            });
        }
        sampled
    }
}

/// Runs minutes of a virtual clock. Answers the rate of each minute.
async fn minutes(
    count: usize,
    at: &mut UnixNanos,
    service: &mut Service,
    collectors: &[Arc<Adaptive>],
) -> Vec<f64> {
    let mut rates = Vec::new();
    for _ in 0..count {
        let mut sampled = 0.0;
        for step in 0..6 {
            *at = at.saturating_add(Duration::from_secs(10));
            sampled += service.step(step, collectors).await;
        }
        for (number, collector) in (0_u32..).zip(collectors) {
            // A store in memory is one process's: what is written at the same moment replaces what was.
            let apart = Duration::from_millis(1) * number;
            collector.round(at.saturating_add(apart)).await.unwrap();
            if !collector.election.lead.holds() {
                collector.issue(collector.latest().await.unwrap().1);
            }
        }
        rates.push(sampled / 60.0);
    }
    rates
}

/// Two collectors, of which the first leads.
async fn two(stores: &AdaptiveStores) -> [Arc<Adaptive>; 2] {
    let collectors = ["a", "b"].map(|host| collector(&config(&[]), stores, host));
    for collector in &collectors {
        let asking = Arc::clone(collector);
        let election = tokio::spawn(async move { asking.election.run().await });
        while !collectors[0].election.lead.holds() {
            tokio::task::yield_now().await;
        }
        election.abort();
    }
    collectors
}

/// With Jaeger's defaults, a new operation is judged after four minutes (two of traffic, two of delay), and what a change leads to
/// five minutes after it: one for clients to hear of it, one for collectors to have stored what came before, one of traffic, two of delay. A
/// fall is one step, a rise doubles with each; a minute after the last one, all clients have heard of it.
#[tokio::test]
async fn a_service_comes_to_the_target_within_the_documented_minutes() {
    for (traffic, steps) in [(50_000.0, 1), (10_000.0, 1), (1_000.0, 0), (100.0, 4), (10.0, 7)] {
        let minutes_until_good = 5 * steps + 1;
        let stores = store();
        let collectors = two(&stores).await;
        let mut at = now();
        let mut service = Service { traffic, probabilities: vec![0.001; 12], remainder: 0.0 };
        minutes(minutes_until_good, &mut at, &mut service, &collectors).await;
        let rates = minutes(10, &mut at, &mut service, &collectors).await;
        assert!(
            rates.iter().all(|rate| (0.6..=1.45).contains(rate)),
            "{traffic} a second: {rates:?} after {minutes_until_good} minutes"
        );
        let [leader, follower] = &collectors;
        assert_eq!(probability(leader).await.to_bits(), probability(follower).await.to_bits());
    }
}

#[tokio::test]
async fn a_new_leader_goes_on_from_what_is_in_force() {
    let stores = store();
    let collectors = two(&stores).await;
    let mut at = now();
    let mut service = Service { traffic: 10_000.0, probabilities: vec![0.001; 12], remainder: 0.0 };
    minutes(12, &mut at, &mut service, &collectors).await;
    let before = probability(&collectors[0]).await;
    assert!(before < 0.000_5, "{before}");
    collectors[0].election.resign().await;
    let asking = Arc::clone(&collectors[1]);
    let election = tokio::spawn(async move { asking.election.run().await });
    while !collectors[1].election.lead.holds() {
        tokio::task::yield_now().await;
    }
    election.abort();
    let rates = minutes(6, &mut at, &mut service, &collectors).await;
    assert!(rates.iter().all(|rate| (0.6..=1.45).contains(rate)), "{rates:?}");
    assert_eq!(
        stores
            .sampling
            .latest_probabilities(&RequestContext::with_timeout(LOOK))
            .await
            .unwrap()
            .unwrap()
            .1
            .host,
        "b"
    );
}

#[tokio::test]
async fn a_clock_that_is_put_back_changes_no_probability_and_judging_goes_on() {
    let stores = store();
    let collectors = two(&stores).await;
    let mut at = now();
    let mut service = Service { traffic: 10_000.0, probabilities: vec![0.001; 12], remainder: 0.0 };
    minutes(12, &mut at, &mut service, &collectors).await;
    let before = probability(&collectors[0]).await;
    assert!(before < 0.000_5, "{before}");
    at = at.saturating_sub(Duration::from_secs(3600));
    for _ in 0..6 {
        minutes(1, &mut at, &mut service, &collectors).await;
        let after = probability(&collectors[0]).await;
        assert_eq!(after.to_bits(), before.to_bits(), "clients are told what was in force");
    }
    // Traffic grows tenfold: what is in force is judged by it.
    service.traffic *= 10.0;
    minutes(12, &mut at, &mut service, &collectors).await;
    assert!(probability(&collectors[0]).await < before / 5.0);
}

#[tokio::test]
async fn followers_hear_of_what_a_leader_calculates_whose_clock_was_put_back() {
    let stores = store();
    let collectors = two(&stores).await;
    let mut at = now();
    let mut service = Service { traffic: 10_000.0, probabilities: vec![0.001; 12], remainder: 0.0 };
    minutes(12, &mut at, &mut service, &collectors).await;
    at = at.saturating_sub(Duration::from_secs(3600));
    service.traffic *= 10.0;
    minutes(20, &mut at, &mut service, &collectors).await;
    let [leader, follower] = &collectors;
    assert_eq!(probability(leader).await.to_bits(), probability(follower).await.to_bits());
}

#[tokio::test]
async fn one_leads_at_a_time_and_another_when_it_is_gone_or_gives_up() {
    let stores = store();
    let settings = config(&[
        "--sampling.leader-lease-refresh-interval=20ms",
        "--sampling.follower-lease-refresh-interval=200ms",
    ]);
    let start = |host| {
        let (collector, stop) = (collector(&settings, &stores, host), CancellationToken::new());
        let (running, stopping) = (Arc::clone(&collector), stop.clone());
        (collector, stop, tokio::spawn(async move { running.run(stopping).await }))
    };
    let leads = |collector: &Adaptive| collector.election.lead.holds();
    let mut processes = [start("a"), start("b"), start("c")];
    for round in 0..3 {
        let leader = loop {
            let leaders: Vec<usize> = (0..3).filter(|number| leads(&processes[*number].0)).collect();
            assert!(leaders.len() < 2, "{leaders:?}");
            if let [leader] = leaders[..] {
                break leader;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let (_, stop, task) = &processes[leader];
        if round == 0 {
            task.abort();
        } else {
            stop.cancel();
        }
        let host = ["x", "y", "z"][round];
        let old = std::mem::replace(&mut processes[leader], start(host));
        if round == 0 {
            // As a process that was killed: its lease runs on.
            while leads(&old.0) {
                assert!((0..3).all(|number| !leads(&processes[number].0)), "two lead");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } else {
            old.2.await.unwrap();
        }
    }
}
