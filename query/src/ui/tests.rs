//! Claims about a hosted UI, over a build made up of the lines that matter.

use axum::body::Body;
use http_body_util::BodyExt;
use tempfile::TempDir;

use super::*;

const INDEX: &str = r#"<html><head><base href="/" data-inject-target="BASE_URL" /><script>
const JAEGER_VERSION = DEFAULT_VERSION;
</script></head></html>"#;

/// A directory with a build: `index.html` and these files below `static/`.
fn build(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), INDEX).unwrap();
    std::fs::create_dir(directory.path().join("static")).unwrap();
    for (name, content) in files {
        let path = directory.path().join("static").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

fn open(directory: &Path) -> Ui {
    let config = UiConfig { static_files: Some(directory.to_owned()), ..UiConfig::default() };
    Ui::open(&config, &"/jaeger".parse().unwrap(), r#"{"gitVersion":"v9"}"#).unwrap().unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn get(ui: &Ui, path: &str, headers: &[(&str, &str)]) -> Option<Response> {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ui.asset(path, request.body(Body::empty()).unwrap()).await
}

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_page_is_told_about_the_server_and_is_asked_for_each_time() {
    let directory = build(&[]);
    let ui = open(directory.path());
    let page = ui.page(Capabilities::default(), &HeaderMap::new()).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(header_of(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header_of(&page, "cache-control"), "no-cache");
    let tag = header_of(&page, "etag").to_owned();
    let html = text(page).await;
    assert!(
        html.contains(r#"<base href="/jaeger/""#) && html.contains(r#"= {"gitVersion":"v9"};"#),
        "{html}"
    );

    for known in [tag.clone(), tag[2..].to_owned(), format!("\"x\", {tag}"), "*".to_owned()] {
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
        let again = ui.page(Capabilities::default(), &asked).await;
        assert_eq!((again.status(), header_of(&again, "etag")), (StatusCode::NOT_MODIFIED, tag.as_str()));
        assert_eq!(text(again).await, "");
    }
    let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, "W/\"0\"".parse().unwrap())]);
    assert_eq!(ui.page(Capabilities::default(), &asked).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn another_build_in_the_directory_is_taken_up() {
    let directory = build(&[]);
    let ui = open(directory.path());
    std::fs::write(directory.path().join("index.html"), "another").unwrap();
    std::fs::write(directory.path().join("static/new.js"), "new").unwrap();
    tokio::time::advance(file::INTERVAL).await;
    assert_eq!(text(ui.page(Capabilities::default(), &HeaderMap::new()).await).await, "another");
    assert_eq!(text(get(&ui, "new.js", &[]).await.unwrap()).await, "new");
}

#[tokio::test]
async fn files_have_their_types() {
    let types = [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.woff2", "font/woff2"),
        ("a.map", "application/json"),
        ("a.wasm", "application/wasm"),
        ("a.png", "image/png"),
        ("a.ico", "image/x-icon"),
        ("deep/er/a.json", "application/json"),
        ("a.unheardof", "application/octet-stream"),
    ];
    let directory = build(&types.map(|(name, _)| (name, b"x".as_slice())));
    let ui = open(directory.path());
    for (name, kind) in types {
        let file = get(&ui, name, &[]).await.unwrap();
        assert_eq!((header_of(&file, "content-type"), file.status()), (kind, StatusCode::OK), "{name}");
        assert_eq!(text(file).await, "x");
    }
}

#[tokio::test]
async fn files_are_kept_by_browsers_as_long_as_their_names_allow() {
    let directory = build(&[("index-BX3f_9zk.js", b"x"), ("plain.js", b"x")]);
    let ui = open(directory.path());
    for (name, keep) in
        [("index-BX3f_9zk.js", "public, max-age=31536000, immutable"), ("plain.js", "no-cache")]
    {
        let file = get(&ui, name, &[]).await.unwrap();
        assert_eq!(header_of(&file, "cache-control"), keep);
        let (tag, modified) = (header_of(&file, "etag"), header_of(&file, "last-modified"));
        assert!(tag.starts_with("W/\"") && !modified.is_empty(), "{tag} {modified}");
        for condition in [("if-none-match", tag), ("if-modified-since", modified)] {
            let again = get(&ui, name, &[condition]).await.unwrap();
            assert_eq!(
                (again.status(), header_of(&again, "cache-control")),
                (StatusCode::NOT_MODIFIED, keep)
            );
        }
        let other = get(&ui, name, &[("if-none-match", "\"other\"")]).await.unwrap();
        assert_eq!(other.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn compressed_copies_beside_a_file_go_to_who_takes_them() {
    let directory = build(&[("a.js", b"plain"), ("a.js.gz", b"gz"), ("a.js.br", b"br"), ("b.js", b"plain")]);
    let ui = open(directory.path());
    for (name, accepts, encoding, body) in [
        ("a.js", "gzip", "gzip", "gz"),
        ("a.js", "gzip, deflate, br, zstd", "br", "br"),
        ("a.js", "br;q=0, gzip", "gzip", "gz"),
        ("a.js", "zstd", "", "plain"),
        ("b.js", "gzip, br", "", "plain"),
    ] {
        let file = get(&ui, name, &[("accept-encoding", accepts)]).await.unwrap();
        assert_eq!(header_of(&file, "content-encoding"), encoding, "{name} {accepts}");
        assert_eq!(header_of(&file, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header_of(&file, "vary"), "accept-encoding");
        assert_eq!(text(file).await, body);
    }
    assert_eq!(text(get(&ui, "a.js", &[]).await.unwrap()).await, "plain");
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_within_the_directory_and_not_out_of_it() {
    use std::os::unix::fs::symlink;

    let directory = build(&[("..data/a.js", b"x"), ("real.js", b"x")]);
    let files = directory.path().join("static");
    let outside = tempfile::NamedTempFile::new().unwrap();
    symlink("..data/a.js", files.join("linked.js")).unwrap();
    symlink(outside.path(), files.join("out.js")).unwrap();
    symlink("../index.html", files.join("up.html")).unwrap();
    symlink("nowhere", files.join("broken.js")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(directory.path(), elsewhere.path().join("current")).unwrap();
    for root in [directory.path(), &elsewhere.path().join("current")] {
        let ui = open(root);
        assert!(get(&ui, "linked.js", &[]).await.is_some());
        for path in
            ["out.js", "up.html", "broken.js", "../index.html", "%2e%2e/index.html", "..data", "", "none"]
        {
            assert!(get(&ui, path, &[]).await.is_none(), "{path}");
        }
        assert!(get(&ui, &"x".repeat(5_000), &[]).await.is_none());
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_the_setting_and_the_file() {
    let (empty, directory) = (tempfile::tempdir().unwrap(), build(&[]));
    let refused = |static_files: Option<&Path>, ui_config: Option<&str>| {
        let config = UiConfig {
            static_files: static_files.map(Path::to_owned),
            ui_config: ui_config.map(PathBuf::from),
            ..UiConfig::default()
        };
        Ui::open(&config, &BasePath::default(), "{}").err().expect("it is refused").to_string()
    };
    let error = refused(Some(empty.path()), None);
    assert!(error.contains("--query.static-files") && error.contains("index.html"), "{error}");
    let error = refused(Some(directory.path()), Some("/nowhere/ui.json"));
    assert!(error.contains("--query.ui-config") && error.contains("/nowhere/ui.json"), "{error}");
    let error = refused(None, Some("ui.json"));
    assert!(error.contains("--query.ui-config") && error.contains("--query.static-files"), "{error}");
}
