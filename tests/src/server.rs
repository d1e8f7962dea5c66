//! What a store's server is doing: its CPU time, its merges, and waiting until it rests.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::time::Instant;

/// How long merges may go on after the last write.
const PATIENCE: Duration = Duration::from_secs(900);
/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// CPU time in ms within [`INTERVAL`] below which a server rests.
const REST: f64 = 50.0;

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
    Ok(reqwest::get(url).await?.error_for_status()?.json().await?)
}
