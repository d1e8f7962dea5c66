//! Story: clients ask how to sample, and are told: from a file that changes and breaks meanwhile, or what was calculated from their own
//! traffic, by one process or by several collectors over one store, of which one leads, whatever becomes of it.

mod client;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use client::{Client, ask, probability};
use spoor_proto::jaeger::api_v2::SamplingStrategyType;
use spoor_tests::topic::Topic;
use spoor_tests::{Role, Spoor, eventually, unique_prefix};
use tokio::process::Command;

/// The port that a collector opens where it is asked to, as newer Jaegers have it.
const COLLECTORS_HTTP: &str = "collector-sampling-http";

/// How long a condition may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn strategies(probability: f64) -> String {
    format!(
        r#"{{"default_strategy": {{"type": "probabilistic", "param": {probability}}},
            "service_strategies": [{{"service": "limited", "type": "ratelimiting", "param": 7}}]}}"#
    )
}

async fn told_by_http(spoor: &Spoor, listener: &str) -> Result<()> {
    for (path, status, body) in [
        (
            "/sampling?service=any",
            200,
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}"#,
        ),
        (
            "/api/sampling?service=limited",
            200,
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":7}}"#,
        ),
        ("/?service=any", 200, r#"{"strategyType":0,"probabilisticSampling":{"samplingRate":0.25}}"#),
        ("/sampling", 400, "'service' parameter must be provided once\n"),
        ("/baggageRestrictions?service=any", 500, "collector error: baggage not implemented\n"),
    ] {
        let answer = reqwest::get(format!("{}{path}", spoor.url(listener))).await?;
        ensure!(answer.status().as_u16() == status, "{listener} {path}: {}", answer.status());
        let text = answer.text().await?;
        ensure!(text == body, "{listener} {path}: {text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_strategies_is_followed_while_it_is_right() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("strategies.json");
    std::fs::write(&path, strategies(0.25))?;
    let file = format!("--sampling.strategies-file={}", path.display());
    let flags = [
        "--span-storage.type=memory",
        &file,
        "--sampling.strategies-reload-interval=100ms",
        "--collector.sampling.http.host-port=127.0.0.1:0",
    ];
    let spoor = Spoor::start(Role::AllInOne, &flags).await?;
    eventually("the collector's own port is open", PATIENCE, || async {
        ensure!(spoor.log().contains(COLLECTORS_HTTP), "not yet");
        Ok(())
    })
    .await?;
    for listener in ["jaeger-grpc", "sampling-grpc"] {
        let told = ask(&spoor, listener, "any").await?;
        let rate = told.probabilistic_sampling.context("a probability")?.sampling_rate;
        ensure!(rate == 0.25 && told.operation_sampling.is_none(), "{listener}: {rate}");
        let told = ask(&spoor, listener, "limited").await?;
        ensure!(told.strategy_type() == SamplingStrategyType::RateLimiting, "{listener}: {told:?}");
        ensure!(told.rate_limiting_sampling.is_some_and(|rule| rule.max_traces_per_second == 7), "{told:?}");
    }
    for listener in ["sampling-http", COLLECTORS_HTTP] {
        told_by_http(&spoor, listener).await?;
    }
    let reads = async |result: &str| {
        Ok::<_, anyhow::Error>(spoor.metrics().await?.sum("spoor_sampling_strategies_reads_total", result))
    };
    std::fs::write(&path, "{")?;
    eventually("the broken file is read", PATIENCE, || async {
        ensure!(reads("err").await? > 0.0, "not yet");
        Ok(())
    })
    .await?;
    ensure!(probability(&ask(&spoor, "jaeger-grpc", "any").await?)? == 0.25, "the last good one holds");
    ensure!(spoor.log().contains("it is not JSON"), "{}", spoor.log());
    std::fs::write(&path, strategies(0.5))?;
    eventually("the new file is read", PATIENCE, || async {
        let told = probability(&ask(&spoor, "jaeger-grpc", "any").await?)?;
        ensure!(told == 0.5, "{told}");
        Ok(())
    })
    .await?;
    ensure!(spoor.stop().await?.status.success(), "it drains");
    Ok(())
}

#[tokio::test]
async fn without_a_file_the_all_in_one_samples_all_and_a_wrong_one_stops_it() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    ensure!(probability(&ask(&spoor, "sampling-grpc", "any").await?)? == 1.0, "all");
    drop(spoor);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("strategies.json");
    std::fs::write(&path, r#"{"service_strategies": [{"service": "a", "param": "1"}]}"#)?;
    let file = format!("--sampling.strategies-file={}", path.display());
    let started = Command::new(spoor_tests::binary()?)
        .args(["all-in-one", "--span-storage.type=memory", "--admin.http.host-port=127.0.0.1:0", &file])
        .args(Role::AllInOne.ports())
        .output()
        .await?;
    let error = String::from_utf8_lossy(&started.stderr);
    ensure!(!started.status.success(), "it starts with a wrong file");
    ensure!(error.contains("service_strategies[0].param is a text; it must be a number"), "{error}");
    Ok(())
}

/// A second for a minute, so that a story does not take an hour.
const QUICK: [&str; 6] = [
    "--sampling.calculation-interval=2s",
    "--sampling.delay=3s",
    "--sampling.initial-sampling-probability=0.5",
    "--sampling.min-sampling-probability=0.001",
    "--sampling.leader-lease-refresh-interval=500ms",
    "--sampling.follower-lease-refresh-interval=6s",
];

/// Requests a second of the simulated service, of which one is to be sampled.
const TRAFFIC: f64 = 100.0;

/// The client is told about what leads to the target, by each of the collectors alike.
async fn told_the_target(collectors: &[&Spoor], service: &str) -> Result<()> {
    eventually("each collector tells the probability", PATIENCE, || async {
        let mut told = Vec::new();
        for collector in collectors {
            told.push(probability(&ask(collector, "jaeger-grpc", service).await?)?);
        }
        let rates = told.iter().map(|probability| probability * TRAFFIC);
        ensure!(rates.clone().all(|rate| (0.6..=1.5).contains(&rate)), "{told:?}");
        ensure!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?} differ");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probabilities_are_calculated_from_traffic_in_one_process() -> Result<()> {
    let flags = [&["--span-storage.type=memory"][..], &QUICK].concat();
    let spoor = Spoor::start_with(Role::AllInOne, &flags, &[("SAMPLING_CONFIG_TYPE", "adaptive")]).await?;
    let told = ask(&spoor, "sampling-grpc", "shop").await?;
    let rules = told.operation_sampling.context("rules by operation")?;
    ensure!(
        rules.default_sampling_probability == 0.5 && rules.per_operation_strategies.is_empty(),
        "a new service: {rules:?}"
    );
    let client = Client::start("shop", TRAFFIC, &[&spoor]);
    told_the_target(&[&spoor], "shop").await?;
    client.stop().await?;
    let metrics = spoor.metrics().await?;
    for name in [
        "jaeger_collector_sampling_operations_total",
        "jaeger_collector_sampling_services_total",
        "jaeger_collector_adaptive_sampling_processor_operations_calculated",
        "jaeger_collector_adaptive_sampling_processor_calculate_probabilities_count",
        "spoor_sampling_leader",
    ] {
        ensure!(metrics.sum(name, "") > 0.0, "{name} counts");
    }
    ensure!(spoor.stop().await?.status.success(), "it drains");
    Ok(())
}

async fn leads(collector: &Spoor) -> Result<bool> {
    Ok(collector.metrics().await?.sum("spoor_sampling_leader", "") == 1.0)
}

/// Waits for a leader, and sees that there are never two.
async fn leader<'a>(collectors: &[&'a Spoor]) -> Result<&'a Spoor> {
    eventually("one collector leads", PATIENCE, || async {
        for collector in collectors {
            if leads(collector).await? {
                one_leads(collectors).await.expect("never two");
                return Ok(*collector);
            }
        }
        anyhow::bail!("none leads")
    })
    .await
}

