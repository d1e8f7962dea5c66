//! What a real server cannot be made to do: lifecycle policies, rights that change, outages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::fake::{self, Answer, Asked, FakeServer};
use super::*;
use crate::client::Request;

fn at(url: &str, change: impl FnOnce(&mut Config)) -> (Setup, SetupMetrics, Config) {
    let mut config = Config::default();
    config.connection.server_urls = vec![url.parse().unwrap()];
    config.templates.num_replicas = 0;
    change(&mut config);
    let (setup, metrics) = setup(&config, true);
    (setup, metrics, config)
}

#[tokio::test]
async fn templates_of_a_wiped_store_are_there_again_before_the_next_write() {
    let gone = Arc::new(AtomicBool::new(false));
    let switch = gone.clone();
    let server = FakeServer::start(move |asked| {
        let gone = switch.load(Ordering::SeqCst);
        match asked.line.split_once(' ').unwrap() {
            ("PUT", "/_template/jaeger-service") => switch.store(false, Ordering::SeqCst),
            ("GET", path) if gone && path.starts_with("/_template") => return (404, "", "{}".to_owned()),
            _ => {}
        }
        fake::healthy(asked)
    });
    let (setup, ..) = at(&server.url(), |_| {});
    for installed in [1, 2, 3] {
        write(&setup).await.unwrap();
        assert_eq!(server.asked("PUT /_template/jaeger-span").len(), installed);
        assert!(!gone.swap(true, Ordering::SeqCst));
    }
}

