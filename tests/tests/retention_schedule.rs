//! Story: of two processes that clean by a schedule one does, seen by what both tell; killed, it is followed by the other; stopped, it gives its
//! work up at once. What goes wrong is told by readiness, and tried again.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, binary, eventually, server, unique_prefix};
use time::OffsetDateTime;
use tokio::process::Command;

/// A kill in the midst of a round leaves the cleaner's lock for two minutes.
const PATIENCE: Duration = Duration::from_secs(200);
const OLD_DAYS: u64 = 9;

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

    async fn worker(&self, server: &str) -> Result<Spoor> {
        let settings = [
            format!("--es.server-urls={server}"),
            format!("--es.index-prefix={}", self.prefix),
            "--retention.days=2".to_owned(),
            // What is old is all there is.
            "--retention.floor-days=0".to_owned(),
            "--schedule=*/2 * * * * *".to_owned(),
        ];
        Spoor::start(Role::Retention, &settings.each_ref().map(String::as_str)).await
    }

    /// Makes the index of a day that has had its time.
    async fn make_old(&self) -> Result<()> {
        let body = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0}});
        server::answer(self.http.put(self.old()?).json(&body)).await?;
        Ok(())
    }

    fn old(&self) -> Result<String> {
        let seconds = i64::try_from(now().0 / 1_000_000_000 - OLD_DAYS * 86_400)?;
        let day = OffsetDateTime::from_unix_timestamp(seconds)?.date();
        Ok(format!("{}/{}-jaeger-span-{day}", self.server, self.prefix))
    }

    async fn old_is_gone(&self) -> Result<()> {
        let url = self.old()?;
        eventually("what is old goes", PATIENCE, || async {
            let status = self.http.head(&url).send().await?.status();
            ensure!(status.as_u16() == 404, "{url}: {status}");
            Ok(())
        })
        .await
    }

    /// Who has the lead, as the store knows it; empty once it was given up.
    async fn leader(&self) -> Result<String> {
        let locks = format!("{}/{}-jaeger-spoor-locks", self.server, self.prefix);
        server::answer(self.http.post(format!("{locks}/_refresh"))).await?;
        let found = server::answer(self.http.get(format!("{locks}/_search?size=100"))).await?;
        let locks = found["hits"]["hits"].as_array().context("locks lie there")?;
        let is_of_runs = |lock: &&Value| lock["_source"]["Resource"] == "spoor-retention-clean";
        let lock = locks.iter().find(is_of_runs).with_context(|| format!("that of the runs: {found}"))?;
        Ok(lock["_source"]["Holder"].as_str().context("it tells its holder")?.to_owned())
    }

    async fn remove(self) -> Result<()> {
        let url = format!("{}/{}-*", self.server, self.prefix);
        server::answer(self.http.delete(url)).await?;
        Ok(())
    }
}

/// The value of a metric of the worker's, with its labels.
async fn told(worker: &Spoor, store: &Store, name: &str) -> Result<f64> {
    let labels = format!("action=\"clean\",prefix=\"{}\"", store.prefix);
    Ok(worker.metrics().await?.sum(&format!("spoor_retention_{name}"), &labels))
}

/// Waits until the worker leads and a run of its went well after `moment`, in seconds.
async fn does_it(worker: &Spoor, store: &Store, moment: f64) -> Result<()> {
    eventually("it does the runs", PATIENCE, || async {
        let success = told(worker, store, "last_success_timestamp_seconds").await?;
        ensure!(told(worker, store, "leading").await? == 1.0 && success > moment, "{success}");
        Ok(())
    })
    .await
}

