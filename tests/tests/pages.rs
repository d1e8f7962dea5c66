//! Story: who follows the pages of a search gets every trace once, newest first, from whichever query process answers; on OpenSearch,
//! by summaries and by whole traces.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_load::Protocol;
use spoor_model::TraceId;
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, refresh, unique_prefix};

const WINDOW: &str = "query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn pages_bring_every_trace_once_from_whichever_query_process() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("pages");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    let queries = [Spoor::start(Role::Query, &settings).await?, Spoor::start(Role::Query, &settings).await?];
    for role in queries.iter().chain([&collector]) {
        role.ready().await?;
    }
    let report = send(&to(&collector, Protocol::OtlpGrpc, 2), requests(23, 3_000, 200)).await?;
    let mut expected: BTreeMap<TraceId, usize> = BTreeMap::new();
    for (trace_id, _) in keys_of(&report, |_| true) {
        *expected.entry(trace_id).or_default() += 1;
    }
    refresh(&server, &prefix).await?;

    let summaries = follow(&queries, "trace-summaries", 17).await?;
    let of_summary =
        |summary: &Value| Some((id(summary)?, usize::try_from(summary["spanCount"].as_u64()?).ok()?));
    let found: Vec<_> = summaries
        .iter()
        .filter_map(|page| page["summaries"].as_array())
        .flatten()
        .filter_map(of_summary)
        .collect();
    ensure!(found.len() == expected.len(), "{} summaries of {} traces", found.len(), expected.len());
    let order: Vec<TraceId> = found.iter().map(|(trace_id, _)| *trace_id).collect();
    ensure!(found.into_iter().collect::<BTreeMap<_, _>>() == expected, "the summaries say something else");

    let traces = follow(&queries, "traces", 30).await?;
    let spans = traces.iter().flat_map(spans_of);
    let mut whole: Vec<(TraceId, usize)> = Vec::new();
    for span in spans {
        let trace_id = id(span).context("a span has a trace's id")?;
        match whole.last_mut() {
            Some((last, count)) if *last == trace_id => *count += 1,
            _ => whole.push((trace_id, 1)),
        }
    }
    ensure!(
        whole.iter().map(|(trace_id, _)| *trace_id).collect::<Vec<_>>() == order,
        "another order, or not once each"
    );
    ensure!(whole.into_iter().collect::<BTreeMap<_, _>>() == expected, "a trace is not whole");
    delete_indices(&server, &prefix).await
}

/// All pages of this size, each asked from the other process than the one before.
async fn follow(queries: &[Spoor; 2], route: &str, depth: usize) -> Result<Vec<Value>> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v3/{route}?{WINDOW}&query.searchDepth={depth}&query.pageToken={token}");
        let (status, page) = queries[pages.len() % 2].query(&path).await?;
        ensure!(status == 200, "page {}: {status}: {page}", pages.len());
        let next = page["nextPageToken"].as_str().map(str::to_owned);
        pages.push(page);
        match next {
            Some(next) => token = next,
            None => return Ok(pages),
        }
        ensure!(pages.len() < 1_000, "the pages do not end");
    }
}

fn id(object: &Value) -> Option<TraceId> {
    object["traceId"].as_str()?.parse().ok()
}

fn spans_of(page: &Value) -> impl Iterator<Item = &Value> {
    page["result"]["resourceSpans"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|resource| resource["scopeSpans"].as_array().into_iter().flatten())
        .flat_map(|scope| scope["spans"].as_array().into_iter().flatten())
}
