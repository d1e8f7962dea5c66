//! Story: indices that have had their time go from a real store, by `spoor retention clean` and under the name of Jaeger's cleaner, and nothing
//! else does: not what is written to, not others' indices, not a span that is stored meanwhile.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_load::Protocol;
use spoor_tests::metrics::Samples;
use spoor_tests::traffic::{keys_of, now, requests, send, stored_keys, to};
use spoor_tests::{Role, Spoor, binary, eventually, server, unique_prefix};
use time::OffsetDateTime;
use tokio::process::Command;

/// A store with indices of the last days, as collectors make them.
struct Store {
    server: String,
    prefix: String,
    http: reqwest::Client,
}

impl Store {
    async fn with_days(days: u64) -> Result<Self> {
        let store = Self {
            server: xtask::servers::opensearch_url()?,
            prefix: unique_prefix("retention"),
            http: reqwest::Client::new(),
        };
        for back in 0..days {
            store.create(&format!("jaeger-span-{}", day(back)?), &json!({})).await?;
        }
        Ok(store)
    }

    async fn create(&self, name: &str, aliases: &Value) -> Result<()> {
        let body = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0}, "aliases": aliases});
        let url = format!("{}/{}-{name}", self.server, self.prefix);
        server::answer(self.http.put(url).json(&body)).await?;
        Ok(())
    }

    /// Names without the prefix.
    async fn indices(&self) -> Result<BTreeSet<String>> {
        let url = format!("{}/_cat/indices/{}-*?format=json&h=index", self.server, self.prefix);
        let lines = server::answer(self.http.get(url)).await?;
        let lines = lines.as_array().context("a list of indices")?;
        let names = lines.iter().filter_map(|line| line["index"].as_str()?.strip_prefix(&self.prefix));
        Ok(names.map(|name| name.trim_start_matches('-').to_owned()).collect())
    }

    /// Those that hold something of ours: not the locks.
    async fn data(&self) -> Result<BTreeSet<String>> {
        Ok(self.indices().await?.into_iter().filter(|name| !name.ends_with("-locks")).collect())
    }

    async fn newest_creation_millis(&self) -> Result<u64> {
        let url =
            format!("{}/{}-*/_settings?filter_path=*.settings.index.creation_date", self.server, self.prefix);
        let settings = server::answer(self.http.get(url)).await?;
        let dates = settings.as_object().context("settings by index")?.values();
        let dates =
            dates.filter_map(|index| index["settings"]["index"]["creation_date"].as_str()?.parse().ok());
        dates.max().context("some index")
    }

    async fn retention(&self, args: &[&str]) -> Result<Output> {
        let settings =
            [format!("--es.server-urls={}", self.server), format!("--es.index-prefix={}", self.prefix)];
        Ok(Command::new(binary()?).args(["retention", "clean"]).args(settings).args(args).output().await?)
    }

    async fn remove(self) -> Result<()> {
        let url = format!("{}/{}-*", self.server, self.prefix);
        server::answer(self.http.delete(url)).await?;
        Ok(())
    }
}

/// The date so many days back, as names have it.
fn day(back: u64) -> Result<String> {
    let seconds = i64::try_from(now().0 / 1_000_000_000 - back * 86_400)?;
    Ok(OffsetDateTime::from_unix_timestamp(seconds)?.date().to_string())
}