fn seconds() -> f64 {
    now().0 as f64 / 1e9
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_cleans_and_the_other_takes_over_when_it_is_killed_or_stopped() -> Result<()> {
    let store = Store::new("schedule")?;
    store.make_old().await?;
    let first = store.worker(&store.server).await?;
    first.ready().await?;
    does_it(&first, &store, 0.0).await?;
    store.old_is_gone().await?;
    let second = store.worker(&store.server).await?;
    second.ready().await?;

    let (before, begun) = (told(&first, &store, "runs_total").await?, seconds());
    does_it(&first, &store, begun + 5.0).await?;
    eventually("one does the runs", PATIENCE, || async {
        let runs = told(&first, &store, "runs_total").await?;
        ensure!(runs > before + 1.0, "{runs} so far, {before} before");
        Ok(())
    })
    .await?;
    ensure!(told(&second, &store, "runs_total").await? == 0.0, "and the other none:\n{}", second.log());
    ensure!(told(&second, &store, "leading").await? == 0.0, "it waits, and is well");
    second.ready().await?;

    first.kill().await?;
    store.make_old().await?;
    store.old_is_gone().await?;
    does_it(&second, &store, begun).await?;

    // Stopped, it lets the next one have it at once, not only when its lease is over.
    let third = store.worker(&store.server).await?;
    third.ready().await?;
    ensure!(told(&third, &store, "leading").await? == 0.0, "{}", third.log());
    let leader = store.leader().await?;
    ensure!(!leader.is_empty(), "the second one has the lead");
    let stopped = second.stop().await?;
    ensure!(stopped.status.success(), "{}", stopped.log);
    // Not given up it would be the stopped one's for 16 s at least, in which nobody else is given it.
    ensure!(store.leader().await? != leader, "the lead was not given up:\n{}", stopped.log);
    does_it(&third, &store, 0.0).await?;
    third.stop().await?;
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_by_readiness_and_tried_again() -> Result<()> {
    let store = Store::new("schedule-away")?;
    let worker = store.worker("http://127.0.0.1:9").await?;
    let url = worker.url("admin");
    let reason = eventually("it says that it is not ready", PATIENCE, || async {
        let answer = reqwest::get(&url).await?;
        ensure!(answer.status().as_u16() == 503, "{}", answer.status());
        let body: Value = answer.json().await?;
        match body["reasons"]["retention"].as_str() {
            Some(reason) if reason.contains("the last run failed") => Ok(reason.to_owned()),
            other => bail!("{other:?}"),
        }
    });
    let reason = reason.await?;
    ensure!(reason.contains("127.0.0.1:9") && reason.contains("nobody can be elected"), "{reason}");
    let runs = told(&worker, &store, "runs_total").await?;
    eventually("it tries again", PATIENCE, || async {
        let more = told(&worker, &store, "runs_total").await?;
        ensure!(more > runs, "{more}");
        Ok(())
    })
    .await?;
    ensure!(told(&worker, &store, "last_exit_code").await? == 1.0);
    ensure!(reqwest::get(format!("{url}/live")).await?.status().is_success(), "it is alive all the same");
    ensure!(worker.stop().await?.status.success());
    Ok(())
}

#[tokio::test]
async fn settings_that_would_have_no_effect_are_refused_before_anything_is_asked() -> Result<()> {
    let (once, scheduled) = ("--retention.days=2", "--schedule=20 0 * * *");
    for (args, told) in [
        (["clean", once, "--admin.http.host-port=:0"], "of use with --retention.schedule alone"),
        (["rollover", "--shutdown-timeout=1s", "--dry-run"], "of use with --retention.schedule alone"),
        (["lookback", scheduled, "--output=json"], "reports are in the log"),
        (["rollover-init", scheduled, "--check-config"], "series are begun once"),
        (["rollover", scheduled, "--dry-run"], "leave one of them out"),
        (["rollover", scheduled, "--metrics-file=x.prom"], "leave one of them out"),
        (["clean", once, "--schedule=daily"], "`20 0 * * *`"),
        (["clean", scheduled, "--check-config"], "nothing says what is to go"),
    ] {
        let ended = Command::new(binary()?)
            .arg("retention")
            .args(args)
            .arg("--es.server-urls=http://127.0.0.1:9")
            .output()
            .await?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(matches!(ended.status.code(), Some(1 | 2)) && said.contains(told), "{args:?}: {said}");
    }
    Ok(())
}
