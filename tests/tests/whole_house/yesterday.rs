//! What is in the store from days that are over.

use anyhow::{Result, ensure};
use serde_json::json;
use spoor_tests::eventually;
use spoor_tests::traffic::now;
use time::OffsetDateTime;

use crate::house::{PATIENCE, PREFIX};

/// How long retention keeps spans here.
pub(super) const DAYS: u64 = 2;

/// An index of a day that is so many days over.
fn index(days: u64) -> Result<String> {
    let seconds = i64::try_from(now().0 / 1_000_000_000 - days * 86_400)?;
    Ok(format!("{PREFIX}-jaeger-span-{}", OffsetDateTime::from_unix_timestamp(seconds)?.date()))
}

/// Makes an index that has to go and one that has to stay.
pub(super) async fn made(store: &str) -> Result<()> {
    for days in [9, 1] {
        let body = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 1}});
        let request = reqwest::Client::new().put(format!("{store}/{}", index(days)?)).json(&body);
        spoor_tests::server::answer(request).await?;
    }
    Ok(())
}

/// Waits until the one is gone, and looks whether the other is there.
pub(super) async fn is_cleaned(store: &str) -> Result<()> {
    let exists = |days| async move {
        let answer = reqwest::Client::new().head(format!("{store}/{}", index(days)?)).send().await?;
        anyhow::Ok(answer.status().is_success())
    };
    eventually("what is old is gone", PATIENCE, || async {
        ensure!(!exists(9).await?, "{} is there", index(9)?);
        Ok(())
    })
    .await?;
    ensure!(exists(1).await?, "{} is gone, and is not old", index(1)?);
    Ok(())
}
