//! Story: a collector that writes to Kafka. What was acknowledged lies in the topic, whatever the load, the encoding and the size of
//! requests are, and whatever becomes of the broker meanwhile; what will never fit is refused by name.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spoor_load::{GenerateConfig, Outcome, Protocol, Report, Request, Requests, SendConfig, SpanKey};
use spoor_model::{SpanId, TraceId};
use spoor_proto::record::Encoding;
use spoor_tests::accounts::Accounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{keys_of, now, requests, send, spans_through_kafka, to};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::Kafka;

const PARTITIONS: i32 = 3;
const ENCODINGS: [Encoding; 4] =
    [Encoding::Protobuf, Encoding::Json, Encoding::OtlpProto, Encoding::OtlpJson];
/// MiB of a collector with shipped settings: records under way, what its senders' requests at hand take, and itself, which is larger
/// here than when it is built for use.
const MEMORY: f64 = 128.0;
/// How long a sender waits for an answer, which is due after `--collector.write-timeout`: a busy machine takes
/// its time, too.
const DEADLINE: Duration = Duration::from_secs(20);

/// The broker is started and stopped off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

async fn collector(topic: &Topic, more: &[&str]) -> Result<Spoor> {
    let flags = topic.producer_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let collector = Spoor::start(Role::Collector, &flags).await?;
    collector.ready().await?;
    Ok(collector)
}

fn acknowledged(report: &Report) -> BTreeSet<SpanKey> {
    keys_of(report, |outcome| *outcome == Outcome::Acknowledged)
}