fn report(output: &Output) -> Result<Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    serde_json::from_slice(&output.stdout).context("the report is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_days_become_three_and_a_second_round_changes_nothing() -> Result<()> {
    let store = Store::with_days(7).await?;
    store.create("else", &json!({})).await?;
    // Written to under an alias, though it is old; and a copy of an old day, which is as young as its creation.
    let (written, copy) =
        (format!("jaeger-service-{}", day(6)?), format!("jaeger-span-{}-reindexed", day(6)?));
    let alias = format!("{}-jaeger-service-write", store.prefix);
    store.create(&written, &json!({ alias: {} })).await?;
    store.create(&copy, &json!({})).await?;
    let before = store.data().await?;

    let looked = report(&store.retention(&["--retention.days=2", "--dry-run", "--output=json"]).await?)?;
    ensure!(looked["dryRun"] == true && looked["deleted"] == json!([]), "{looked}");
    ensure!(store.indices().await? == before, "a dry run changes nothing, and takes no lock");

    let cleaned = report(&store.retention(&["--retention.days=2", "--output=json"]).await?)?;
    let mut expected = BTreeSet::from(["else".to_owned(), written]);
    for back in 0..3 {
        expected.insert(format!("jaeger-span-{}", day(back)?));
    }
    let left = store.data().await?;
    ensure!(left == expected, "{left:?}: {cleaned}");
    let going = |report: &Value| {
        let indices = report["indices"].as_array().cloned().unwrap_or_default();
        indices.into_iter().filter(|index| index["action"] == "delete").count()
    };
    ensure!(
        going(&looked) == 5 && going(&cleaned) == 5,
        "what was said is what was done: {looked} {cleaned}"
    );

    let again = report(&store.retention(&["--retention.days=2", "--output=json"]).await?)?;
    ensure!(again["deleted"] == json!([]) && store.data().await? == expected, "{again}");
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_tells_what_the_last_round_did_and_when_one_last_went_well() -> Result<()> {
    let store = Store::with_days(5).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("spoor_retention.prom");
    let to_file = format!("--retention.metrics-file={}", file.display());
    let told = |name: &str| -> Result<f64> {
        let samples = Samples::parse(&std::fs::read_to_string(&file)?)?;
        ensure!(samples.has(&format!("spoor_retention_{name}")), "{samples:?}");
        let labels = format!("action=\"clean\",prefix=\"{}\"", store.prefix);
        Ok(samples.sum(&format!("spoor_retention_{name}"), &labels))
    };
    let before = now().0 / 1_000_000_000;
    report(&store.retention(&["--retention.days=2", "--output=json", &to_file]).await?)?;
    let success = told("last_success_timestamp_seconds")?;
    ensure!(success >= before as f64 && told("last_run_timestamp_seconds")? == success, "{success}");
    ensure!(told("last_exit_code")? == 0.0 && told("last_duration_seconds")? > 0.0);
    ensure!(told("last_indices_deleted")? == 2.0 && told("last_indices_kept")? == 3.0);
    ensure!(told("last_freed_bytes")? > 0.0 && told("last_documents_deleted")? == 0.0);

    let away = ["--retention.days=2", "--es.server-urls=http://127.0.0.1:9", "--retention.timeout=1s"];
    let failed = Command::new(binary()?)
        .args(["retention", "clean", &format!("--es.index-prefix={}", store.prefix), &to_file])
        .args(away)
        .output()
        .await?;
    ensure!(failed.status.code() == Some(1), "{}", String::from_utf8_lossy(&failed.stderr));
    ensure!(told("last_success_timestamp_seconds")? == success && told("last_exit_code")? == 1.0);
    ensure!(told("last_indices_deleted")? == 0.0 && told("last_run_timestamp_seconds")? >= success);
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_is_in_a_snapshot_out_of_which_it_can_be_had_back() -> Result<()> {
    let store = Store::with_days(5).await?;
    let (url, prefix, http) = (&store.server, &store.prefix, &store.http);
    let repository = format!("{url}/_snapshot/{prefix}");
    let old = format!("{prefix}-jaeger-span-{}", day(4)?);
    let document = http.put(format!("{url}/{old}/_doc/1?refresh=true"));
    server::answer(document.json(&json!({"traceID": "1"}))).await?;
    let to_repository = format!("--retention.snapshot-repository={prefix}");
    let args = ["--retention.days=2", "--output=json", &to_repository];

    let nowhere = store.retention(&args).await?;
    ensure!(nowhere.status.code() == Some(1) && store.data().await?.len() == 5, "{nowhere:?}");
    let place = json!({"type": "fs", "settings": {"location": prefix}});
    server::answer(http.put(&repository).json(&place)).await?;
    // What a round leaves that was stopped after its snapshot.
    let earlier = http.put(format!("{repository}/earlier?wait_for_completion=true"));
    server::answer(earlier.json(&json!({"indices": old}))).await?;
    let looked = report(&store.retention(&[&args[..], &["--dry-run"]].concat()).await?)?;
    ensure!(looked["snapshot"] == json!({"repository": prefix, "name": null}), "{looked}");

    let cleaned = report(&store.retention(&args).await?)?;
    let snapshot = cleaned["snapshot"]["name"].as_str().context("the snapshot has a name")?;
    let gone = BTreeSet::from([format!("{prefix}-jaeger-span-{}", day(3)?), old.clone()]);
    let taken = format!("{repository}/{snapshot}");
    let told = server::answer(http.get(&taken)).await?;
    let held: BTreeSet<String> = serde_json::from_value(told["snapshots"][0]["indices"].clone())?;
    ensure!(held == gone && told["snapshots"][0]["state"] == "SUCCESS", "{told}");
    ensure!(store.data().await?.len() == 3, "{:?}", store.data().await?);

    let restore = http.post(format!("{taken}/_restore?wait_for_completion=true"));
    server::answer(restore.json(&json!({"indices": old}))).await?;
    let count = server::answer(http.get(format!("{url}/{old}/_count"))).await?;
    ensure!(count["count"] == 1, "{count}");
    for made in [snapshot, "earlier"] {
        server::answer(http.delete(format!("{repository}/{made}"))).await?;
    }
    server::answer(http.delete(&repository)).await?;
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn jaegers_cleaner_is_called_as_ever_and_takes_no_index_that_is_written_to() -> Result<()> {
    let store = Store::with_days(3).await?;
    let folder = tempfile::tempdir()?;
    let cleaner = folder.path().join("jaeger-es-index-cleaner");
    std::os::unix::fs::symlink(binary()?, &cleaner)?;
    let call = async |args: &[&str]| {
        Command::new(&cleaner).args(args).env("INDEX_PREFIX", &store.prefix).output().await
    };
    let kept = call(&["1", &store.server]).await?;
    ensure!(kept.status.success(), "{}", String::from_utf8_lossy(&kept.stderr));
    ensure!(store.data().await?.len() == 3, "all were created a moment ago, by which Jaeger counts");
    // A moment ago is not before now until the second is over.
    let made = store.newest_creation_millis().await?;
    eventually("the second of the last creation is over", Duration::from_secs(20), || async {
        ensure!(now().0 / 1_000_000_000 > made / 1_000, "it is not");
        Ok(())
    })
    .await?;
    let cleaned = call(&["0", &store.server]).await?;
    ensure!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
    let said = String::from_utf8_lossy(&cleaned.stdout).into_owned();
    ensure!(said.contains("2 of 3 indices deleted") && said.contains("it is being written to"), "{said}");
    ensure!(store.data().await? == BTreeSet::from([format!("jaeger-span-{}", day(0)?)]), "today's stays");
    let wrong = call(&["many", &store.server]).await?;
    ensure!(wrong.status.code() == Some(2), "{}", wrong.status);
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_while_indices_go_stays_stored() -> Result<()> {
    let store = Store::with_days(0).await?;
    let settings = [
        format!("--es.server-urls={}", store.server),
        format!("--es.index-prefix={}", store.prefix),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    collector.ready().await?;
    for back in 1..40 {
        store.create(&format!("jaeger-span-{}", day(back)?), &json!({})).await?;
    }
    let config = to(&collector, Protocol::OtlpGrpc, 2);
    let (sent, cleaned) =
        tokio::join!(send(&config, requests(31, 20_000, 100)), store.retention(&["--retention.days=0"]));
    let (sent, cleaned) = (sent?, cleaned?);
    ensure!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
    let acknowledged = keys_of(&sent, |outcome| *outcome == spoor_load::Outcome::Acknowledged);
    ensure!(acknowledged.len() == 20_000, "{sent}");
    let (stored, _) = stored_keys(&store.server, &store.prefix).await?;
    ensure!(acknowledged.is_subset(&stored), "{} of {}", stored.len(), acknowledged.len());
    // The store may have been busy, which is no matter of what goes.
    let homeless =
        collector.metrics().await?.sum("spoor_collector_spans_returned_total", "reason=\"unavailable\"");
    ensure!(homeless == 0.0, "{homeless} spans were given back, for which there was no index");
    collector.stop().await?;
    store.remove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rounds_at_a_time_one_is_sent_away() -> Result<()> {
    let store = Store::with_days(5).await?;
    let lock = format!("{}/{}-jaeger-spoor-locks", store.server, store.prefix);
    // A first round makes the lock's index; then somebody else holds the lock, who renews it.
    report(&store.retention(&["--retention.days=4", "--output=json"]).await?)?;
    let search = server::answer(store.http.get(format!("{lock}/_search"))).await?;
    ensure!(search["hits"]["hits"].is_array(), "locks lie there: {search}");
    let (one, other) = tokio::join!(
        store.retention(&["--retention.days=1", "--output=json"]),
        store.retention(&["--retention.days=1", "--output=json"])
    );
    let codes = [one?.status.code(), other?.status.code()];
    ensure!(codes.contains(&Some(0)), "one of them does it: {codes:?}");
    ensure!(
        codes.iter().all(|code| matches!(code, Some(0 | 75))),
        "the other does, too, or is sent away: {codes:?}"
    );
    // Yesterday has ended less than a day ago, and the day before is within a day of that: they stay.
    ensure!(store.data().await?.len() == 3, "{:?}", store.data().await?);
    tokio::time::timeout(Duration::from_secs(180), store.remove()).await?
}
