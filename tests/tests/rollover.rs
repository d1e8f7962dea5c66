//! Story: a series of indices is begun, goes on under load, and its old indices go out of sight, by `spoor retention rollover-init`,
//! `rollover` and `lookback` and under the name of Jaeger's rollover; whatever was acknowledged can be read at any time.

use std::collections::BTreeSet;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use spoor_load::{Outcome, Protocol, SpanKey};
use spoor_tests::server::{answer, response};
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor, binary, eventually, refresh, unique_prefix};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(60);
/// The number that the series comes to.
const LAST: u32 = 4;

/// A prefix of its own in the shared store.
struct Store {
    server: String,
    prefix: String,
    http: reqwest::Client,
}

impl Store {
    fn new(story: &str) -> Result<Self> {
        let server = xtask::servers::opensearch_url()?;
        Ok(Self { server, prefix: unique_prefix(story), http: reqwest::Client::new() })
    }

    fn settings(&self) -> [String; 2] {
        [format!("--es.server-urls={}", self.server), format!("--es.index-prefix={}", self.prefix)]
    }

    async fn retention(&self, args: &[&str]) -> Result<Output> {
        let command = Command::new(binary()?).arg("retention").args(args).args(self.settings()).output();
        command.await.context("run spoor retention")
    }

    async fn start(&self, role: Role, args: &[&str]) -> Result<Spoor> {
        let settings = self.settings();
        let args: Vec<&str> = settings.iter().map(String::as_str).chain(args.iter().copied()).collect();
        let spoor = Spoor::start(role, &args).await?;
        spoor.ready().await?;
        Ok(spoor)
    }

    /// Names of the indices behind an alias of the prefix, sorted; none when there is no such alias.
    async fn behind(&self, alias: &str) -> Result<Vec<String>> {
        let url = format!("{}/_alias/{}-{alias}", self.server, self.prefix);
        let told: Value = response(self.http.get(url)).await?.json().await?;
        if told["error"].is_string() {
            return Ok(Vec::new());
        }
        let names = told.as_object().context("an object by names")?.keys();
        let mut names: Vec<String> =
            names.filter_map(|name| Some(name.strip_prefix(&self.prefix)?[1..].to_owned())).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Every span that can be read under the alias.
    async fn readable(&self) -> Result<BTreeSet<SpanKey>> {
        refresh(&self.server, &self.prefix).await?;
        let url = format!("{}/{}-jaeger-span-read/_search", self.server, self.prefix);
        let (mut keys, mut after) = (BTreeSet::new(), Value::Null);
        loop {
            let mut body = json!({"size": 10_000, "sort": ["traceID", "spanID", "startTime"], "_source": ["traceID", "spanID"]});
            if !after.is_null() {
                body["search_after"] = after;
            }
            let found = answer(self.http.post(&url).json(&body)).await?;
            ensure!(found["_shards"]["failed"] == 0, "a shard failed: {found}");
            let hits = found["hits"]["hits"].as_array().context("the answer has hits")?;
            let Some(last) = hits.last() else { return Ok(keys) };
            after = last["sort"].clone();
            for hit in hits {
                let id = |field: &str| hit["_source"][field].as_str().context("documents have ids");
                keys.insert((id("traceID")?.parse()?, id("spanID")?.parse()?));
            }
        }
    }

    async fn documents(&self, index: &str) -> Result<u64> {
        let url = format!("{}/{}-{index}/_count", self.server, self.prefix);
        answer(self.http.get(url)).await?["count"].as_u64().context("a count")
    }

    async fn remove(self) -> Result<()> {
        let url = format!("{}/_cat/indices/{}-*?format=json&h=index", self.server, self.prefix);
        let lines = answer(self.http.get(url)).await?;
        // By name: servers may refuse to delete by a pattern.
        for name in lines.as_array().into_iter().flatten().filter_map(|line| line["index"].as_str()) {
            answer(self.http.delete(format!("{}/{name}", self.server))).await?;
        }
        for family in ["span", "span-archive", "service", "dependencies"] {
            for api in ["_template", "_index_template"] {
                // The template is of one kind or the other; the server answers 404 for the kind it is not.
                let url = format!("{}/{api}/{}-jaeger-{family}", self.server, self.prefix);
                self.http.delete(url).send().await?;
            }
        }
        Ok(())
    }
}

fn well(output: &Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What has been acknowledged so far, and whether there is to be more.
#[derive(Debug, Default)]
struct Sent {
    acknowledged: Mutex<BTreeSet<SpanKey>>,
    is_over: AtomicBool,
}

impl Sent {
    fn so_far(&self) -> BTreeSet<SpanKey> {
        self.acknowledged.lock().map(|keys| keys.clone()).unwrap_or_default()
    }

    /// Waits until some more has been acknowledged.
    async fn more(&self) -> Result<()> {
        let before = self.so_far().len();
        eventually("more is acknowledged", PATIENCE, || async {
            ensure!(self.so_far().len() > before + 1_000, "{} spans", self.so_far().len());
            Ok(())
        })
        .await
    }

    async fn write(&self, collector: &Spoor) -> Result<()> {
        let config = to(collector, Protocol::OtlpGrpc, 2);
        for seed in 1.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let report = send(&config, requests(seed, 500, 50)).await?;
            ensure!(report.acknowledged.spans == 500, "all are taken, while indices come and go: {report}");
            let keys = keys_of(&report, |outcome| *outcome == Outcome::Acknowledged);
            self.acknowledged.lock().map(|mut all| all.extend(keys)).ok();
        }
        Ok(())
    }

    /// Reads again and again; says how often.
    async fn read(&self, store: &Store, query: &Spoor) -> Result<usize> {
        let mut rounds = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let acknowledged = self.so_far();
            let readable = store.readable().await?;
            let missing = acknowledged.difference(&readable).count();
            ensure!(missing == 0, "{missing} of {} spans cannot be read", acknowledged.len());
            if let Some((trace, _)) = acknowledged.iter().nth(rounds * 37 % acknowledged.len().max(1)) {
                let url = format!("{}/api/traces/{trace}", query.url("query-http"));
                let told = response(store.http.get(url)).await?;
                let (status, told) = (told.status(), told.json::<Value>().await?);
                let spans = told["data"][0]["spans"].as_array().map_or(0, Vec::len);
                let expected = acknowledged.iter().filter(|(of, _)| of == trace).count();
                ensure!(status == 200 && spans >= expected, "{status}, {spans} of {expected}: {told}");
            }
            rounds += 1;
        }
        Ok(rounds)
    }
}

