//! Asking a store's server itself, past ours: what it holds, its CPU time, its merges, and waiting until it rests.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::eventually;

/// How long merges may go on after the last write.
const PATIENCE: Duration = Duration::from_secs(900);
/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// CPU time in ms within [`INTERVAL`] below which a server rests.
const REST: f64 = 50.0;
/// How long a server may have no room for a question.
const NO_ROOM: Duration = Duration::from_secs(120);

/// The answer to a story's own question, whatever its status, of a server or of a process of ours in front of one. Where there is no
/// room for it (429: the breaker of a server's memory counts garbage, too, and a small heap behind much load is full of it) it is
/// asked again, as the answer wants it.
///
/// # Errors
/// When nobody can be asked, or has room for two minutes.
pub async fn response(request: RequestBuilder) -> Result<Response> {
    let answer = eventually("the store has room for a question", NO_ROOM, || async {
        let asked = request.try_clone().context("a question can be asked twice")?.send().await;
        match asked {
            Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                bail!("{}", answer.text().await?)
            }
            asked => Ok(asked),
        }
    })
    .await??;
    Ok(answer)
}

/// What a server answers to a story's own question, which is asked as by [`response`].
///
/// # Errors
/// When it cannot be asked, has no room for two minutes, or refuses: then with its words.
pub async fn answer(request: RequestBuilder) -> Result<Value> {
    let answer = response(request).await?;
    let (status, url) = (answer.status(), answer.url().clone());
    let words = answer.text().await?;
    ensure!(status.is_success(), "{url} is answered with {status}: {words}");
    serde_json::from_str(&words).with_context(|| format!("{url} is answered with {words:.1000}"))
}

/// User and system time of the server's process so far in ms, by its own account, once no merge is running and it is idle: what
/// it does in the background belongs to what was written before.
///
/// # Errors
/// When the server cannot be asked, or does not come to rest within 15 minutes.
pub async fn idle_cpu_ms(server: &str) -> Result<f64> {
    let limit = Instant::now() + PATIENCE;
    let mut last = cpu_ms(server).await?;
    loop {
        // A rate of work is told by two looks at the same distance.
        tokio::time::sleep(INTERVAL).await;
        let (next, merges) = (cpu_ms(server).await?, merges(server).await?);
        if merges == 0 && next - last < REST {
            return Ok(next);
        }
        ensure!(
            Instant::now() < limit,
            "wait for {server} to rest: after {PATIENCE:?} it still runs {merges} merges and spends {:.0} ms of CPU in {INTERVAL:?}; \
             let nothing else use it",
            next - last
        );
        last = next;
    }
}

async fn cpu_ms(server: &str) -> Result<f64> {
    let stats = get(&format!("{server}/_nodes/stats/process?filter_path=nodes.*.process.cpu")).await?;
    let nodes = stats["nodes"].as_object().context("the server tells of its nodes")?;
    Ok(nodes.values().filter_map(|node| node["process"]["cpu"]["total_in_millis"].as_f64()).sum())
}

async fn merges(server: &str) -> Result<u64> {
    let stats = get(&format!("{server}/_stats/merge?filter_path=_all.total.merges.current")).await?;
    Ok(stats.pointer("/_all/total/merges/current").and_then(Value::as_u64).unwrap_or_default())
}

/// The segments that searches of these indices look through, as `_cat/segments` has them: `index`, and `size` in bytes.
///
/// # Errors
/// When the server cannot be asked.
pub async fn segments(server: &str, indices: &str) -> Result<Vec<Value>> {
    let segments =
        get(&format!("{server}/_cat/segments/{indices}?format=json&bytes=b&h=index,size,searchable")).await?;
    let all = segments.as_array().context("a list of segments")?.iter();
    Ok(all.filter(|segment| segment["searchable"] == "true").cloned().collect())
}

/// Bytes of a segment.
///
/// # Errors
/// When it does not tell them.
pub fn bytes(segment: &Value) -> Result<f64> {
    Ok(segment["size"].as_str().context("a segment has a size")?.parse()?)
}

async fn get(url: &str) -> Result<Value> {
    answer(reqwest::Client::new().get(url)).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode as Status;
    use axum::routing::any;

    use super::*;

    #[tokio::test]
    async fn a_server_without_room_is_asked_again_and_one_that_refuses_is_not() -> Result<()> {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let full = || async {
            match ASKED.fetch_add(1, Ordering::Relaxed) {
                0 => (Status::TOO_MANY_REQUESTS, "Data too large"),
                _ => (Status::OK, r#"{"well":true}"#),
            }
        };
        let router = Router::new()
            .route("/full", any(full))
            .route("/refuses", any(|| async { (Status::BAD_REQUEST, "parse error") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let server = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let client = reqwest::Client::new();
        ensure!(answer(client.post(format!("{server}/full"))).await?["well"] == true);
        ensure!(ASKED.load(Ordering::Relaxed) == 2);
        let refused = answer(client.get(format!("{server}/refuses"))).await.expect_err("it refuses");
        ensure!(format!("{refused:#}").contains("400 Bad Request: parse error"), "{refused:#}");
        Ok(())
    }
}
