//! The story of a UI that is hosted: a build made up of the lines that matter, below a base path; what browsers get, keep and unpack;
//! a configuration and a build that change while people look at them.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Response};
use spoor_load::Protocol;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, binary, eventually};
use tempfile::TempDir;
use tokio::process::Command;

const INDEX: &str = r#"<!doctype html><html><head>
<base href="/" data-inject-target="BASE_URL" />
<script>
  // JAEGER_CONFIG_JS
  const KEPT = 1;
  const JAEGER_CONFIG = DEFAULT_CONFIG;
  const JAEGER_STORAGE_CAPABILITIES = DEFAULT_STORAGE_CAPABILITIES;
  const JAEGER_BACKEND_CAPABILITIES = DEFAULT_BACKEND_CAPABILITIES;
  const JAEGER_VERSION = DEFAULT_VERSION;
</script>
<script type="module" src="./static/index-BX3f_9zk.js"></script></head></html>
"#;

/// Longer than what one look at the files keeps, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn build() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    std::fs::create_dir(directory.path().join("static"))?;
    std::fs::write(directory.path().join("index.html"), INDEX)?;
    std::fs::write(directory.path().join("static/index-BX3f_9zk.js"), "console.log('hello');\n".repeat(500))?;
    std::fs::write(directory.path().join("static/packed.css"), "a{}")?;
    std::fs::write(directory.path().join("static/packed.css.br"), "brotli")?;
    std::fs::write(directory.path().join("ui.json"), r#"{"menu":["first"]}"#)?;
    Ok(directory)
}

fn flags(directory: &Path) -> [String; 4] {
    [
        format!("--query.static-files={}", directory.display()),
        format!("--query.ui-config={}", directory.join("ui.json").display()),
        "--query.base-path=/team/jaeger".to_owned(),
        "--query.additional-headers=X-Site: here".to_owned(),
    ]
}

async fn start(directory: &Path, more: &[&str]) -> Result<(Spoor, String)> {
    let flags = flags(directory);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let spoor = Spoor::start(Role::AllInOne, &flags).await?;
    spoor.ready().await?;
    let base = format!("{}/team/jaeger", spoor.url("query-http"));
    Ok((spoor, base))
}

