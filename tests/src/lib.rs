//! Whole-process stories: this library is their harness. A story starts the real binary on free ports, talks to it over the wire,
//! and looks at what it answers, stores, counts and prints.

pub mod accounts;
pub mod asking;
pub mod authority;
mod clients;
pub mod figures;
pub mod ingesting;
mod log_file;
pub mod metrics;
pub mod nginx;
mod process;
pub mod proxy;
mod python;
pub mod recorded;
pub mod server;
pub mod steady;
pub mod topic;
pub mod traffic;
mod wait;

pub use clients::{jars, node_modules};
pub use process::{Ended, Role, Spoor, binary};
pub use python::python_environment;
pub use wait::eventually;

use std::time::{SystemTime, UNIX_EPOCH};

/// An index prefix nobody else uses: stories share one OpenSearch.
#[must_use]
pub fn unique_prefix(story: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{story}-{}-{nanos}", std::process::id())
}

/// Deletes what a story left on the server under its prefix, indices and templates; called at its end.
///
/// # Errors
/// When the server cannot be asked.
pub async fn delete_indices(server: &str, prefix: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    for family in ["jaeger-span", "jaeger-service", "spoor-span"] {
        client.delete(format!("{server}/{prefix}-{family}-*?ignore_unavailable=true")).send().await?;
        for api in ["_template", "_index_template"] {
            // The template is of one kind or the other; the server answers 404 for the kind it is not.
            client.delete(format!("{server}/{api}/{prefix}-{family}")).send().await?;
        }
    }
    Ok(())
}

/// Makes everything stored visible to searches; what a second of waiting does in production.
///
/// # Errors
/// When the server cannot be asked or refuses.
pub async fn refresh(server: &str, prefix: &str) -> anyhow::Result<()> {
    let url = format!("{server}/{prefix}-jaeger-*/_refresh?ignore_unavailable=true&allow_no_indices=true");
    server::answer(reqwest::Client::new().post(url)).await?;
    Ok(())
}