/// Requests of traces so large that one of them is more than a record may hold.
fn large_traces(spans: u64) -> Vec<Request> {
    let (trace, request) = (3_000.try_into(), 4_096.try_into());
    let defaults = GenerateConfig { seed: 9, ..GenerateConfig::default() };
    let config = GenerateConfig {
        trace_spans_min: trace.unwrap_or(defaults.trace_spans_min),
        trace_spans_max: trace.unwrap_or(defaults.trace_spans_max),
        spans_per_request: request.unwrap_or(defaults.spans_per_request),
        ..defaults
    };
    Requests::new(&config.with_spans(spans), now(), Protocol::OtlpGrpc).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_full_load_every_acknowledged_span_lies_in_the_topic_once_in_each_encoding() -> Result<()> {
    let kafka = blocking(Kafka::start).await?;
    let spans = spans_through_kafka(30_720)?;
    for encoding in ENCODINGS {
        let topic = Topic::create(kafka.brokers(), &format!("full-{encoding}"), PARTITIONS).await?;
        let collector = collector(&topic, &[&format!("--kafka.producer.encoding={encoding}")]).await?;
        // What is sent twice may lie there twice.
        let config = SendConfig { retry_for: Duration::ZERO, ..to(&collector, Protocol::OtlpGrpc, 8) };
        let many = send(&config, requests(1, spans, 512)).await?;
        ensure!(many.acknowledged.spans == spans, "{encoding}: all is acknowledged: {many}");
        let large = send(&config, large_traces(12_000)).await?;
        ensure!(large.acknowledged.spans == 12_000, "{encoding}: large traces are divided: {large}");

        let stored = topic.spans(encoding).await?;
        let sent: BTreeSet<SpanKey> = acknowledged(&many).union(&acknowledged(&large)).copied().collect();
        let lost = sent.difference(&stored.keys()).count();
        ensure!(lost == 0, "{encoding}: {lost} of {} acknowledged spans are not in the topic", sent.len());
        ensure!(stored.keys() == sent, "{encoding}: nothing is there that nobody sent");
        ensure!(stored.copies.values().all(|count| *count == 1), "{encoding}: nothing is there twice");
        let accounts = Accounts::of(&collector).await?;
        let all = f64::from(u32::try_from(spans + 12_000)?);
        ensure!(accounts.add_up() && accounts.stored == all, "{encoding}: {accounts:?}");
        let (metrics, status) = (collector.metrics().await?, "status=\"success\"");
        ensure!(metrics.sum("jaeger_kafka_spans_written_total", status) == all, "Jaeger's counter");
        ensure!(collector.stop().await?.status.success(), "{encoding}: the collector drains");
    }
    Ok(())
}

/// Sends in the background, 4,000 spans a second.
fn load(config: SendConfig, spans: u64, seed: u64) -> tokio::task::JoinHandle<Result<Report>> {
    let config = SendConfig { rate: 4_000.try_into().ok(), ..config };
    tokio::spawn(async move { send(&config, requests(seed, spans, 250)).await })
}

async fn stored_beyond(collector: &Spoor, least: f64) -> Result<()> {
    eventually("spans are stored", Duration::from_secs(60), || async {
        let stored = Accounts::of(collector).await?.stored;
        ensure!(stored > least, "{stored} spans are stored, not more than {least}");
        Ok(())
    })
    .await
    .with_context(|| format!("the collector's log:\n{}", collector.log()))
}

/// A sender by HTTP hears in time that it may come again, and when.
async fn refused_with_retry_information(collector: &Spoor) -> Result<()> {
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    let client = reqwest::Client::new();
    eventually("the outage is told", 3 * DEADLINE, || async {
        let body = requests(7, 10, 10).remove(0).body;
        let request = client.post(&url).header("content-type", "application/x-protobuf").body(body);
        let answer = request.timeout(DEADLINE).send().await?;
        ensure!(answer.status() == 503, "status: {}", answer.status());
        let after = answer.headers().get("retry-after").context("Retry-After")?.to_str()?;
        ensure!(after.parse::<u32>().is_ok_and(|seconds| seconds > 0), "Retry-After: {after}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_halts_and_then_stops_under_load_loses_nothing_that_was_acknowledged() -> Result<()> {
    let mut kafka = blocking(Kafka::start).await?;
    let topic = Topic::create(kafka.brokers(), "away", PARTITIONS).await?;
    let collector = collector(&topic, &["--collector.write-timeout=2s"]).await?;
    let patient = to(&collector, Protocol::OtlpGrpc, 8);
    let (deadline, retry_for) = (DEADLINE, Duration::ZERO);
    let impatient = SendConfig { deadline, retry_for, ..patient.clone() };
    let repeating = load(patient, 60_000, 1);
    let once = load(impatient, 40_000, 2);

    stored_beyond(&collector, 4_000.0).await?;
    kafka.pause()?;
    let flood = SendConfig { deadline, retry_for, ..to(&collector, Protocol::OtlpGrpc, 32) };
    let flood = send(&flood, requests(3, 32_768, 512)).await?;
    ensure!(flood.acknowledged.spans == 0, "who halts confirms nothing: {flood}");
    ensure!(flood.unknown.spans == 0, "each request has its answer in time: {flood}");
    refused_with_retry_information(&collector).await?;
    let stored = Accounts::of(&collector).await?.stored;
    kafka.resume()?;
    stored_beyond(&collector, stored + 2_000.0).await?;
    kafka = blocking(move || kafka.stop().map(|()| kafka)).await?;
    refused_with_retry_information(&collector).await?;
    let stored = Accounts::of(&collector).await?.stored;
    let kafka = blocking(move || kafka.start_again().map(|()| kafka)).await?;
    stored_beyond(&collector, stored).await?;

    let (repeating, once) = (repeating.await??, once.await??);
    ensure!(repeating.acknowledged.spans == 60_000, "senders that repeat succeed: {repeating}");
    ensure!(once.refused.spans > 0 && once.unknown.spans == 0, "each request has its answer in time: {once}");
    let expected = |reason: &String| reason.ends_with("Unavailable") || reason.ends_with("ResourceExhausted");
    ensure!(once.reasons.keys().all(expected), "they are told to come again: {once}");
    let accounts = Accounts::of(&collector).await?;
    ensure!(accounts.add_up() && accounts.in_flight == 0.0 && accounts.rejected == 0.0, "{accounts:?}");
    let peak = collector.peak_mib()?;
    eprintln!("the collector had {peak:.0} MiB at most");
    ensure!(peak < MEMORY, "memory is bounded: {peak} MiB");

    let stored = topic.spans(Encoding::Protobuf).await?.keys();
    let sure: BTreeSet<SpanKey> = acknowledged(&repeating).union(&acknowledged(&once)).copied().collect();
    let lost = sure.difference(&stored).count();
    ensure!(lost == 0, "{lost} of {} acknowledged spans are not in the topic", sure.len());
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    drop(kafka);
    Ok(())
}

fn span(id: u64, tag_bytes: usize) -> Span {
    let end = now().0;
    let value = any_value::Value::StringValue("x".repeat(tag_bytes));
    let value = Some(AnyValue { value: Some(value) });
    Span {
        trace_id: 7_u128.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: "checkout".to_owned(),
        start_time_unix_nano: end - 1_000_000,
        end_time_unix_nano: end,
        attributes: vec![KeyValue { key: "tag".to_owned(), value, ..KeyValue::default() }],
        ..Span::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_larger_than_a_record_is_refused_by_name_and_its_neighbours_are_stored() -> Result<()> {
    let kafka = blocking(Kafka::start).await?;
    for encoding in ENCODINGS {
        let topic = Topic::create(kafka.brokers(), &format!("large-{encoding}"), PARTITIONS).await?;
        let collector = collector(&topic, &[&format!("--kafka.producer.encoding={encoding}")]).await?;
        let spans = vec![span(1, 10), span(2, 1_000_000), span(3, 900_000)];
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let answer = reqwest::Client::new()
            .post(format!("{}/v1/traces", collector.url("otlp-http")))
            .header("content-type", "application/x-protobuf")
            .body(ExportTraceServiceRequest { resource_spans }.encode_to_vec())
            .send()
            .await?;
        ensure!(answer.status() == 200, "{encoding}: {}", answer.status());
        let answer = ExportTraceServiceResponse::decode(answer.bytes().await?)?;
        let partial = answer.partial_success.context("a partial success")?;
        let told = &partial.error_message;
        ensure!(partial.rejected_spans == 1, "{encoding}: {partial:?}");
        ensure!(
            told.contains("0000000000000002") && told.contains("kafka.producer.max-message-bytes"),
            "{encoding}: it names the span and the limit: {told}"
        );
        let neighbours = [1, 3].map(|id| (TraceId(7), SpanId(id)));
        ensure!(topic.spans(encoding).await?.keys() == BTreeSet::from(neighbours), "{encoding}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_nobody_makes_is_told_on_the_admin_port_until_it_is_there() -> Result<()> {
    let kafka = blocking(|| Kafka::start_with("auto.create.topics.enable=false\n")).await?;
    let brokers = format!("--kafka.producer.brokers={}", kafka.brokers());
    let flags = ["--span-storage.type=kafka", &brokers, "--kafka.producer.topic=not-there-yet"];
    let collector = Spoor::start(Role::Collector, &flags).await?;
    eventually("the admin port tells of the topic", Duration::from_secs(60), || async {
        let health = reqwest::get(collector.url("admin")).await?;
        let (status, text) = (health.status(), health.text().await?);
        ensure!(status == 503 && text.contains("not-there-yet"), "{status}: {text}");
        ensure!(text.contains("create the topic"), "what to do: {text}");
        Ok(())
    })
    .await?;
    let topic = Topic::create(kafka.brokers(), "not-there-yet", PARTITIONS).await?;
    collector.ready().await?;
    let report = send(&to(&collector, Protocol::OtlpGrpc, 1), requests(1, 100, 100)).await?;
    ensure!(topic.spans(Encoding::Protobuf).await?.keys() == acknowledged(&report), "{report}");
    ensure!(report.acknowledged.spans == 100, "{report}");
    Ok(())
}
