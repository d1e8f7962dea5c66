//! How requests reach the store: what they carry, to which node they go, and what settings change in that.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage::{Credentials, RequestContext, SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{Compression, ElasticsearchStore, OpenError, QuestionMethod, RequestLog};
use support::connection::{answers, config, context, open, write};
use support::fake::{Asked, FakeServer, RESET, stored};
use support::log::Log;

/// Takes requests with this header only.
fn guarded(header: &'static str) -> FakeServer {
    FakeServer::start(move |asked| {
        if asked.has(header) { answers(asked) } else { (401, "", r#"{"error":"who are you"}"#.to_owned()) }
    })
}

struct SecretFile(tempfile::TempDir);

impl SecretFile {
    fn with(text: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn path(&self) -> String {
        self.0.path().join("secret").to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn passwords_tokens_and_keys_come_out_of_files() {
    let file = SecretFile::with("secret\n");
    let server = guarded("authorization: basic bwu6c2vjcmv0");
    let store = open(&server, |connection| {
        connection.auth.username = "me".to_owned();
        connection.auth.password_file = file.path();
    });
    assert_eq!(write(&store).await.unwrap().stored, 10);
    let server = guarded("authorization: bearer secret");
    let store = open(&server, |connection| connection.auth.token_file = file.path());
    assert_eq!(write(&store).await.unwrap().stored, 10);
    let server = guarded("authorization: apikey secret");
    let store = open(&server, |connection| connection.auth.api_key_file = file.path());
    assert_eq!(write(&store).await.unwrap().stored, 10);
}

#[tokio::test]
async fn a_secret_that_was_changed_is_used_at_once_when_the_old_one_is_refused() {
    let (file, wanted) = (SecretFile::with("old"), Arc::new(Mutex::new("authorization: bearer old")));
    let guard = wanted.clone();
    let server = FakeServer::start(move |asked| {
        let wanted = *guard.lock().unwrap();
        if asked.has(wanted) { answers(asked) } else { (401, "", String::new()) }
    });
    let store = open(&server, |connection| {
        connection.auth.token_file = file.path();
        connection.auth.token_reload_interval = Duration::from_secs(3600);
    });
    assert_eq!(write(&store).await.unwrap().stored, 10);
    *wanted.lock().unwrap() = "authorization: bearer newer";
    let error = write(&store).await.unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("check --es.token-file"), "{error}");
    file.write("newer\r\n");
    assert_eq!(write(&store).await.unwrap().stored, 10);
}

#[tokio::test]
async fn a_secret_is_read_again_after_its_interval() {
    let file = SecretFile::with("old");
    let server = FakeServer::start(answers);
    let store = open(&server, |connection| {
        connection.auth.token_file = file.path();
        connection.auth.token_reload_interval = Duration::from_nanos(1);
    });
    write(&store).await.unwrap();
    file.write("newer");
    write(&store).await.unwrap();
    file.write("");
    write(&store).await.unwrap();
    let bulks = server.asked("_bulk");
    let sent = ["old", "newer", "newer"].map(|token| format!("authorization: bearer {token}"));
    assert!(bulks.iter().zip(&sent).all(|(bulk, header)| bulk.has(header)), "{bulks:?}");
}

#[tokio::test]
async fn questions_carry_the_users_token_and_writes_our_own() {
    let file = SecretFile::with("own");
    let server = FakeServer::start(answers);
    let store = open(&server, |connection| {
        connection.auth.token_file = file.path();
        connection.auth.bearer_token_propagation = true;
    });
    let user = RequestContext { credentials: Some(Credentials::bearer("users")), ..context() };
    store.reader().services(&user).await.unwrap();
    store.reader().services(&context()).await.unwrap();
    let samples = [Sample::new(trace_id(1), 1, some_minutes_ago())];
    store.writer().write(&user, &batch_of(&samples)).await.unwrap();
    let searches = server.asked("_search");
    assert!(searches[0].has("authorization: bearer users") && searches[1].has("authorization: bearer own"));
    assert!(server.asked("_bulk")[0].has("authorization: bearer own"));
    assert!(server.asked("GET /")[0].has("authorization: bearer own"));
    let keeping = open(&server, |connection| connection.auth.token_file = file.path());
    keeping.reader().services(&user).await.unwrap();
    let last = server.asked("_search").pop().unwrap();
    assert!(last.has("authorization: bearer own"), "without the flag no user's token goes to the store");
}

#[tokio::test]
async fn with_users_tokens_only_a_reader_starts_without_asking() {
    let server = guarded("authorization: bearer users");
    let config = config(&server, |connection| {
        connection.auth.bearer_token_propagation = true;
        connection.version = 103;
    });
    let reader = ElasticsearchStore::open_reader(&config).unwrap();
    let user = RequestContext { credentials: Some(Credentials::bearer("users")), ..context() };
    reader.services(&user).await.unwrap();
    let error = reader.services(&context()).await.unwrap_err().to_string();
    assert!(error.contains("no user's token"), "{error}");
    let error = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap_err();
    assert!(matches!(error, OpenError::Connection(_)), "{error}");
    assert!(error.to_string().contains("bulks and index templates"), "{error}");
}

#[tokio::test]
async fn custom_headers_go_with_every_request_and_are_not_shown() {
    let server = FakeServer::start(answers);
    let config = config(&server, |connection| {
        connection.custom_headers =
            vec!["X-Scope: hush-a: b".parse().unwrap(), "Host: other".parse().unwrap()];
    });
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    write(&store).await.unwrap();
    assert!(!format!("{store:?}").contains("hush"));
    for asked in server.asked("") {
        assert!(asked.has("x-scope: hush-a: b") && asked.has("host: other"), "{asked:?}");
    }
}

#[tokio::test]
async fn bodies_and_answers_are_compressed_where_it_is_worth_it() {
    let zipping = |asked: &Asked| {
        let (status, _, body) = answers(asked);
        let headers = if asked.has("accept-encoding: gzip") { "content-encoding: gzip\r\n" } else { "" };
        (status, headers, body)
    };
    let server = FakeServer::start(zipping);
    for (mode, zips) in [(Compression::On, true), (Compression::Off, false), (Compression::Auto, false)] {
        let store = open(&server, |connection| connection.compression = mode);
        assert_eq!(write(&store).await.unwrap().stored, 10, "{mode:?}");
        let bulk = server.asked("_bulk").pop().unwrap();
        assert_eq!(bulk.has("content-encoding: gzip"), zips, "{mode:?}");
        assert_eq!(bulk.has("accept-encoding: gzip"), zips, "{mode:?}");
        assert_eq!(bulk.actions(), 12, "{mode:?}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_compressed_bodies_gets_plain_ones() {
    for refusal in [415, 400] {
        let server = FakeServer::start(move |asked| {
            if asked.has("content-encoding: gzip") { (refusal, "", String::new()) } else { answers(asked) }
        });
        let store = open(&server, |connection| connection.compression = Compression::On);
        for _ in 0..2 {
            assert_eq!(write(&store).await.unwrap().stored, 10);
        }
        // The templates come first, and the first of them finds out.
        let zipped = server.asked("").iter().filter(|asked| asked.has("content-encoding: gzip")).count();
        assert_eq!(zipped, 1, "{refusal}");
        assert_eq!(server.asked("_bulk").len(), 2, "{refusal}");
    }
}

#[tokio::test]
async fn a_refusal_by_a_server_that_takes_compressed_bodies_is_not_asked_for_twice() {
    let server = FakeServer::start(|asked| match asked.line.contains("_bulk") {
        true => (400, "", r#"{"error":{"type":"parse_exception","reason":"why"},"status":400}"#.to_owned()),
        false => answers(asked),
    });
    let store = open(&server, |connection| connection.compression = Compression::On);
    for bulks in 1..=3 {
        let error = write(&store).await.unwrap_err().to_string();
        assert!(error.contains("why"), "{error}");
        // The templates went compressed, and were taken.
        assert_eq!(server.asked("_bulk").len(), bulks);
    }
}

#[tokio::test]
async fn what_comes_back_after_a_failure_may_be_a_proxy_that_takes_no_compressed_bodies() {
    let bulks = AtomicUsize::new(0);
    let server = FakeServer::start(move |asked| {
        if !asked.line.contains("_bulk") {
            return answers(asked);
        }
        match bulks.fetch_add(1, Ordering::Relaxed) {
            0 => answers(asked),
            1 => (RESET, "", stored(asked.actions())),
            _ if asked.has("content-encoding: gzip") => (400, "", "<html>what is this?</html>".to_owned()),
            _ => answers(asked),
        }
    });
    let store = open(&server, |connection| connection.compression = Compression::On);
    assert_eq!(write(&store).await.unwrap().stored, 10);
    write(&store).await.unwrap_err();
    assert_eq!(write(&store).await.unwrap().stored, 10, "sent again as it is");
    assert_eq!(server.asked("_bulk").len(), 4);
}

#[tokio::test]
async fn questions_are_sent_by_the_method_that_is_set() {
    let server = FakeServer::start(answers);
    open(&server, |_| {}).reader().services(&context()).await.unwrap();
    let store = open(&server, |connection| connection.question_method = QuestionMethod::Get);
    store.reader().services(&context()).await.unwrap();
    write(&store).await.unwrap();
    let methods: Vec<String> = server
        .asked("_search")
        .iter()
        .map(|asked| asked.line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(methods, ["POST", "GET"]);
    assert!(server.asked("_bulk")[0].line.starts_with("POST "), "a bulk is no question");
}

#[tokio::test]
async fn requests_are_logged_as_the_level_says_and_never_their_secrets() {
    let file = SecretFile::with("hush");
    let ill = FakeServer::start(|asked| match asked.line.contains("_search") {
        true => (503, "", "overworked".to_owned()),
        false => answers(asked),
    });
    let well = FakeServer::start(answers);
    for (level, failures, all) in
        [(RequestLog::Error, false, false), (RequestLog::Info, true, false), (RequestLog::Debug, true, true)]
    {
        let (log, _guard) = Log::of_this_thread();
        let store = open(&well, |connection| {
            connection.server_urls.insert(0, ill.url().parse().unwrap());
            connection.auth.token_file = file.path();
            connection.log_level = level;
        });
        store.reader().services(&context()).await.unwrap();
        store.reader().services(&context()).await.unwrap();
        let text = log.text();
        assert_eq!(text.contains("overworked"), failures, "{level:?}: {text}");
        assert_eq!(text.contains("the store answered"), all, "{level:?}: {text}");
        assert!(!text.contains("hush"), "{text}");
    }
}