/// Goes on to the last index of the series, with some more written under each.
async fn go_on(store: &Store, sent: &Sent) -> Result<()> {
    for number in 2..=LAST {
        sent.more().await?;
        if number == LAST {
            // As a round leaves it that was stopped.
            let url = format!("{}/{}-jaeger-span-{number:06}", store.server, store.prefix);
            answer(store.http.put(url)).await?;
        }
        let rolled = well(&store.retention(&["rollover", "--retention.conditions={}"]).await?)?;
        let next = format!("-jaeger-span-{number:06}");
        ensure!(rolled.contains(&next) && rolled.contains("done"), "{rolled}");
    }
    sent.more().await?;
    let early = well(&store.retention(&["rollover"]).await?)?;
    ensure!(early.contains("not yet") && !early.contains("done"), "none is two days old: {early}");
    sent.is_over.store(true, Ordering::Relaxed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_series_goes_on_three_times_and_every_acknowledged_span_can_be_read_at_any_time()
-> Result<()> {
    let store = Store::new("rollover")?;
    let small = ["--es.num-shards=1", "--es.num-replicas=0"];
    let looked = well(&store.retention(&["rollover-init", "--dry-run", small[0], small[1]]).await?)?;
    ensure!(looked.contains("planned   create"), "{looked}");
    ensure!(store.behind("jaeger-span-write").await?.is_empty(), "a dry run makes nothing");
    well(&store.retention(&["rollover-init", small[0], small[1]]).await?)?;
    let again = well(&store.retention(&["rollover-init", small[0], small[1]]).await?)?;
    ensure!(!again.contains("create") && !again.contains("lead to"), "all is there: {again}");

    let collector = store.start(Role::Collector, &["--es.use-aliases", small[0], small[1]]).await?;
    let query = store.start(Role::Query, &["--es.use-aliases"]).await?;
    let sent = Sent::default();
    let ((), (), rounds) =
        tokio::try_join!(go_on(&store, &sent), sent.write(&collector), sent.read(&store, &query))?;
    ensure!(rounds > 3, "somebody was reading all the time: {rounds} times");

    let (all, read) = (sent.so_far(), store.readable().await?);
    ensure!(all.is_subset(&read), "{} of {}", read.len(), all.len());
    println!("{} spans over {} rollovers, all of them read {rounds} times meanwhile", all.len(), LAST - 1);
    let series: Vec<String> = (1..=LAST).map(|number| format!("jaeger-span-{number:06}")).collect();
    ensure!(store.behind("jaeger-span-read").await? == series);
    ensure!(store.behind("jaeger-span-write").await? == series[series.len() - 1..]);
    for index in &series {
        ensure!(store.documents(index).await? > 0, "{index} was written to");
    }

    let back = ["lookback", "--retention.unit=seconds", "--retention.unit-count=0"];
    well(&store.retention(&back).await?)?;
    ensure!(
        store.behind("jaeger-span-read").await? == series[series.len() - 1..],
        "what is written to stays in sight"
    );
    ensure!(store.documents(&series[0]).await? > 0, "out of sight is not gone");
    let once_more = well(&store.retention(&back).await?)?;
    ensure!(once_more == "nothing to do\n", "{once_more}");
    // The store may have been busy, which is no matter of its series.
    let homeless =
        collector.metrics().await?.sum("spoor_collector_spans_returned_total", "reason=\"unavailable\"");
    ensure!(homeless == 0.0, "{homeless} spans were given back, for which there was no index");
    collector.stop().await?;
    query.stop().await?;
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn jaegers_rollover_is_called_as_ever() -> Result<()> {
    let store = Store::new("es-rollover")?;
    let folder = tempfile::tempdir()?;
    let rollover = folder.path().join("jaeger-es-rollover");
    std::os::unix::fs::symlink(binary()?, &rollover)?;
    let call = async |args: &[&str], environment: &[(&str, &str)]| {
        let mut command = Command::new(&rollover);
        command.args(args).arg(&store.server).env("INDEX_PREFIX", &store.prefix);
        command.envs(environment.iter().copied()).output().await.context("run it")
    };
    let small = [("SHARDS", "1"), ("REPLICAS", "0")];
    let policy = call(&["init", "--es.use-ilm", "--es.ilm-policy-name=nobodys"], &small).await?;
    let said = String::from_utf8_lossy(&policy.stderr).into_owned();
    ensure!(policy.status.code() == Some(1) && said.contains("nobodys"), "it has to be there before: {said}");
    ensure!(store.behind("jaeger-span-write").await?.is_empty(), "nothing is begun without it");

    let unbegun = call(&["rollover"], &[]).await?;
    let said = String::from_utf8_lossy(&unbegun.stderr).into_owned();
    ensure!(!unbegun.status.success() && said.contains("run init first"), "{said}");

    well(&call(&["init", "--skip-dependencies"], &small).await?)?;
    ensure!(store.behind("jaeger-service-write").await? == ["jaeger-service-000001"]);
    ensure!(store.behind("jaeger-dependencies-write").await?.is_empty());
    well(&call(&["init", "--archive"], &small).await?)?;
    ensure!(store.behind("jaeger-span-archive-write").await? == ["jaeger-span-archive-000001"]);

    // Many variables are shared by all calls in an environment.
    let shared =
        [("SKIP_DEPENDENCIES", "true"), ("CONDITIONS", "{}"), ("UNIT", "seconds"), ("UNIT_COUNT", "0")];
    well(&call(&["rollover"], &shared).await?)?;
    ensure!(store.behind("jaeger-span-write").await? == ["jaeger-span-000002"]);
    ensure!(store.behind("jaeger-span-read").await?.len() == 2);
    ensure!(store.behind("jaeger-span-archive-read").await?.len() == 1, "the archive is its own matter");
    // A moment ago is not before now until the second is over.
    eventually("the first is out of sight", PATIENCE, || async {
        well(&call(&["lookback"], &shared).await?)?;
        match store.behind("jaeger-span-read").await?.as_slice() {
            [only] if only == "jaeger-span-000002" => Ok(()),
            others => bail!("{others:?} are read"),
        }
    })
    .await?;
    for (args, told) in [
        (["lookback", "--conditions={}"], "--conditions is a setting of rollover"),
        (["rollover", "--conditions=2d"], "JSON object"),
        (["lookback", "--unit=fortnights"], "seconds"),
    ] {
        let refused = call(&args, &[]).await?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(!refused.status.success() && said.contains(told), "{args:?}: {said}");
    }
    store.remove().await
}