async fn get(url: &str, headers: &[(&str, &str)]) -> Result<Response> {
    let mut request = Client::new().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await?;
    ensure!(answer.headers().get("x-site").is_some_and(|site| site == "here"), "{url}: {answer:?}");
    Ok(answer)
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn page(base: &str) -> Result<String> {
    Ok(get(&format!("{base}/search"), &[]).await?.text().await?)
}

fn gunzip(packed: &[u8]) -> Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).context("unpack")?;
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_the_ui_below_its_base_path_and_keep_what_never_changes() -> Result<()> {
    let directory = build()?;
    let (spoor, base) = start(directory.path(), &["--query.log-static-assets-access"]).await?;
    let version = reqwest::get(format!("{}/version", spoor.url("admin"))).await?.text().await?;
    let html = page(&base).await?;
    for told in [
        r#"<base href="/team/jaeger/""#,
        &format!("JAEGER_VERSION = {version};"),
        r#"JAEGER_CONFIG = {"menu":["first"]};"#,
        r#"JAEGER_STORAGE_CAPABILITIES = {"archiveStorage":false,"#,
        r#"JAEGER_BACKEND_CAPABILITIES = {"archiveStorage":false,"#,
        "KEPT",
    ] {
        ensure!(html.contains(told), "{told} is not in {html}");
    }
    let first = get(&format!("{base}/trace/abc"), &[]).await?;
    ensure!(header(&first, "cache-control") == "no-cache", "{first:?}");
    let again = get(&format!("{base}/trace/abc"), &[("if-none-match", header(&first, "etag"))]).await?;
    ensure!(again.status().as_u16() == 304, "{again:?}");

    let hashed = format!("{base}/static/index-BX3f_9zk.js");
    let file = get(&hashed, &[("accept-encoding", "gzip")]).await?;
    ensure!(header(&file, "cache-control") == "public, max-age=31536000, immutable", "{file:?}");
    ensure!(header(&file, "content-type") == "text/javascript; charset=utf-8", "{file:?}");
    ensure!(header(&file, "content-encoding") == "gzip", "{file:?}");
    let tag = header(&file, "etag").to_owned();
    ensure!(gunzip(&file.bytes().await?)? == "console.log('hello');\n".repeat(500));
    let again = get(&hashed, &[("accept-encoding", "gzip"), ("if-none-match", &tag)]).await?;
    ensure!(again.status().as_u16() == 304 && again.bytes().await?.is_empty());
    let packed = get(&format!("{base}/static/packed.css"), &[("accept-encoding", "gzip, br")]).await?;
    ensure!(header(&packed, "content-encoding") == "br" && packed.text().await? == "brotli");

    for path in ["/static/none.js", "/static/..%2fui.json", "/api/ai/chat", "/api/none"] {
        let answer = get(&format!("{base}{path}"), &[]).await?;
        ensure!(answer.status().as_u16() == 404, "{path}: {answer:?}");
        ensure!(answer.text().await? == "404 page not found\n", "{path}");
    }
    ensure!(get(&format!("{}/api/ai/chat", spoor.url("query-http")), &[]).await?.status().as_u16() == 404);
    ensure!(spoor.log().contains("/team/jaeger/static/packed.css"), "{}", spoor.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_travel_compressed_to_who_asks_for_it() -> Result<()> {
    let directory = build()?;
    let (spoor, base) =
        start(directory.path(), &["--query.cors.allowed-origins=https://grafana.example"]).await?;
    send(&to(&spoor, Protocol::OtlpGrpc, 1), requests(21, 300, 100)).await?;
    let services: serde_json::Value = get(&format!("{base}/api/services"), &[]).await?.json().await?;
    let service = services["data"][0].as_str().context("there are services")?;
    let search = format!("{base}/api/traces?service={service}&limit=20");
    let plain = get(&search, &[]).await?.bytes().await?;
    let origin = ("origin", "https://grafana.example");
    for (accepts, encoding) in
        [("gzip", "gzip"), ("gzip, deflate, br", "br"), ("zstd", "zstd"), ("deflate", "deflate")]
    {
        let answer = get(&search, &[("accept-encoding", accepts), origin]).await?;
        ensure!(header(&answer, "content-encoding") == encoding, "{accepts}: {answer:?}");
        ensure!(header(&answer, "access-control-allow-origin") == origin.1, "{answer:?}");
        let packed = answer.bytes().await?;
        ensure!(packed.len() * 3 < plain.len(), "{encoding}: {} of {}", packed.len(), plain.len());
        if encoding == "gzip" {
            let same = serde_json::from_str::<serde_json::Value>(&gunzip(&packed)?)?
                == serde_json::from_slice::<serde_json::Value>(&plain)?;
            ensure!(same, "the packed answer is another one");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_in_the_directory_is_taken_up_and_what_breaks_is_not() -> Result<()> {
    let directory = build()?;
    let (spoor, base) = start(directory.path(), &[]).await?;
    let file = directory.path().join("ui.json");
    let shows = async |text: &str| {
        eventually(text, PATIENCE, || async {
            let html = page(&base).await?;
            ensure!(html.contains(text), "{html}");
            Ok(())
        })
        .await
    };
    shows(r#"{"menu":["first"]}"#).await?;
    std::fs::write(&file, r#"{"menu":["second"]}"#)?;
    std::fs::write(directory.path().join("index.html"), INDEX.replace("KEPT", "ANOTHER_BUILD"))?;
    shows(r#"{"menu":["second"]}"#).await?;
    shows("ANOTHER_BUILD").await?;

    std::fs::write(&file, r#"{"menu":"#)?;
    eventually("the broken file is told", PATIENCE, || async {
        page(&base).await?;
        ensure!(spoor.log().contains("last good copy stays"), "{}", spoor.log());
        Ok(())
    })
    .await?;
    shows(r#"{"menu":["second"]}"#).await
}

#[tokio::test]
async fn a_ui_that_is_none_is_told_before_anything_starts() -> Result<()> {
    let (empty, directory) = (tempfile::tempdir()?, build()?);
    std::fs::write(directory.path().join("ui.js"), "var a;")?;
    let none = format!("--query.static-files={}", empty.path().display());
    let hosted = format!("--query.static-files={}", directory.path().display());
    let script = format!("--query.ui-config={}", directory.path().join("ui.js").display());
    for (args, says) in [
        (vec![none.as_str()], ["--query.static-files", "index.html"]),
        (vec![hosted.as_str(), script.as_str()], ["--query.ui-config", "function UIConfig"]),
        (vec![script.as_str()], ["--query.ui-config", "--query.static-files"]),
    ] {
        for role in ["all-in-one", "query"] {
            let run = Command::new(binary()?).arg(role).args(&args).output().await?;
            let told = String::from_utf8_lossy(&run.stderr);
            ensure!(!run.status.success() && says.iter().all(|word| told.contains(word)), "{role}: {told}");
        }
    }
    Ok(())
}