/// Looks at the first leader before and after the others.
async fn one_leads(collectors: &[&Spoor]) -> Result<()> {
    for first in collectors {
        if !leads(first).await? {
            continue;
        }
        for other in collectors.iter().filter(|other| other.pid() != first.pid()) {
            let other_leads = leads(other).await?;
            ensure!(!(other_leads && leads(first).await?), "two lead");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_collectors_have_one_leader_also_when_it_is_killed_and_clients_are_told_by_both() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("sampling");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
        "--sampling.config-type=adaptive".to_owned(),
    ];
    let flags: Vec<&str> = settings.iter().map(String::as_str).chain(QUICK).collect();
    let start = async || {
        let collector = Spoor::start(Role::Collector, &flags).await?;
        collector.ready().await?;
        Ok::<_, anyhow::Error>(collector)
    };
    let (first, second) = (start().await?, start().await?);
    leader(&[&first, &second]).await?;
    let client = Client::start("shop", TRAFFIC, &[&first, &second]);
    told_the_target(&[&first, &second], "shop").await?;
    one_leads(&[&first, &second]).await?;
    client.stop().await?;

    // kill -9: the other one leads when the lease is over, and goes on from what is in force.
    let is_first = leader(&[&first, &second]).await?.pid() == first.pid();
    let (killed, other) = if is_first { (first, second) } else { (second, first) };
    let killing = std::time::Instant::now();
    killed.kill().await?;
    let led_at_once = leads(&other).await?;
    ensure!(!led_at_once || killing.elapsed() > Duration::from_secs(2), "the dead one's lease runs on");
    let third = start().await?;
    let client = Client::start("shop", TRAFFIC, &[&other, &third]);
    let leading = leader(&[&other, &third]).await?.pid();
    told_the_target(&[&other, &third], "shop").await?;
    one_leads(&[&other, &third]).await?;
    client.stop().await?;

    // SIGTERM: the lead is given up, and the other one need not wait for the lease to end.
    let (stopped, last) = if other.pid() == leading { (other, third) } else { (third, other) };
    let ended = stopped.stop().await?;
    ensure!(ended.status.success(), "it drains: {}", ended.log);
    leader(&[&last]).await?;
    told_the_target(&[&last], "shop").await?;
    last.stop().await?;
    client::delete_indices(&server, &prefix).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_in_front_of_kafka_calculates_over_a_store_beside() -> Result<()> {
    let (server, brokers) = (xtask::servers::opensearch_url()?, xtask::servers::kafka_brokers()?);
    let prefix = unique_prefix("sampling-kafka");
    let topic = Topic::create(&brokers, &prefix, 1).await?;
    let producer = topic.connection_flags().into_iter().map(|flag| flag.replace("consumer", "producer"));
    let mut settings: Vec<String> = producer.collect();
    settings.extend([format!("--es.server-urls={server}"), format!("--es.index-prefix={prefix}")]);
    let flags: Vec<&str> = settings.iter().map(String::as_str).chain(QUICK).collect();
    let environment = [
        ("SPAN_STORAGE_TYPE", "kafka"),
        ("SAMPLING_CONFIG_TYPE", "adaptive"),
        ("SAMPLING_STORAGE_TYPE", "elasticsearch"),
    ];
    let collector = Spoor::start_with(Role::Collector, &flags, &environment).await?;
    collector.ready().await?;
    let client = Client::start("shop", TRAFFIC, &[&collector]);
    told_the_target(&[&collector], "shop").await?;
    client.stop().await?;
    ensure!(!topic.records().await?.is_empty(), "the spans are in the topic");
    ensure!(collector.stop().await?.status.success(), "it drains");
    client::delete_indices(&server, &prefix).await
}
