//! Aliases and remote clusters that are missing, come, and go again.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::fake::{self, FakeServer};
use super::*;

/// A server on which these are missing: aliases, and remote clusters.
fn lacking(names: &[&'static str]) -> (Arc<Mutex<BTreeSet<&'static str>>>, FakeServer) {
    let lacks = Arc::new(Mutex::new(names.iter().copied().collect::<BTreeSet<_>>()));
    let held = lacks.clone();
    let server = FakeServer::start(move |asked| {
        let lacks = held.lock().unwrap().clone();
        let path = asked.line.trim_start_matches("GET /").split('?').next().unwrap();
        match path {
            "_remote/info" if lacks.contains("east unknown") => (200, "", fake::remotes(&[("west", true)])),
            "_remote/info" => (200, "", fake::remotes(&[("east", !lacks.contains("east"))])),
            "east:jaeger-span/_search" if lacks.contains("east") => (500, "", "{}".to_owned()),
            path if lacks.contains(path) => (404, "", "{}".to_owned()),
            path if path.ends_with("-read") || path.ends_with("-write") => {
                (200, "", r#"{"jaeger-span-000007":{"aliases":{}}}"#.to_owned())
            }
            _ => fake::healthy(asked),
        }
    });
    (lacks, server)
}

fn opened(server: &FakeServer, writes: bool, change: impl FnOnce(&mut Config)) -> Setup {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    config.templates.num_replicas = 0;
    change(&mut config);
    setup(&config, writes).0
}

fn by_aliases(config: &mut Config) {
    config.indices.use_aliases = true;
}

fn with_east(config: &mut Config) {
    config.indices.remote_read_clusters = vec!["east".to_owned()];
}

async fn refusal(mut readiness: watch::Receiver<Readiness>) -> String {
    let told = readiness.wait_for(|state| matches!(state, Readiness::NotReady(_))).await.unwrap();
    let Readiness::NotReady(reason) = told.clone() else { unreachable!("it was waited for") };
    reason
}

async fn ready(mut readiness: watch::Receiver<Readiness>) {
    readiness.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
}

async fn read(setup: &Setup) -> Result<Server, NotReady> {
    setup.ready_to_read(Instant::now() + LONG).await
}

#[tokio::test]
async fn a_remote_cluster_that_the_store_does_not_know_stops_questions_until_it_is_there_but_no_write() {
    let (lacks, server) = lacking(&["east unknown"]);
    let setup = opened(&server, true, with_east);
    let reason = refusal(setup.readiness()).await;
    for part in ["\"east\"", "--es.remote-read-clusters", "cluster.remote.east.seeds"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert!(read(&setup).await.unwrap_err().to_string().contains("east"));
    write(&setup).await.unwrap();
    lacks.lock().unwrap().clear();
    ready(setup.readiness()).await;
    read(&setup).await.unwrap();
}

#[tokio::test]
async fn a_remote_cluster_that_is_lost_later_is_noticed_and_searched_for_until_it_is_back() {
    let (lacks, server) = lacking(&[]);
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    with_east(&mut config);
    let setup = setup_at(&config, false, Pace { routine: Duration::from_millis(20), ..ALWAYS }).0;
    ready(setup.readiness()).await;
    lacks.lock().unwrap().insert("east");
    let reason = refusal(setup.readiness()).await;
    for part in ["no connection", "\"east\"", "skip_unavailable"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert!(!server.asked("/east:jaeger-span/_search").is_empty(), "a search has the store connect again");
    lacks.lock().unwrap().clear();
    ready(setup.readiness()).await;
}

#[tokio::test]
async fn a_cluster_that_searches_pass_over_when_it_is_away_is_waited_for_by_nobody() {
    let server = FakeServer::start(|asked| match asked.line.as_str() {
        "GET /_remote/info" => {
            (200, "", fake::remotes(&[("east", false)]).replace("able\":false", "able\":true"))
        }
        _ => fake::healthy(asked),
    });
    ready(opened(&server, false, with_east).readiness()).await;
    assert!(server.asked("_search").is_empty());
}

#[tokio::test]
async fn stores_without_remote_clusters_and_aliases_are_not_asked_for_them() {
    let (_, server) = lacking(&[]);
    let setup = opened(&server, true, |_| {});
    write(&setup).await.unwrap();
    assert!(server.asked("_remote").is_empty() && server.asked("-read?").is_empty());
}

#[tokio::test]
async fn a_user_who_may_not_ask_for_remote_clusters_may_still_read() {
    let server = FakeServer::start(|asked| match asked.line.as_str() {
        "GET /_remote/info" => (403, "", "not yours".to_owned()),
        _ => fake::healthy(asked),
    });
    let setup = opened(&server, false, with_east);
    read(&setup).await.unwrap();
}

#[tokio::test]
async fn writers_wait_for_each_write_alias_and_are_told_how_to_make_it() {
    for alias in ["jaeger-span-write", "jaeger-service-write"] {
        let base = alias.trim_end_matches("-write");
        let read_alias = format!("{base}-read").leak();
        let (lacks, server) = lacking(&[alias, read_alias]);
        let setup = opened(&server, true, by_aliases);
        let reason = refusal(setup.readiness_to_write()).await;
        let call = format!(r#"PUT /{base}-000001 {{"aliases":{{"{read_alias}":{{}},"{alias}":{{}}}}}}"#);
        for part in [alias, "--es.use-aliases", "jaeger-es-rollover init", &call] {
            assert!(reason.contains(part), "{reason}");
        }
        assert!(!server.asked("PUT /_template/jaeger-span").is_empty(), "the index is to have its template");
        assert!(write(&setup).await.unwrap_err().to_string().contains(alias));
        lacks.lock().unwrap().clear();
        ready(setup.readiness_to_write()).await;
        write(&setup).await.unwrap();
    }
}

#[tokio::test]
async fn a_write_that_is_refused_has_the_store_looked_at_soon() {
    let (lacks, server) = lacking(&["jaeger-span-write"]);
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    by_aliases(&mut config);
    let hour = Duration::from_secs(3_600);
    let setup = setup_at(&config, true, Pace { in_trouble: hour, ..ALWAYS }).0;
    refusal(setup.readiness_to_write()).await;
    lacks.lock().unwrap().clear();
    write(&setup).await.unwrap_err();
    tokio::time::timeout(LONG, ready(setup.readiness_to_write()))
        .await
        .expect("long before the hour is over");
}

#[tokio::test]
async fn missing_read_aliases_stop_questions_and_no_write() {
    let (_, server) = lacking(&["jaeger-span-read"]);
    let setup = opened(&server, true, by_aliases);
    write(&setup).await.unwrap();
    let reason = refusal(setup.readiness_to_read()).await;
    // The index is told by the other alias.
    let call =
        r#"POST /_aliases {"actions":[{"add":{"index":"jaeger-span-000007","alias":"jaeger-span-read"}}]}"#;
    assert!(reason.contains(call), "{reason}");
    ready(setup.readiness_to_write()).await;
}

#[tokio::test]
async fn readers_want_the_read_aliases_of_one_layout_and_no_write_alias() {
    let both = ["jaeger-span-read", "spoor-span-read", "jaeger-span-write", "jaeger-service-write"];
    let (lacks, server) = lacking(&both);
    let setup = opened(&server, false, by_aliases);
    let reason = refusal(setup.readiness_to_read()).await;
    assert!(reason.contains("jaeger-span-read") && !reason.contains("service"), "{reason}");
    lacks.lock().unwrap().remove("spoor-span-read");
    ready(setup.readiness_to_read()).await;
}

#[tokio::test]
async fn an_index_with_the_name_of_an_alias_is_told_as_such() {
    let server = FakeServer::start(|asked| match asked.line.split('?').next().unwrap() {
        "GET /jaeger-span-write" => (200, "", r#"{"jaeger-span-write":{"aliases":{}}}"#.to_owned()),
        "GET /jaeger-span-read" => (404, "", "{}".to_owned()),
        _ => fake::healthy(asked),
    });
    let reason = refusal(opened(&server, true, by_aliases).readiness_to_write()).await;
    assert!(reason.contains("jaeger-span-write") && reason.contains("is an index"), "{reason}");
}
