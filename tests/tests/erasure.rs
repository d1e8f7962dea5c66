//! Story: single spans go from indices that services and users share, by `spoor retention delete-by-query` and `erase`, in every layout; nobody
//! else's do, counted; the pace is kept; and a command that was killed finds the store's work again. `SPOOR_ERASURE_SPANS` sets how many
//! it removes there: 20,000 when it does not; `cargo xtask test --long` sets it to a million.

use std::collections::{BTreeMap, HashMap};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_load::{GenerateConfig, Protocol, Requests, SendConfig};
use spoor_tests::traffic::{now, to};
use spoor_tests::{Role, Spoor, binary, delete_indices, eventually, server, unique_prefix};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use xtask::suite::ERASURE_SPANS;

/// The most that are removed in a second where a killed command is followed: the default.
const FASTEST: u64 = 5_000;

/// Services that write, where there are more than one.
const SERVICES: u32 = 4;

/// What a collector writes, by its settings.
const LAYOUTS: [&[&str]; 3] = [&[], &["--es.tags-as-fields.all"], &["--es.layout=compact"]];

struct Store {
    server: String,
    prefix: String,
    http: reqwest::Client,
}

impl Store {
    fn new(story: &str) -> Result<Self> {
        Ok(Self {
            server: xtask::servers::opensearch_url()?,
            prefix: unique_prefix(story),
            http: reqwest::Client::new(),
        })
    }

    fn settings(&self) -> [String; 2] {
        [format!("--es.server-urls={}", self.server), format!("--es.index-prefix={}", self.prefix)]
    }

    async fn collector(&self, layout: &[&str]) -> Result<Spoor> {
        let settings = self.settings();
        let mut args: Vec<&str> = settings.iter().map(String::as_str).collect();
        args.extend(["--es.num-shards=1", "--es.num-replicas=0"]);
        args.extend_from_slice(layout);
        let collector = Spoor::start(Role::Collector, &args).await?;
        collector.ready().await?;
        Ok(collector)
    }

    /// So many generated spans of so many services, in this layout. The first service is the same one, whatever their number.
    async fn fill(&self, layout: &[&str], services: u32, spans: u64) -> Result<()> {
        let collector = self.collector(layout).await?;
        let config = GenerateConfig { services: services.try_into()?, ..GenerateConfig::default() };
        // Traces of another seed are other traces.
        let config = GenerateConfig { seed: config.seed.wrapping_add(services.into()), ..config };
        let requests = Requests::new(&config.with_spans(spans), now(), Protocol::OtlpGrpc);
        let sender = SendConfig { record: false, ..to(&collector, Protocol::OtlpGrpc, 4) };
        let sent = spoor_load::run(&sender, requests, CancellationToken::new()).await?;
        ensure!(sent.acknowledged.spans == spans, "{sent}");
        collector.stop().await?;
        Ok(())
    }

    /// Asks all indices of spans.
    async fn search(&self, body: &Value) -> Result<Value> {
        let names = format!("{0}-jaeger-span-*,{0}-spoor-span-*", self.prefix);
        let lenient = "ignore_unavailable=true&allow_no_indices=true";
        server::answer(self.http.post(format!("{}/{names}/_refresh?{lenient}", self.server))).await?;
        // Of all shards or of none: one without room is asked again.
        let url = format!("{}/{names}/_search?{lenient}&allow_partial_search_results=false", self.server);
        server::answer(self.http.post(url).json(body)).await
    }

    /// Documents by the value of a field.
    async fn counts(&self, field: &str) -> Result<BTreeMap<String, u64>> {
        let body = json!({"size": 0, "aggs": {"by": {"terms": {"field": field, "size": 50_000}}}});
        let answer = self.search(&body).await?;
        let buckets = answer["aggregations"]["by"]["buckets"].as_array().context("there are buckets")?;
        let of = |bucket: &Value| Some((bucket["key"].as_str()?.to_owned(), bucket["doc_count"].as_u64()?));
        buckets.iter().map(|bucket| of(bucket).context("a bucket has a key and a count")).collect()
    }

    fn retention(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command.arg("retention").args(args).args(self.settings()).arg("--output=json");
        Ok(command)
    }