#[tokio::test]
async fn whether_templates_are_still_there_is_asked_by_their_names_alone() {
    let legacy = ["GET /_template/jaeger%2Dservice,jaeger%2Dspan?filter_path=*.order"].as_slice();
    let composable = [
        "GET /_index_template/jaeger%2Dservice?filter_path=index_templates.name",
        "GET /_index_template/jaeger%2Dspan?filter_path=index_templates.name",
    ];
    for (is_composable, expected) in [(false, legacy), (true, &composable)] {
        let server = FakeServer::start(fake::healthy);
        let (setup, ..) = at(&server.url(), |config| config.templates.composable = is_composable);
        for _ in 0..2 {
            write(&setup).await.unwrap();
        }
        let questions = server.asked("GET /").into_iter().map(|asked| asked.line);
        let by_name = |line: &String| line.ends_with("=*.order") || line.ends_with("=index_templates.name");
        let asked: BTreeSet<String> = questions.filter(by_name).collect();
        assert_eq!(asked.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn templates_that_are_gone_and_cannot_be_installed_stop_writes() {
    let gone = Arc::new(AtomicBool::new(false));
    let switch = gone.clone();
    let server = FakeServer::start(move |asked| {
        let gone = switch.load(Ordering::SeqCst);
        match asked.line.split_once(' ').unwrap() {
            ("PUT", _) if gone => (403, "", "not yours any more".to_owned()),
            ("GET", path) if gone && path.starts_with("/_template") => (200, "", "{}".to_owned()),
            _ => fake::healthy(asked),
        }
    });
    let (setup, ..) = at(&server.url(), |_| {});
    write(&setup).await.unwrap();
    gone.store(true, Ordering::SeqCst);
    let mut state = setup.readiness();
    let (written, _) = tokio::join!(write(&setup), async {
        state.wait_for(|state| matches!(state, Readiness::NotReady(_))).await.unwrap();
    });
    assert!(written.unwrap_err().to_string().contains("not yours any more"));
    gone.store(false, Ordering::SeqCst);
    state.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    write(&setup).await.unwrap();
}

/// A server whose templates and policies are what was put there.
fn remembering(version: &'static str, tagline: &'static str) -> FakeServer {
    let held: Mutex<BTreeMap<String, String>> = Mutex::default();
    FakeServer::start(move |asked: &Asked| -> Answer {
        let (method, path) = asked.line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let mut held = held.lock().unwrap();
        match (method, path) {
            ("GET", "/") => {
                (200, "", json!({ "version": { "number": version }, "tagline": tagline }).to_string())
            }
            ("PUT", _) => {
                held.insert(path.to_owned(), asked.body.clone());
                (200, "", r#"{"acknowledged":true}"#.to_owned())
            }
            ("GET", "/_index_template") => (200, "", "{}".to_owned()),
            ("GET", path) if path.starts_with("/_ilm/") || path.starts_with("/_plugins/_ism/") => {
                let status = if held.contains_key(path) { 200 } else { 404 };
                (status, "", r#"{"error":"no such policy"}"#.to_owned())
            }
            _ => fake::healthy(asked),
        }
    })
}

fn with_lifecycle(config: &mut Config) {
    config.indices.use_aliases = true;
    config.indices.span_read_alias = Some("read-here".to_owned());
    config.indices.span_write_alias = Some("write-here".to_owned());
    config.templates.use_ilm = true;
    config.templates.ilm_policy_name = "three-days".to_owned();
}

#[tokio::test]
async fn lifecycle_templates_come_after_their_policy_and_name_the_aliases_in_use() {
    const LINES: [(&str, &str, &str, &str, &str); 2] = [
        (
            "8.5.0",
            "You Know, for Search",
            "/_ilm/policy/three-days",
            "/_index_template/jaeger-span",
            "/template",
        ),
        (
            "3.8.0",
            "The OpenSearch Project",
            "/_plugins/_ism/policies/three-days",
            "/_template/jaeger-span",
            "",
        ),
    ];
    for (version, tagline, policy, template, inner) in LINES {
        let server = remembering(version, tagline);
        let (setup, _, config) = at(&server.url(), with_lifecycle);
        let error = write(&setup).await.unwrap_err().to_string();
        assert!(error.contains("three-days") && error.contains("--es.ilm-policy-name"), "{error}");
        assert!(server.asked("PUT ").is_empty(), "no template without the policy");
        let client = Client::new(&config).unwrap();
        let put = Request::put(policy, b"{}".to_vec(), "test");
        client.send(put, Instant::now() + LONG).await.unwrap();
        let mut state = setup.readiness();
        state.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
        let body: Value = serde_json::from_str(&server.asked(&format!("PUT {template}"))[0].body).unwrap();
        let body = body.pointer(inner).unwrap();
        assert_eq!(body["aliases"], json!({ "read-here": {} }));
        assert!(body["settings"].to_string().contains(r#""write-here""#), "{}", body["settings"]);
    }
}

#[tokio::test]
async fn templates_from_elsewhere_that_no_policy_can_roll_over_are_counted_and_stop_nothing() {
    let server = FakeServer::start(fake::healthy);
    let mut config = at(&server.url(), with_lifecycle).2;
    (config.templates.create, config.templates.ilm_policy_name) = (false, String::new());
    let (setup, metrics) = setup(&config, true);
    write(&setup).await.unwrap();
    assert_eq!(metrics.unfit_templates.get(), 2);
    assert!(server.asked("PUT ").is_empty());
}

#[tokio::test]
async fn a_store_that_went_away_is_named_at_once_and_asked_again_by_the_next_write() {
    let away = Arc::new(AtomicBool::new(false));
    let switch = away.clone();
    let server = FakeServer::start(move |asked| {
        if switch.load(Ordering::SeqCst) {
            return (503, "", "gone".to_owned());
        }
        fake::healthy(asked)
    });
    let (setup, ..) = at(&server.url(), |_| {});
    write(&setup).await.unwrap();
    away.store(true, Ordering::SeqCst);
    let error = write(&setup).await.unwrap_err().to_string();
    assert!(error.contains("503"), "{error}");
    assert!(
        matches!(*setup.readiness().borrow(), Readiness::Ready(_)),
        "an outage is no reason to leave the balancer"
    );
    away.store(false, Ordering::SeqCst);
    write(&setup).await.unwrap();
}

/// Also when nobody writes; and it is looked at more often from then on, so that its return is noticed.
#[tokio::test]
async fn whoever_watches_hears_since_when_the_store_is_away_and_that_it_is_back() {
    let away = Arc::new(AtomicBool::new(false));
    let switch = away.clone();
    let server = FakeServer::start(move |asked| {
        if switch.load(Ordering::SeqCst) { (503, "", "gone".to_owned()) } else { fake::healthy(asked) }
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    let often = Pace { routine: Duration::from_millis(50), ..ALWAYS };
    let (setup, _) = setup_at(&config, true, often);
    write(&setup).await.unwrap();
    let watch = setup.watch();
    let until = async |is_away: bool| {
        let end = Instant::now() + LONG;
        while watch.away().is_some() != is_away {
            assert!(Instant::now() < end, "{:?}", watch.away());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    until(false).await;
    let before = Instant::now();
    away.store(true, Ordering::SeqCst);
    until(true).await;
    let first = watch.away().unwrap();
    assert!(first.since >= before && first.reason.contains("503"), "{first:?}");
    let looks = server.asked("").len();
    while server.asked("").len() < looks + 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(watch.away().unwrap().since, first.since, "of the first look that failed");
    away.store(false, Ordering::SeqCst);
    until(false).await;
}

#[tokio::test]
async fn a_user_who_may_not_look_at_templates_may_still_write() {
    let server = FakeServer::start(|asked| {
        let looks =
            asked.line.starts_with("GET /_template") || asked.line.starts_with("GET /_index_template");
        if looks { (403, "", "forbidden".to_owned()) } else { fake::healthy(asked) }
    });
    let (setup, ..) = at(&server.url(), |config| config.templates.create = false);
    write(&setup).await.unwrap();
    write(&setup).await.unwrap();
    assert!(server.asked("PUT ").is_empty());
}