    async fn run(&self, args: &[&str]) -> Result<(Value, String)> {
        let Output { status, stdout, stderr } = self.retention(args)?.output().await?;
        let said = String::from_utf8_lossy(&stderr).into_owned();
        ensure!(status.success(), "{args:?}: {status}: {said}");
        Ok((serde_json::from_slice(&stdout).context("the report is JSON")?, said))
    }

    async fn remove(self) -> Result<()> {
        delete_indices(&self.server, &self.prefix).await?;
        let url = format!("{}/{}-jaeger-spoor-locks?ignore_unavailable=true", self.server, self.prefix);
        server::answer(self.http.delete(url)).await?;
        Ok(())
    }
}

fn most(counts: &BTreeMap<String, u64>) -> Result<(String, u64)> {
    let most = counts.iter().max_by_key(|(_, count)| **count).context("something is stored")?;
    Ok((most.0.clone(), *most.1))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_service_go_in_every_layout_and_those_of_others_stay() -> Result<()> {
    let store = Store::new("erasure-service")?;
    for layout in LAYOUTS {
        store.fill(layout, SERVICES, 7_000).await?;
    }
    let mut services = store.counts("process.serviceName").await?;
    ensure!(services.values().sum::<u64>() == 21_000, "{services:?}");
    let (service, count) = most(&services)?;
    let (named, kept) = (format!("--service={service}"), "--retention.days=30");

    let (aged, _) = store.run(&["delete-by-query", &named, kept]).await?;
    ensure!(aged["found"] == 0 && store.counts("process.serviceName").await? == services, "{aged}");
    let (looked, _) = store.run(&["delete-by-query", &named, "--retention.days=0", "--dry-run"]).await?;
    ensure!(looked["found"] == count && looked["deleted"] == 0, "{count}: {looked}");
    ensure!(store.counts("process.serviceName").await? == services, "who looks changes nothing");

    let args =
        ["delete-by-query", &named, "--retention.days=0", "--retention.slices=2", "--retention.expunge"];
    let (done, said) = store.run(&args).await?;
    ensure!(done["deleted"] == count, "{count}: {done}");
    ensure!(said.contains("spans removed (100 %)"), "{said}");
    services.remove(&service);
    ensure!(store.counts("process.serviceName").await? == services, "the others have as many as before");
    let (again, _) = store.run(&args).await?;
    ensure!(again["found"] == 0 && again["deleted"] == 0, "{again}");
    store.remove().await
}

/// Three spans of a user, in a trace of their own.
fn of_user(user: &str, trace: u8) -> Value {
    let start = now().0 - 60_000_000_000;
    let span = |number: u8| {
        json!({
            "traceId": format!("{trace:032x}"), "spanId": format!("{number:016x}"), "name": "visit",
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_000_000).to_string(),
            "attributes": [{"key": "user.id", "value": {"stringValue": user}}],
        })
    };
    let spans: Vec<Value> = (1..=3).map(span).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_spans_and_a_trace_are_erased_and_the_record_tells_no_value() -> Result<()> {
    let store = Store::new("erasure-user")?;
    for (at, layout) in (0..).zip(LAYOUTS) {
        let collector = store.collector(layout).await?;
        let url = format!("{}/v1/traces", collector.url("otlp-http"));
        for (user, trace) in [("anna@example.com", 1), ("anna@example.commerce", 2), ("bert", 3)] {
            let body = of_user(user, 16 * at + trace);
            server::response(store.http.post(&url).json(&body)).await?.error_for_status()?;
        }
        collector.stop().await?;
    }
    let mut traces = store.counts("traceID").await?;
    ensure!(traces.len() == 9 && traces.values().all(|count| *count == 3), "{traces:?}");

    let (done, said) = store.run(&["erase", "--tag=user.id=anna@example.com"]).await?;
    ensure!(done["deleted"] == 9, "three in each layout: {done}");
    for at in 0..3 {
        traces.remove(&format!("{:032x}", 16 * at + 1));
    }
    ensure!(store.counts("traceID").await? == traces, "nobody else's are gone");
    let records: Vec<Value> = said
        .lines()
        .filter(|line| line.contains("spoor_audit"))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    ensure!(records.len() == 2, "one at the beginning, one at the end: {said}");
    let end = records[1].to_string();
    for part in ["user.id=sha256:", "\"outcome\":\"done\"", "\"deleted\":9", "\"by\":"] {
        ensure!(end.contains(part), "{part}: {end}");
    }
    ensure!(!said.contains("anna"), "a value may be somebody's own: {said}");

    let id = format!("{:032x}", 18);
    let (done, said) = store.run(&["erase", &format!("--trace-id={id}")]).await?;
    ensure!(done["deleted"] == 3 && !said.contains(&id), "{done} {said}");
    traces.remove(&id);
    ensure!(store.counts("traceID").await? == traces, "the others are all there");
    store.remove().await
}

/// Removals that the store works on for somebody, slices not counted.
async fn tasks(store: &Store) -> Result<HashMap<String, Value>> {
    let url = format!("{}/_tasks?actions=*byquery&detailed=true&group_by=parents", store.server);
    let answer = server::answer(store.http.get(url)).await?;
    let tasks: HashMap<String, Value> = serde_json::from_value(answer["tasks"].clone())?;
    Ok(tasks.into_iter().filter(|(_, task)| task.to_string().contains(&store.prefix)).collect())
}

/// How many spans each sentence about the progress says to be removed.
fn progress(said: &str) -> Vec<u64> {
    let told = said.lines().filter_map(|line| line.split_once(" spans removed (")).map(|(before, _)| before);
    told.filter_map(|before| before.rsplit(' ').nth(2)?.parse().ok()).collect()
}

fn spans_to_erase() -> Result<u64> {
    let Ok(text) = std::env::var(ERASURE_SPANS) else { return Ok(20_000) };
    text.parse().with_context(|| format!("{ERASURE_SPANS} is {text:?}; set it to a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_killed_finds_the_stores_work_again_and_the_pace_is_kept() -> Result<()> {
    let store = Store::new("erasure-killed")?;
    let (doomed, filling) = (spans_to_erase()?, Instant::now());
    // The layout that costs the store least: a million are to be written before they can go.
    let [.., compact] = LAYOUTS;
    store.fill(compact, 1, doomed).await?;
    store.fill(compact, SERVICES, doomed / 5).await?;
    let mut services = store.counts("process.serviceName").await?;
    ensure!(services.values().sum::<u64>() == doomed + doomed / 5, "{services:?}");
    let (service, count) = most(&services)?;
    ensure!(count >= doomed && services.len() > 1, "{services:?}");
    let others: u64 = services.values().sum::<u64>() - count;
    eprintln!("{} spans stored in {:.0?}, {count} of them to go", count + others, filling.elapsed());
    // A minute at least: in it the first one says how far it is and is killed, its lock of 15 s ends, and the second one is there.
    let per_second = (count / 60).clamp(1, FASTEST);
    let (named, pace) =
        (format!("--service={service}"), format!("--retention.requests-per-second={per_second}"));
    let args = ["delete-by-query", &named, "--retention.days=0", "--retention.slices=2", &pace];

    let begun = Instant::now();
    let mut first = store.retention(&args)?.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(first.stderr.take().context("it is piped")?).lines();
    let percent = loop {
        let line = said.next_line().await?.context("it says how far it is before it ends")?;
        if line.contains("spans removed (") && !line.contains(": 0 of") {
            break line;
        }
    };
    ensure!(!percent.contains("(100 %)"), "it is on its way: {percent}");
    first.kill().await?;
    let left = tasks(&store).await?;
    ensure!(left.len() == 1, "the store goes on by itself: {left:?}");

    let (done, said) = store.run(&args).await?;
    ensure!(said.contains("the store is at it already"), "{said}");
    ensure!(done["earlier"] == count && done["deleted"] == count && done["found"] == 0, "{count}: {done}");
    // The store may begin with more than its share.
    let (took, least) = (begun.elapsed(), Duration::from_secs(count / per_second * 5 / 6));
    ensure!(took >= least, "{count} spans at {per_second} a second took {took:?}");
    let told = progress(&said);
    ensure!(
        told.iter().any(|removed| (1..count).contains(removed)),
        "it says how far it is: {told:?}: {said}"
    );
    let (rate, times) = (count / took.as_secs().max(1), told.len());
    eprintln!(
        "{count} spans removed in {took:.0?}: {rate} a second of {per_second}, told {times} times; {others} stay"
    );
    services.remove(&service);
    ensure!(store.counts("process.serviceName").await? == services, "the others have as many as before");
    eventually("no work is left behind", Duration::from_secs(60), || async {
        ensure!(tasks(&store).await?.is_empty());
        Ok(())
    })
    .await?;
    store.remove().await
}
